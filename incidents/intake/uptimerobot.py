"""UptimeRobot's webhooks: fields in the address, as a form, or as JSON (WIRE-FORMATS §10).

https://uptimerobot.com/integrations/webhooks/

Placeholders that UptimeRobot does not fill in arrive as themselves (`*sslExpiryDate*`).
"""

import json
import re
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from incidents.intake.adapter import Adapter, Guide, Snippet
from incidents.intake.bodies import check_by, one, parameters
from incidents.intake.notification import (
    TITLE_LENGTH,
    Action,
    Envelope,
    IntakeError,
    NormalisedAlert,
    NormalisedNote,
    Notification,
    bounded_key,
    clean_text,
    labels_of,
    links_of,
    unix_moment,
    word,
)

# In this order: an address is cut when it is very long, and the last of them matter least.
FIELDS = (
    "monitorID",
    "alertType",
    "alertDateTime",
    "monitorFriendlyName",
    "alertTypeFriendlyName",
    "monitorURL",
    "alertDuration",
    "sslExpiryDaysLeft",
    "alertDetails",
)
UNFILLED = re.compile(r"\*\w+\*")
DOWN, UP, CERTIFICATE = "1", "2", "3"
BY_NAME = {"down": DOWN, "up": UP, "ssl expiry": CERTIFICATE}
WHAT = "UptimeRobot's fields, at least monitorID and alertType"


def read(envelope: Envelope) -> Notification:
    fields = {name: _filled(value) for name, value in parameters(envelope, WHAT).items()}
    if "monitorID" not in fields and "alertType" not in fields:
        raise IntakeError("wrong_shape", f"Neither field is there. Send {WHAT}.")
    monitor = bounded_key(fields.get("monitorID"))
    if not monitor:
        raise IntakeError("no_key", "monitorID is empty: the alert cannot be told apart.")
    kind = word(fields.get("alertType")) or BY_NAME.get(word(fields.get("alertTypeFriendlyName")))
    if kind in (DOWN, UP):
        return one(_outage(fields, monitor, is_up=kind == UP))
    if kind == CERTIFICATE:
        return one(_certificate(fields, monitor))
    # Paused, started, and whatever comes with the next release.
    said = clean_text(fields.get("alertTypeFriendlyName") or kind or "something", 100)
    text = f"UptimeRobot says {said}: {clean_text(fields.get('alertDetails'), 500)}".rstrip(": ")
    return Notification(notes=[NormalisedNote(monitor, text)], remark=text)


def _filled(value: Any) -> Any:  # Any: JSON of any shape
    return "" if isinstance(value, str) and UNFILLED.fullmatch(value.strip()) else value


def _outage(fields: dict[str, Any], monitor: str, *, is_up: bool) -> NormalisedAlert:
    at = unix_moment(fields.get("alertDateTime"))
    return NormalisedAlert(
        dedup_key=monitor,
        action=Action.RESOLVE if is_up else Action.TRIGGER,
        title=clean_text(f"{_name(fields, monitor)} is {'up' if is_up else 'down'}", TITLE_LENGTH),
        description=clean_text(fields.get("alertDetails")),
        labels=_labels(fields),
        links=links_of(monitored=fields.get("monitorURL")),
        started_at=None if is_up else at,
        ended_at=at if is_up else None,
    )


def _certificate(fields: dict[str, Any], monitor: str) -> NormalisedAlert:
    """An alert of its own, or the next "up" would end it."""
    days = clean_text(fields.get("sslExpiryDaysLeft"), 20).strip()
    when = f"in {days} days" if days else "soon"
    return NormalisedAlert(
        dedup_key=bounded_key(f"{monitor}:certificate"),
        action=Action.TRIGGER,
        title=clean_text(
            f"The certificate of {_name(fields, monitor)} expires {when}", TITLE_LENGTH
        ),
        description=clean_text(fields.get("alertDetails")),
        severity_label="warning",
        labels=_labels(fields),
        links=links_of(monitored=fields.get("monitorURL")),
    )


def _name(fields: dict[str, Any], monitor: str) -> str:
    return clean_text(fields.get("monitorFriendlyName"), 200).strip() or f"Monitor {monitor}"


def _labels(fields: dict[str, Any]) -> dict[str, str]:
    return labels_of(
        monitor=fields.get("monitorFriendlyName"),
        monitor_id=fields.get("monitorID"),
        url=fields.get("monitorURL"),
        contacts=fields.get("monitorAlertContacts"),
    )


def sample(at: datetime) -> Envelope:
    fields = {
        "monitorID": "777749809",
        "alertType": DOWN,
        "alertDateTime": str(int(at.timestamp())),
        "monitorFriendlyName": "A trial monitor",
        "alertTypeFriendlyName": "Down",
        "monitorURL": "https://www.example.com/",
        "alertDetails": "Connection timeout",
    }
    return Envelope(b"", call=f"?{urlencode(fields)}", method="GET")


PLACEHOLDERS = "&".join(f"{name}=*{name}*" for name in FIELDS)

ADAPTER = Adapter(
    kind="uptimerobot",
    label="UptimeRobot",
    check=check_by(read),
    read=read,
    sample=sample,
    methods=("GET", "POST"),
    guide=Guide(
        steps=(
            "In UptimeRobot open Integrations & API and add a webhook.",
            "Paste the address below as “URL to notify”. Leave “Send as query string” on.",
            "Let it notify for up and down events, and choose it in each monitor.",
            "Warnings of certificates never end by themselves: set “resolve after minutes” of this"
            " integration if they should.",
        ),
        snippets=(
            Snippet("URL to notify", f"{{url}}?{PLACEHOLDERS}"),
            Snippet(
                "POST value",
                json.dumps({name: f"*{name}*" for name in FIELDS}, indent=2),
                "Instead, if you prefer to send JSON: then the URL is {url}",
            ),
        ),
    ),
)
