"""From Markdown to what is sent: plain text always, and HTML that mail programs can show."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlsplit

import css_inline
import nh3
from django.conf import settings
from django.template.loader import render_to_string
from markdown_it import MarkdownIt

_markdown = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable("table")
_inliner = css_inline.CSSInliner(keep_style_tags=True, load_remote_stylesheets=False)
_ALLOWED_TAGS = {
    *("a", "blockquote", "br", "code", "em", "hr", "p", "pre", "strong"),
    *("h1", "h2", "h3", "h4", "li", "ol", "ul"),
    *("table", "tbody", "td", "th", "thead", "tr"),
}
_LINK = re.compile(r"(?<!\\)\[((?:[^\]\\]|\\.)*)\]\((\S+?)\)")
_AUTOLINK = re.compile(r"(?<!\\)<((?:https?|mailto):[^>\s]+)>")
# An address written out as it is, which plain Markdown would leave as text.
_BARE_URL = re.compile(r"(?<![\w(<\[\"'])(https?://[^\s<>()\[\]]*[^\s<>()\[\].,;:!?'\"])")
_BOLD = re.compile(r"\*\*(\S(?:.*?\S)?)\*\*")
_ESCAPED = re.compile(r"\\([\\\[\]<>*_`#])")


def plain_text(markdown: str) -> str:
    """Markdown as people read it in plain mail: links written out, escapes and bold removed."""
    text = _LINK.sub(r"\1: \2", markdown)
    text = _AUTOLINK.sub(r"\1", text)
    text = _BOLD.sub(r"\1", text)
    return _ESCAPED.sub(r"\1", text)


def safe_html(markdown: str) -> str:
    """Markdown as HTML that can be shown anywhere: no scripts, no images, no styles."""
    return nh3.clean(
        _markdown.render(_BARE_URL.sub(r"<\1>", markdown)),
        tags=_ALLOWED_TAGS,
        attributes={"a": {"href"}},
        url_schemes={"http", "https", "mailto", "tel"},
        link_rel="noopener noreferrer",
    )


@dataclass(frozen=True)
class Content:
    """What a message says. `attachments` are dicts of name, content_type and text.

    What is confidential, such as a code, is shown to nobody but the recipient.
    """

    subject: str
    markdown: str
    attachments: Sequence[Mapping[str, str]] = ()
    is_confidential: bool = False

    @cached_property
    def text(self) -> str:
        return plain_text(self.markdown)

    @cached_property
    def html(self) -> str:
        """The mail in our own table layout, styles inlined. Worked out once for all recipients."""
        page = render_to_string(
            "comms/mail.html",
            {
                "subject": self.subject,
                "content": safe_html(self.markdown),
                "public_url": settings.PUBLIC_URL,
                "host": urlsplit(settings.PUBLIC_URL).hostname,
            },
        )
        return _inliner.inline(page)
