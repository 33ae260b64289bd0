"""What every intake adapter reads, and what it makes of it.

An adapter is a pure function from an `Envelope` to a `Notification`; it knows no ORM and no clock.
It raises `IntakeError` when the message as a whole is not its format, and nothing else, whatever is
sent. What can be read is kept bounded and storable: no NUL, no lone surrogates, no endless texts.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Any
from urllib.parse import urlsplit

import msgspec

TITLE_LENGTH = 300
TEXT_LENGTH = 8_000
LABEL_LENGTH = 1_000
LABEL_COUNT = 100
URL_LENGTH = 2_000
KEY_LENGTH = 200


class IntakeError(Exception):
    """A message that is refused, or cannot be read; `message` is for whoever sent it.

    `status` is the HTTP status where it is refused at the door; `errors` name single fields, for
    formats whose senders expect a list.
    """

    def __init__(
        self, code: str, message: str, *, status: int = 400, errors: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.errors = errors


class NotYetError(Exception):
    """What cannot be told at the moment, since somebody else's server is away: worth another try.

    `message` is the reason that the event is set aside with once it was tried often enough.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True)
class Envelope:
    """One message as it arrived, and the settings of the integration it arrived at.

    `headers` have lower-case names. At the door they are all of them; afterwards those that the
    adapter's `kept_headers` names, with what its `check` assigned. `call` is what was called below
    the address, with its query: `v2/alerts/7/close?identifierType=alias`. `secret` is the
    integration's own for signatures, and known at the door only. `received_at` is when it came in.
    """

    body: bytes
    content_type: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    call: str = ""
    method: str = "POST"
    options: Mapping[str, Any] = field(default_factory=dict)  # as the adapter's settings have it
    secret: str = field(default="", repr=False)
    received_at: datetime | None = None


class Importance(IntEnum):
    """What is processed first when there is a backlog."""

    CRITICAL = 0
    FIRING = 1
    LATER = 2  # resolves, changes, notes, pings; repeats are made so by the door


@dataclass(frozen=True)
class Glance:
    """What `check` saw while the monitor waited.

    `assigned` is what we promised in the answer and `read` must find again (a dedup key of our own
    making); it is stored with the headers. Under `receipt`, a UUID by which the event is found.
    """

    importance: Importance = Importance.FIRING
    assigned: Mapping[str, str] = field(default_factory=dict)


class Action(StrEnum):
    TRIGGER = "trigger"
    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"


@dataclass(frozen=True)
class Link:
    """An address that belongs to an alert, always http or https."""

    label: str
    url: str


@dataclass(frozen=True)
class NormalisedAlert:
    """One alert in our words, whichever monitor it came from (WIRE-FORMATS, common target model).

    `group` relates alerts that the monitor itself sent as one group; it is never the alert's key.
    Source, component, class and service hint are labels of these names, so that rules match them.
    `expires_at` ends it unless it is repeated by then. `text` and `actor` are what somebody wrote
    and who did it, in the other system.
    """

    dedup_key: str
    action: Action
    title: str = ""
    description: str = ""
    severity_label: str = ""
    group: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    links: list[Link] = field(default_factory=list)
    started_at: datetime | None = None
    ended_at: datetime | None = None
    expires_at: datetime | None = None
    text: str = ""
    actor: str = ""

    @property
    def is_firing(self) -> bool:
        return self.action == Action.TRIGGER


@dataclass(frozen=True)
class NormalisedNote:
    """A remark on an alert, for the timeline of its incident."""

    dedup_key: str
    text: str
    actor: str = ""


@dataclass(frozen=True)
class NormalisedChange:
    """Something that was changed on purpose: a deployment, a release, a configuration.

    Shown beside incidents that begin soon afterwards; it pages nobody. `key` tells repeats apart.
    """

    key: str
    title: str
    kind: str = "change"
    state: str = ""
    environment: str = ""
    source: str = ""
    actor: str = ""
    at: datetime | None = None
    links: list[Link] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class NormalisedReport:
    """What a person or a help desk reports; `service` is a slug, or empty if it is not known."""

    title: str
    text: str = ""
    is_from_customer: bool = True
    service: str = ""
    customers: int = 0
    ticket_url: str = ""
    reporter: str = ""
    email: str = ""


@dataclass(frozen=True)
class Ping:
    """A sign of life of the heartbeat `name`; with `has_failed`, word that the job went wrong."""

    name: str
    has_failed: bool = False
    text: str = ""


@dataclass(frozen=True)
class Notification:
    """One accepted message: what it says, in order, and what could not be read of it.

    `missing` counts alerts that the monitor left out for length: nothing is known of them.
    `remark` says why a message asks for nothing, where that is not plain.
    """

    alerts: list[NormalisedAlert] = field(default_factory=list)
    changes: list[NormalisedChange] = field(default_factory=list)
    notes: list[NormalisedNote] = field(default_factory=list)
    pings: list[Ping] = field(default_factory=list)
    reports: list[NormalisedReport] = field(default_factory=list)
    missing: int = 0
    problems: list[str] = field(default_factory=list)
    remark: str = ""


# --- Reading what anybody may send ---------------------------------------------------------------


def document(body: bytes, what: str) -> Any:
    """Read a body as JSON, leniently: lone surrogates, broken UTF-8 and a byte order mark pass.

    `what` ends the sentence "Send …" of the refusal.
    """
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return json.loads(body.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError):
        raise IntakeError("not_json", f"The body is not JSON. Send {what}.") from None


def record(body: bytes, what: str) -> dict[str, Any]:
    """The same, for a body that must be one JSON object."""
    found = document(body, what)
    if not isinstance(found, dict):
        raise IntakeError("wrong_shape", f"The body is no JSON object. Send {what}.")
    return found


def clean_text(value: object, length: int = TEXT_LENGTH) -> str:
    """Return `value` as text that any database stores, cut to `length` with an ellipsis."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else _written(value)
    # PostgreSQL refuses NUL, and UTF-8 cannot carry half of a surrogate pair.
    text = text[: length * 2].replace("\x00", "").encode("utf-8", "replace").decode()
    return text if len(text) <= length else text[: length - 1] + "…"


def _written(value: object) -> str:
    try:
        return json.dumps(value)
    except (RecursionError, ValueError, TypeError):
        return "(too deeply nested to show)"


def clean_labels(pairs: Mapping[Any, Any] | None, length: int = LABEL_LENGTH) -> dict[str, str]:
    """Return at most `LABEL_COUNT` labels (or annotations), names and values as clean text."""
    first = list((pairs or {}).items())[:LABEL_COUNT]
    return {clean_text(name, LABEL_LENGTH): clean_text(value, length) for name, value in first}


def labels_of(**values: object) -> dict[str, str]:
    """Labels of the given names; what is empty is left out."""
    return {name: text for name, value in values.items() if (text := clean_text(value, 1_000))}


def bounded_key(value: object) -> str:
    """A dedup key as it is while it is short; beyond `KEY_LENGTH` its hash. Empty stays empty."""
    key = clean_text(value, KEY_LENGTH * 50).strip()
    return key if len(key) <= KEY_LENGTH else hashed_key(key)


def hashed_key(text: str) -> str:
    """A dedup key made of a text that is none by itself."""
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def word(value: object) -> str:
    """A severity or a state as monitors write it, in lower case and short."""
    return clean_text(value, 60).strip().lower()


def http_link(label: str, url: object) -> Link | None:
    """Return a link, or None for what is no http address: a `javascript:` one runs when clicked."""
    address = clean_text(url, URL_LENGTH).strip()
    try:
        is_http = urlsplit(address).scheme in {"http", "https"}
    except ValueError:
        return None
    return Link(clean_text(label, 100), address) if is_http else None


def links_of(**urls: object) -> list[Link]:
    """Links labelled by their names (`source_code` becomes "Source code"), where they are http."""
    found = (http_link(name.replace("_", " ").capitalize(), url) for name, url in urls.items())
    return [link for link in found if link]


def moment(value: object) -> datetime | None:
    """Read an RFC 3339 moment (nanoseconds are cut) as UTC; None if unset or unreadable.

    Offsets without a colon and moments without an offset (UTC) pass. Year 1 is how Go writes "not
    set". An unreadable moment must not cost the alert itself.
    """
    if not isinstance(value, str) or len(value) > 60:
        return None
    try:
        try:
            read: datetime = msgspec.convert(value, datetime)
        except msgspec.ValidationError:
            read = datetime.fromisoformat(value.strip())
        read = read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)
    except (OverflowError, ValueError):
        return None
    return read if read.year > 1 else None


def unix_moment(value: object, *, unit: timedelta = timedelta(seconds=1)) -> datetime | None:
    """Read seconds (or another `unit`) since 1970 as UTC, numbers written as text too; or None."""
    try:
        number = float(value)  # type: ignore[arg-type] # whatever it is, float() says
        return datetime(1970, 1, 1, tzinfo=UTC) + number * unit if number > 0 else None
    except (TypeError, ValueError, OverflowError):
        return None
