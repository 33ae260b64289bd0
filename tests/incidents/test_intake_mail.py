"""Mails as alerts: by the words of real monitors, by patterns, and damaged."""

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.intake import ADAPTERS, Action, Envelope, Importance, IntakeError, mail
from incidents.intake.mail_text import text_of_html
from incidents.intake.notification import NormalisedAlert
from tests.incidents.damage import FIXTURES, bodies_of, damaged_bytes, read_or_refused

BODIES = FIXTURES / "mail"


def sent(name: str, **options: object) -> Envelope:
    return Envelope((BODIES / f"{name}.eml").read_bytes(), mail.CONTENT_TYPE, options=options)


def mailed(subject: str, text: str = "Text.", **options: object) -> Envelope:
    body = f"From: a@example.com\r\nSubject: {subject}\r\n\r\n{text}\r\n"
    return Envelope(body.encode(), mail.CONTENT_TYPE, options=options)


def alert(envelope: Envelope) -> NormalisedAlert:
    (found,) = mail.read(envelope).alerts
    return found


# --- Real ones -----------------------------------------------------------------------------------


def test_problem_of_nagios_fires():
    found = alert(sent("nagios_problem"))

    assert found.action == Action.TRIGGER
    assert found.title == "** PROBLEM Service Alert: web-1/HTTP is CRITICAL **"
    assert found.severity_label == "critical"
    assert "Connection refused" in found.description
    assert found.labels == {
        "sender": "nagios@monitor.example.com",
        "sender_domain": "monitor.example.com",
        "dmarc": "pass",
    }
    assert found.links[0].url.startswith("http://monitor.example.com/nagios/")
    assert found.started_at == datetime(2026, 3, 2, 9, 58, 40, tzinfo=UTC)


def test_recovery_of_nagios_ends_the_same_alert():
    assert alert(sent("nagios_recovery")).action == Action.RESOLVE
    assert alert(sent("nagios_recovery")).dedup_key == alert(sent("nagios_problem")).dedup_key


def test_html_is_read_as_text_and_auto_generated_is_no_reply():
    found = alert(sent("zabbix_html"))

    assert found.title == "Problem: Hohe Last auf Server Köln-1"
    assert found.description.startswith("Problem started at 10:58\nHost: Köln-1\n")
    assert "Severity High" in found.description
    assert "alert(1)" not in found.description
    assert "color" not in found.description


def test_attachments_are_ignored():
    found = alert(sent("alertmanager_attachment"))

    assert found.description == "Two alerts fire.\n\nhttps://alertmanager.example.com/#/alerts"
    assert found.dedup_key == "diskwillfill db-1"


def test_older_encodings_are_read():
    found = alert(sent("plain_latin1"))

    assert found.title == "Sicherung fehlgeschlagen für Köln"
    assert found.description == "Die Platte für Köln ist voll."


@pytest.mark.parametrize(
    ("name", "remark"), [("vacation", "automatic reply"), ("bounce", "reports nothing")]
)
def test_automatic_replies_and_bounces_report_nothing(name, remark):
    notification = mail.read(sent(name))

    assert notification.alerts == []
    assert remark in notification.remark


# --- Words of subjects ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("firing", "over"),
    [
        ("[FIRING:2] DiskWillFill (db-1 warning)", "[RESOLVED] DiskWillFill (db-1 warning)"),
        ("Problem: High CPU on web-1", "Resolved in 5m 3s: High CPU on web-1"),
        ('ALARM: "checkout-5xx" in EU (Ireland)', 'OK: "checkout-5xx" in EU (Ireland)'),
        ("web-1 OK -> CRITICAL", "web-1 CRITICAL -> OK"),
        ("DOWN: web-1", "UP: web-1"),
        ("Backup failed", "Re: Backup OK"),
        ("Host DOWN: web-1", "AW: [RESOLVED] Host DOWN: web-1"),
        ("Disk is full", "Alert closed: Disk is full"),
        ("[P1] Checkout", "Checkout recovered"),
    ],
)
def test_words_of_a_subject_tell_states_and_not_alerts_apart(firing, over):
    first, last = alert(mailed(firing)), alert(mailed(over))

    assert (first.action, last.action) == (Action.TRIGGER, Action.RESOLVE)
    assert first.dedup_key == last.dedup_key


@pytest.mark.parametrize(
    "subject",
    [
        "Name could not be resolved",
        "Unresolved conflict on db-1",
        "CRITICAL - connection closed by host",
        "Recovery failed on db-1",
        "Look up of users is slow",
        "A book is missing",
        "Replication is not OK",
    ],
)
def test_bad_news_with_good_words_fires(subject):
    assert alert(mailed(subject)).action == Action.TRIGGER


@pytest.mark.parametrize(
    ("subject", "severity"),
    [
        ("WARNING: disk on db-1", "warning"),
        ("[high] disk on db-1", "high"),
        ("Severity: low, disk on db-1", "low"),
        ("High CPU on web-1", ""),
        ("web-1 CRITICAL -> WARNING", "warning"),
        ("Disk [P2]", "p2"),
    ],
)
def test_severity_is_read_where_it_is_marked(subject, severity):
    assert alert(mailed(subject)).severity_label == severity


def test_hosts_are_told_apart():
    keys = {alert(mailed(f"CRITICAL: disk on db-{n}:/var")).dedup_key for n in range(3)}

    assert len(keys) == 3


def test_mail_of_states_only_is_told_by_its_text():
    first, other = alert(mailed("ALERT", "db-1 is down")), alert(mailed("ALERT", "db-2 is down"))

    assert first.dedup_key != other.dedup_key


def test_mail_without_a_subject_has_a_title():
    assert alert(mailed("")).title == "Mail without a subject"


# --- What an integration may say -----------------------------------------------------------------


def test_pattern_of_the_key_is_looked_for_in_subject_and_text():
    options = {"key_pattern": r"ticket #(\d+)"}

    assert alert(mailed("About ticket #17", **options)).dedup_key == "17"
    assert alert(mailed("Trouble", "See ticket #18.", **options)).dedup_key == "18"
    assert alert(mailed("Disk is full", **options)).dedup_key == "disk is full"


def test_pattern_of_an_end_decides_alone():
    options = {"over_pattern": "(?i)all is well"}

    assert alert(mailed("CRITICAL: disk", "All is well.", **options)).action == Action.RESOLVE
    assert alert(mailed("OK: disk", **options)).action == Action.TRIGGER


def test_pattern_of_the_severity_is_used():
    options = {"severity_pattern": r"(?i)schweregrad: (\w+)"}

    assert alert(mailed("Platte", "Schweregrad: Hoch", **options)).severity_label == "hoch"


def test_what_is_to_be_ignored_is_remarked_upon():
    notification = mail.read(mailed("Daily report", ignored_pattern="(?i)report"))

    assert (notification.alerts, bool(notification.remark)) == ([], True)


@pytest.mark.parametrize(
    ("senders", "is_read"),
    [
        (["a@example.com"], True),
        (["A@Example.com"], True),
        (["@example.com"], True),
        (["@ample.com"], False),
        (["b@example.com"], False),
    ],
)
def test_only_the_senders_allowed_are_read(senders, is_read):
    assert bool(mail.read(mailed("Disk", senders=senders)).alerts) == is_read


def test_thread_is_one_alert_where_that_is_wanted():
    began = b"From: a@b.c\r\nMessage-ID: <t1@monitor.example.com>\r\nSubject: Backup fails\r\n\r\n"

    first = alert(Envelope(began, options={"by_thread": True}))
    answer = alert(sent("thread_answer", by_thread=True))

    assert first.dedup_key == answer.dedup_key


@pytest.mark.parametrize("pattern", ["(", "(?=ahead)", "a{99999}"])
def test_pattern_that_cannot_be_used_is_refused_when_it_is_entered(pattern):
    with pytest.raises(msgspec.ValidationError):
        ADAPTERS["mail"].settings({"key_pattern": pattern})


# --- At the door, and damaged --------------------------------------------------------------------


def test_check_puts_ends_last():
    assert mail.check(sent("nagios_problem")).importance == Importance.FIRING
    assert mail.check(sent("nagios_recovery")).importance == Importance.LATER


@pytest.mark.parametrize("body", [b"", b"Disk is full", b"\r\n\r\nText", b'{"a": 1}', b"\x00" * 50])
def test_check_refuses_what_is_no_mail(body):
    with pytest.raises(IntakeError):
        mail.check(Envelope(body))


def test_deeply_nested_mail_is_refused_or_read():
    opening = "".join(
        f"Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n" for n in range(3_000)
    )

    read_or_refused(ADAPTERS["mail"], Envelope(b"Subject: Deep\r\n" + opening.encode()))


def test_many_parts_take_no_time():
    part = b"--b\r\nContent-Type: text/html\r\n\r\n<p>x\r\n"
    body = b"Subject: Many\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + part * 10_000

    assert alert(Envelope(body)).description == "x"


@given(html=st.text(alphabet="<>/=&;'\"! -abpdivscriptstyle\x00#x"))
def test_any_html_has_a_text(html):
    assert isinstance(text_of_html(html), str)


HEADERS = [
    "Subject", "From", "Date", "Message-ID", "References", "In-Reply-To", "Auto-Submitted",
    "Content-Type", "Content-Transfer-Encoding", "Authentication-Results", "Precedence", "List-Id",
]  # fmt: skip
VALUES = st.binary(max_size=60) | st.sampled_from(
    [b"=?utf-8?b?//8=?=", b"=?x?q?=FF?=", b"=?utf-8?b?a?=", b"text/plain; charset=\xff", b"<", b"@",
     b"multipart/mixed; boundary=", b"text/plain; charset=undefined", b"Mon, 99 Mar 99999 99:99",
     b"text/html; charset=utf-7", b"base64", b"x-uuencode", b"quoted-printable"]
)  # fmt: skip


@pytest.mark.slow
@given(headers=st.lists(st.tuples(st.sampled_from(HEADERS), VALUES)), text=st.binary(max_size=200))
def test_any_headers_raise_nothing_but_intake_errors(headers, text):
    lines = b"".join(name.encode() + b": " + value + b"\r\n" for name, value in headers)

    read_or_refused(ADAPTERS["mail"], Envelope(lines + b"\r\n" + text, options={"by_thread": True}))


@pytest.mark.slow
@given(damaged=damaged_bytes(bodies_of("mail")))
def test_damaged_bytes_raise_nothing_but_intake_errors(damaged):
    read_or_refused(ADAPTERS["mail"], Envelope(damaged))
