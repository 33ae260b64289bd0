"""What an adapter consists of, and the answers given where its senders expect no others."""

import json
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from incidents.intake.notification import Envelope, Glance, IntakeError, Notification

JSON = "application/json"


@dataclass(frozen=True)
class Answer:
    """What the sender gets: status, body and headers."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Door:
    """An address outside `/ingest/` that clients of another product know.

    `path` is a prefix without its leading slash, whole segments; `key` finds the integration's key
    in the request, or returns an empty text. Raises IntakeError for what is no message at all.
    """

    path: str
    key: Callable[[Envelope], str]
    methods: tuple[str, ...] = ("POST",)


@dataclass(frozen=True)
class Snippet:
    """One thing to paste. `{url}`, `{key}` and `{base}` (our own address) are filled in, and for
    files that want the address in parts `{scheme}` and `{host}`, which has the port.
    """

    title: str
    text: str
    note: str = ""


@dataclass(frozen=True)
class Guide:
    """How to connect this monitor, shown on the integration's page.

    `steps` are sentences; the snippets follow. `address` is what the monitor is told to post to.
    """

    steps: tuple[str, ...] = ()
    snippets: tuple[Snippet, ...] = ()
    address: str = "{base}/ingest/{key}/"


class NoOptions(msgspec.Struct, forbid_unknown_fields=True):
    """For adapters that need no settings of their own."""


def answer(status: int, document: object, **headers: str) -> Answer:
    """An answer in JSON."""
    return Answer(status, json.dumps(document).encode(), headers=headers)


def bearer(envelope: Envelope, *schemes: str) -> str:
    """The key in an Authorization header: after one of `schemes`, or as the password of Basic."""
    scheme, _, credentials = envelope.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            return b64decode(credentials, validate=True).decode().partition(":")[2]
        except ValueError:
            return ""
    return credentials.strip() if scheme.lower() in schemes else ""


def accepted(envelope: Envelope, glance: Glance) -> Answer:
    """Ours, for senders that look at the status only."""
    return answer(202, {"status": "accepted"})


def refused(error: IntakeError) -> Answer:
    """Ours: the documented shape of errors (DESIGN §6)."""
    fields = {"body": list(error.errors)} if error.errors else {}
    said = {"code": error.code, "message": error.message, "fields": fields}
    headers = {"Allow": "POST"} if error.status == 405 else {}
    return answer(error.status, {"error": said}, **headers)


@dataclass(frozen=True)
class Adapter:
    """One format: how it is checked at the door, read afterwards, answered, tried and explained.

    `check` runs while the sender waits, so it does no more than tell whether the message is of this
    format, and signed if a secret is set; `read` makes the notification of it. Both raise
    IntakeError and nothing else. `sample` is a message as a real sender writes it, about one alert
    that fires at the given moment; the test button sends it, and the curl line shows it.
    `overloaded` is what senders of this format take as "come again later" (WIRE-FORMATS §0).
    `throttled` is the refusal where one integration sends too much; without it nothing is limited.
    `secret` names what the sender signs with, where it can; `options` what else may be set.

    `verify` is for what `read` cannot tell without the network, and may have an effect: it runs
    before `read`, outside any transaction, and again when the event is retried. It answers the
    remark that becomes the event's outcome, or an empty text. It raises IntakeError for what must
    not be read, and NotYetError for what is worth another try.
    """

    kind: str
    label: str
    check: Callable[[Envelope], Glance]
    read: Callable[[Envelope], Notification]
    sample: Callable[[datetime], Envelope]
    guide: Guide = Guide()
    accepted: Callable[[Envelope, Glance], Answer] = accepted
    refused: Callable[[IntakeError], Answer] = refused
    overloaded: int = 503
    methods: tuple[str, ...] = ("POST",)
    kept_headers: tuple[str, ...] = ()
    doors: tuple[Door, ...] = ()
    secret: str = ""
    options: type[msgspec.Struct] = NoOptions
    verify: Callable[[Envelope], str] | None = None
    throttled: Callable[[Envelope], IntakeError] | None = None

    def settings(self, options: Mapping[str, Any]) -> Any:  # Any: of the type `options` says
        """The integration's options, checked. Raises msgspec.ValidationError."""
        return msgspec.convert(dict(options), self.options)
