"""What a mail says, in plain text, whatever state it is in.

The standard library's newer header parser stumbles over damaged headers, so headers are taken raw
and decoded here. Attachments are left out; where there is only HTML, its text is taken.
"""

import re
from datetime import UTC, datetime
from email import message_from_bytes
from email.errors import MessageError
from email.header import decode_header
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import parsedate_to_datetime
from html.parser import HTMLParser

from incidents.intake.notification import TEXT_LENGTH, IntakeError, clean_text

HEADER_LENGTH = 2_000
HTML_LENGTH = 200_000  # characters of it that are looked at
PARTS_LOOKED_AT = 50
_HIDDEN = {"script", "style", "head", "title", "template"}
_BREAKS = {"p", "br", "div", "tr", "li", "table", "h1", "h2", "h3", "h4", "hr", "ul", "ol"}
_SPACE = re.compile(r"\s+")
_BLANKS = re.compile(r"[ \t\xa0]+")
_EMPTY_LINES = re.compile(r"\n\s*\n\s*\n+")


def parse_headers(body: bytes) -> "Message[str, str]":
    """The mail's headers, at a fraction of the cost. Raises IntakeError for what is no mail."""
    return _checked(BytesHeaderParser().parsebytes(body))


def parse(body: bytes) -> "Message[str, str]":
    """The mail. Raises IntakeError for what is none."""
    try:
        mail = message_from_bytes(body)
    except (RecursionError, ValueError, LookupError, MessageError):
        raise IntakeError("not_mail", "This mail is nested too deeply to be read.") from None
    return _checked(mail)


def _checked(mail: "Message[str, str]") -> "Message[str, str]":
    if not any(mail.get(name) for name in ("From", "Subject", "Date", "Message-ID")):
        raise IntakeError(
            "not_mail", "This is no mail: it has neither a sender nor a subject nor a date."
        )
    return mail


def header(mail: "Message[str, str]", name: str) -> str:
    """A header's text, decoded and on one line; empty if it is not there."""
    raw = str(mail.get(name) or "")[:HEADER_LENGTH]
    try:
        parts = decode_header(raw)
    except (ValueError, IndexError, MessageError):
        parts = [(raw, None)]
    text = "".join(
        part if isinstance(part, str) else _decoded(part, charset) for part, charset in parts
    )
    return clean_text(" ".join(text.split()), HEADER_LENGTH)


def sent_at(mail: "Message[str, str]") -> datetime | None:
    try:
        moment = parsedate_to_datetime(str(mail.get("Date") or ""))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def text_of(mail: "Message[str, str]") -> str:
    """The first plain text, or else the text of the first HTML; bounded."""
    html = ""
    for part in _parts(mail):
        kind = part.get_content_type()
        if kind == "text/plain" and (text := _content(part).strip()):
            return _tidy(text)
        if kind == "text/html" and not html:
            html = _content(part)
    return _tidy(text_of_html(html))


def _parts(mail: "Message[str, str]") -> "list[Message[str, str]]":
    """The texts among its parts that are no attachments."""
    found = []
    try:
        for number, part in enumerate(mail.walk()):
            if number >= PARTS_LOOKED_AT:
                break
            is_attached = "attachment" in str(part.get("Content-Disposition") or "").lower()
            if part.get_content_maintype() == "text" and not is_attached:
                found.append(part)
    except RecursionError:
        pass
    return found


def _content(part: "Message[str, str]") -> str:
    try:
        payload = part.get_payload(decode=True)
        charset = part.get_content_charset()
    except (ValueError, LookupError, TypeError, MessageError):
        return ""
    return _decoded(payload, charset) if isinstance(payload, bytes) else ""


def _decoded(content: bytes, charset: str | None) -> str:
    try:
        return content.decode(charset or "utf-8", "replace")
    except (LookupError, ValueError):
        return content.decode("utf-8", "replace")


def text_of_html(html: str) -> str:
    reader = _Reader()
    reader.feed(html[:HTML_LENGTH])
    return "".join(reader.pieces)


class _Reader(HTMLParser):
    """Collects what a reader of the page would see."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._hidden = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _HIDDEN and not self._hidden:
            self._hidden = tag
        if tag in _BREAKS:
            self.pieces.append("\n")
        if tag == "td":
            self.pieces.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag == self._hidden:
            self._hidden = ""
        if tag in _BREAKS:
            self.pieces.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.pieces.append(_SPACE.sub(" ", data))


def _tidy(text: str) -> str:
    text = clean_text(text.replace("\r", ""), TEXT_LENGTH * 2)
    lines = "\n".join(_BLANKS.sub(" ", line).strip() for line in text.split("\n"))
    return clean_text(_EMPTY_LINES.sub("\n\n", lines).strip(), TEXT_LENGTH)
