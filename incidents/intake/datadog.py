"""Datadog's webhooks, by the template that we give to paste in (WIRE-FORMATS §6).

https://docs.datadoghq.com/integrations/webhooks/

Datadog has no format of its own: the template is the user's, and only the variables are Datadog's.
One it does not fill in arrives empty, or as its own name (`$ALERT_ID`); both count as absent.
"""

import json
import re
from datetime import datetime, timedelta
from typing import Any

from incidents.intake.adapter import Adapter, Guide, Snippet
from incidents.intake.bodies import check_by, one, parameters
from incidents.intake.notification import (
    TITLE_LENGTH,
    Action,
    Envelope,
    IntakeError,
    NormalisedAlert,
    Notification,
    bounded_key,
    clean_labels,
    clean_text,
    labels_of,
    links_of,
    unix_moment,
    word,
)

TEMPLATE = {
    "alert_id": "$ALERT_ID",
    "cycle_key": "$ALERT_CYCLE_KEY",
    "aggreg_key": "$AGGREG_KEY",
    "transition": "$ALERT_TRANSITION",
    "title": "$EVENT_TITLE",
    "priority": "$ALERT_PRIORITY",
    "scope": "$ALERT_SCOPE",
    "tags": "$TAGS",
    "body": "$TEXT_ONLY_MSG",
    "link": "$LINK",
    "last_updated": "$LAST_UPDATED",
}
UNFILLED = re.compile(r"\$[A-Z][A-Z0-9_]*")
# "[P1] [Triggered on {host:web-1}] CPU is high": both stand in fields of their own as well.
PREFIX = re.compile(
    r"^(?:\[(?:P[1-5]|(?:Re-)?(?:Triggered|Warn|No Data)|Recovered|Renotify)\b[^\]]{0,200}\]\s*)+",
    re.IGNORECASE,
)
MILLISECOND = timedelta(milliseconds=1)
WHAT = "the fields of our template for Datadog"


def read(envelope: Envelope) -> Notification:
    fields = {name: _filled(value) for name, value in parameters(envelope, WHAT).items()}
    if not any(fields.get(name) for name in TEMPLATE):
        raise IntakeError(
            "wrong_shape", f"None of these fields is known. Send {WHAT}: it is on this page."
        )
    action = _action(fields)
    updated = unix_moment(fields.get("last_updated"), unit=MILLISECOND)
    return one(
        NormalisedAlert(
            dedup_key=_key(fields),
            action=action,
            title=clean_text(_title(fields), TITLE_LENGTH),
            description=clean_text(fields.get("body")),
            severity_label=_severity(fields),
            group=clean_text(fields.get("alert_id"), 200),
            labels=_labels(fields),
            links=links_of(datadog=fields.get("link")),
            started_at=updated if action == Action.TRIGGER else None,
            ended_at=updated if action == Action.RESOLVE else None,
        )
    )


def _filled(value: Any) -> Any:  # Any: JSON of any shape
    return "" if isinstance(value, str) and UNFILLED.fullmatch(value.strip()) else value


def _action(fields: dict[str, Any]) -> Action:
    """Recovered, Warn Recovered and No Data Recovered end it; everything else is a problem.

    No Data and renotifications are: what nobody measures may be down. Events made by hand have no
    transition, but a title that may begin with one.
    """
    said = word(fields.get("transition")) or word(fields.get("title")).partition("]")[0]
    return Action.RESOLVE if "recovered" in said else Action.TRIGGER


def _key(fields: dict[str, Any]) -> str:
    """The cycle key links a problem to its recovery; older templates send the monitor's id only."""
    if key := bounded_key(fields.get("cycle_key")):
        return key
    if monitor := clean_text(fields.get("alert_id"), 200).strip():
        return bounded_key(f"{monitor}:{clean_text(fields.get('scope'))}".rstrip(":"))
    if key := bounded_key(fields.get("aggreg_key")) or bounded_key(_title(fields)):
        return key
    raise IntakeError("no_key", "Neither a key, a monitor nor a title is filled in.")


def _title(fields: dict[str, Any]) -> str:
    title = clean_text(fields.get("title"), TITLE_LENGTH * 2).strip()
    return PREFIX.sub("", title) or title or "Datadog alert without a title"


def _severity(fields: dict[str, Any]) -> str:
    """P1 to P5, or low; "normal" is what Datadog says when nobody chose. A warning is one."""
    priority = word(fields.get("priority"))
    if priority not in ("", "normal"):
        return priority
    return "warning" if "warn" in word(fields.get("transition")) else ""


def _labels(fields: dict[str, Any]) -> dict[str, str]:
    tags = fields.get("tags")
    words = tags if isinstance(tags, list) else clean_text(tags).split(",")
    pairs = (clean_text(tag, 1_000).strip().partition(":") for tag in words)
    tagged = {name: value or "true" for name, _, value in pairs if name}
    own = labels_of(
        monitor=fields.get("alert_id"),
        scope=fields.get("scope"),
        transition=fields.get("transition"),
    )
    return clean_labels(tagged | own)


def sample(at: datetime) -> Envelope:
    fields = {
        "alert_id": "7431",
        "cycle_key": "7431-trial",
        "aggreg_key": "7431",
        "transition": "Triggered",
        "title": "[P3] [Triggered] A trial alert",
        "priority": "P3",
        "scope": "host:web-1",
        "tags": "env:prod,service:checkout,monitor",
        "body": "Sent to try the way from Datadog.",
        "link": "https://app.datadoghq.com/event/event?id=1",
        "last_updated": str(int(at.timestamp() * 1000)),
    }
    return Envelope(json.dumps(fields).encode(), "application/json")


ADAPTER = Adapter(
    kind="datadog",
    label="Datadog",
    check=check_by(read),
    read=read,
    sample=sample,
    guide=Guide(
        steps=(
            "In Datadog open Integrations, Webhooks, and add one: name muster, URL {url}",
            "Replace its payload by the template below and save it.",
            "Name @webhook-muster in the message of each monitor that should reach you, and let it"
            " notify on recovery as well.",
        ),
        snippets=(
            Snippet(
                "Payload",
                json.dumps(TEMPLATE, indent=2),
                "“Encode as form” may be on or off; both are read.",
            ),
        ),
    ),
)
