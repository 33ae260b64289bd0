"""Muster's own events: what it knows by itself and sends the way every alert goes.

A heartbeat that failed to come, an alert that nobody repeated, a report by a person: each is stored
as an event of its integration and processed like a monitor's, so that rules, grouping and the
explainer hold for it. Events of this format are told by their origin, never by what a sender says.
"""

from datetime import datetime

import msgspec

from incidents.intake.notification import (
    Action,
    Envelope,
    IntakeError,
    Link,
    NormalisedAlert,
    Notification,
)

CONTENT_TYPE = "application/json"


class OwnAlert(msgspec.Struct, omit_defaults=True):
    """A NormalisedAlert as it is written down."""

    dedup_key: str
    action: str
    title: str = ""
    description: str = ""
    severity_label: str = ""
    group: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    links: list[tuple[str, str]] = []
    started_at: datetime | None = None
    ended_at: datetime | None = None
    expires_at: datetime | None = None
    text: str = ""
    actor: str = ""


class _Body(msgspec.Struct):
    alerts: list[OwnAlert]
    remark: str = ""


def body_of(*alerts: OwnAlert, remark: str = "") -> bytes:
    """The body of an event that says this."""
    return msgspec.json.encode(_Body(list(alerts), remark))


def read(envelope: Envelope) -> Notification:
    try:
        body = msgspec.json.decode(envelope.body, type=_Body)
    except msgspec.DecodeError as error:  # ours, so this is a mistake of ours
        raise IntakeError("wrong_shape", f"An event of Muster's own is damaged: {error}") from None
    return Notification(
        alerts=[_normalise(alert) for alert in body.alerts],
        remark=body.remark,
    )


def _normalise(alert: OwnAlert) -> NormalisedAlert:
    values = msgspec.structs.asdict(alert)
    values["action"] = Action(alert.action)
    values["links"] = [Link(label, url) for label, url in alert.links]
    return NormalisedAlert(**values)
