"""Messages whose senders choose the encoding, and the check of formats that are read at once.

Tools with templates send the same fields as JSON, as a form, or in the address (WIRE-FORMATS §6,
§9, §10). What arrives is one flat or nested mapping of names to values.
"""

import json
from collections.abc import Callable
from email import message_from_bytes
from typing import Any
from urllib.parse import parse_qsl

from incidents.intake.notification import (
    Action,
    Envelope,
    Glance,
    Importance,
    IntakeError,
    NormalisedAlert,
    Notification,
    document,
)

FIELD_COUNT = 200
# What is refused at the door. Everything else is accepted, and set aside with its reason if it
# cannot be read: most of these senders never repeat what was refused.
REFUSED = {"not_json", "wrong_shape", "wrong_token"}
CRITICAL_WORDS = {"critical", "disaster", "emergency", "fatal", "p1"}


def parameters(envelope: Envelope, what: str) -> dict[str, Any]:
    """The message's fields: those of the address, then those of the body.

    `what` ends the sentence "Send …". Raises IntakeError if there are none, or it is a JSON list.
    """
    found = _pairs(envelope.call.partition("?")[2], what) | _body(envelope, what)
    if not found:
        raise IntakeError("wrong_shape", f"There is nothing in it. Send {what}.")
    return found


def anything(envelope: Envelope, what: str) -> object:
    """The message as JSON of any shape, as the fields of a form, or its bare text as `message`."""
    body = envelope.body.strip()
    if body[:1] in (b"{", b"[") or body.startswith(b"\xef\xbb\xbf"):
        found = document(body, what)
        if not isinstance(found, dict | list) or not found:
            raise IntakeError("wrong_shape", f"There is nothing in it. Send {what}.")
        return found
    fields = parameters(envelope, what)
    if any(fields.values()):
        return fields
    return {"message": body.decode("utf-8", "replace")}


def _body(envelope: Envelope, what: str) -> dict[str, Any]:
    kind = envelope.content_type.lower()
    body = envelope.body.strip()
    if not body:
        return {}
    if kind.startswith("multipart/form-data"):
        return _unwrapped(_parts(envelope))
    if "json" in kind or body[:1] in b"{[" or body.startswith(b"\xef\xbb\xbf"):
        return _record(document(body, what), what)
    return _unwrapped(_pairs(body.decode("utf-8", "replace"), what))


def _record(found: object, what: str) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise IntakeError("wrong_shape", f"The body is no JSON object. Send {what}.")
    return found


def _pairs(text: str, what: str) -> dict[str, Any]:
    try:
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=FIELD_COUNT))
    except ValueError:
        raise IntakeError("wrong_shape", f"It has too many fields. Send {what}.") from None


def _parts(envelope: Envelope) -> dict[str, Any]:
    """The parts of a multipart form, by name."""
    # The header must stay one line: what follows a line break would be a header of its own.
    head = envelope.content_type.replace("\r", " ").replace("\n", " ").encode("utf-8", "replace")
    try:
        message = message_from_bytes(b"Content-Type: " + head + b"\r\n\r\n" + envelope.body)
        parts = message.get_payload()
        if not isinstance(parts, list):
            return {}
        found: dict[str, Any] = {}
        for part in parts[:FIELD_COUNT]:
            name = part.get_param("name", header="content-disposition")  # type: ignore[union-attr]
            content = part.get_payload(decode=True)  # type: ignore[union-attr]
            if isinstance(name, str) and isinstance(content, bytes):
                found[name] = content.decode("utf-8", "replace")
    except (ValueError, LookupError, RecursionError):
        raise IntakeError("wrong_shape", "The form cannot be read.") from None
    return found


def _unwrapped(form: dict[str, Any]) -> dict[str, Any]:
    """A form of one field that holds a JSON object stands for that object."""
    if len(form) == 1:
        (only,) = form.values()
        if only.lstrip()[:1] == "{":
            try:
                inside = json.loads(only)
            except (ValueError, RecursionError):
                return form
            return inside if isinstance(inside, dict) else form
    return form


def check_by(read: Callable[[Envelope], Notification]) -> Callable[[Envelope], Glance]:
    """A check that reads at once: for formats of one small alert a message.

    It refuses what is not the format at all. What is, and still cannot be read, is accepted.
    """

    def check(envelope: Envelope) -> Glance:
        try:
            return Glance(importance_of(read(envelope)))
        except IntakeError as error:
            if error.code in REFUSED:
                raise
            return Glance(Importance.FIRING)

    return check


def importance_of(notification: Notification) -> Importance:
    firing = [alert for alert in notification.alerts if alert.action == Action.TRIGGER]
    if any(alert.severity_label in CRITICAL_WORDS for alert in firing):
        return Importance.CRITICAL
    return Importance.FIRING if firing else Importance.LATER


def one(alert: NormalisedAlert) -> Notification:
    """A message about one alert."""
    return Notification(alerts=[alert])
