"""What every intake adapter produces: one notification, with the alerts it carries.

An adapter is a pure function from a body's bytes to a `Notification`; it knows no ORM and no clock.
It raises `IntakeError` when the body as a whole is not its format, and nothing else, whatever is
sent. What can be read is kept bounded and storable: no NUL, no lone surrogates, no endless texts.
"""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec

TITLE_LENGTH = 300
TEXT_LENGTH = 8_000
LABEL_LENGTH = 1_000
LABEL_COUNT = 100
URL_LENGTH = 2_000


class IntakeError(Exception):
    """A body that its integration's adapter cannot read; `message` is for whoever sent it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Link:
    """An address that belongs to an alert, always http or https."""

    label: str
    url: str


@dataclass(frozen=True)
class NormalisedAlert:
    """One alert in our words, whichever monitor it came from (WIRE-FORMATS, common target model).

    `group` relates alerts that the monitor itself sent as one group; it is never the alert's key.
    """

    dedup_key: str
    is_firing: bool
    title: str
    description: str
    severity_label: str
    group: str
    labels: dict[str, str]
    annotations: dict[str, str]
    links: list[Link]
    started_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True)
class Notification:
    """One accepted body: its alerts in order, and what could not be read of it.

    `missing` counts alerts that the monitor left out for length: nothing is known of them.
    """

    alerts: list[NormalisedAlert] = field(default_factory=list)
    missing: int = 0
    problems: list[str] = field(default_factory=list)


def clean_text(value: object, length: int = TEXT_LENGTH) -> str:
    """Return `value` as text that any database stores, cut to `length` with an ellipsis."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value)
    # PostgreSQL refuses NUL, and UTF-8 cannot carry half of a surrogate pair.
    text = text[: length * 2].replace("\x00", "").encode("utf-8", "replace").decode()
    return text if len(text) <= length else text[: length - 1] + "…"


def clean_labels(pairs: dict[Any, Any] | None, length: int = LABEL_LENGTH) -> dict[str, str]:
    """Return at most `LABEL_COUNT` labels (or annotations), names and values as clean text."""
    first = list((pairs or {}).items())[:LABEL_COUNT]
    return {clean_text(name, LABEL_LENGTH): clean_text(value, length) for name, value in first}


def http_link(label: str, url: object) -> Link | None:
    """Return a link, or None for what is no http address: a `javascript:` one runs when clicked."""
    address = clean_text(url, URL_LENGTH).strip()
    try:
        is_http = urlsplit(address).scheme in {"http", "https"}
    except ValueError:
        return None
    return Link(label, address) if is_http else None


def moment(value: object) -> datetime | None:
    """Read an RFC 3339 moment (nanoseconds are cut) as UTC; None if unset or unreadable.

    Year 1 is how Go writes "not set". An unreadable moment must not cost the alert itself.
    """
    if not isinstance(value, str):
        return None
    try:
        read = msgspec.convert(value, datetime)
        read = read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)
    except (msgspec.ValidationError, OverflowError, ValueError):
        return None
    return read if read.year > 1 else None
