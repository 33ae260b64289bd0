from comms.content import Content, plain_text, safe_html


def test_plain_text_writes_links_out():
    markdown = "**Down**: [acknowledge](https://m.example/a/1/) or see <https://m.example/2>."

    assert plain_text(markdown) == (
        "Down: acknowledge: https://m.example/a/1/ or see https://m.example/2."
    )


def test_plain_text_shows_escaped_values_as_they_were():
    assert plain_text(r"disk\_full \[x](y) \<b> C:\\temp") == r"disk_full [x](y) <b> C:\temp"


def test_html_makes_bare_addresses_links():
    assert safe_html("Runbook: https://wiki.example.com/run_book_1.") == (
        '<p>Runbook: <a href="https://wiki.example.com/run_book_1" rel="noopener noreferrer">'
        "https://wiki.example.com/run_book_1</a>.</p>\n"
    )


def test_html_keeps_no_script_image_or_odd_scheme():
    html = safe_html("<script>alert(1)</script> ![x](https://t.example/p.gif) [x](javascript:x)")

    assert "<script" not in html
    assert "<img" not in html
    assert "href" not in html


def test_mail_has_its_styles_inline_and_its_subject_escaped():
    html = Content("<b>Down</b>", "Hello [I have it](https://m.example/a/1/)").html

    assert "<title>&lt;b&gt;Down&lt;/b&gt;</title>" in html
    assert 'href="https://m.example/a/1/"' in html
    assert "padding: 12px 20px" in html.split('href="https://m.example/a/1/"')[1][:400]
