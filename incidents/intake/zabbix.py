"""Zabbix, by the media type that we ship (WIRE-FORMATS §8).

https://www.zabbix.com/documentation/current/en/manual/config/notifications/media/webhook

The media type posts its parameters as they are; what they mean is decided here. Macros that Zabbix
does not know where they stand arrive as themselves (`{EVENT.ID}`, `{$ZABBIX.URL}`).
"""

import json
import re
from datetime import datetime
from typing import Any

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
    clean_labels,
    clean_text,
    labels_of,
    links_of,
    unix_moment,
    word,
)
from incidents.intake.snippets import snippet

WHAT = "the parameters of our media type for Zabbix"
UNRESOLVED = re.compile(r"\{[$#]?[A-Z][A-Z0-9_.:]*\}|\*UNKNOWN\*")
# Not classified, Information, Warning, Average, High, Disaster: in the words of our levels.
SEVERITIES = ("info", "info", "low", "medium", "high", "critical")
TRIGGERS, DISCOVERY, AUTOREGISTRATION = "0", "1", "2"


def read(envelope: Envelope) -> Notification:
    sent = parameters(envelope, WHAT)
    if "event_id" not in sent:
        raise IntakeError("wrong_shape", f"It has no event_id. Send {WHAT}.")
    fields = {name: _resolved(value) for name, value in sent.items()}
    key = bounded_key(fields["event_id"])
    if not key:
        return Notification(
            remark="It names no event, as the test in Zabbix does: nothing was opened by it."
        )
    if word(fields.get("event_update_status")) == "1":
        return _update(fields, key)
    source = word(fields.get("event_source")) or TRIGGERS
    # What is discovered or registers itself has no value, and never ends.
    is_over = word(fields.get("event_value")) == "0" and source not in (DISCOVERY, AUTOREGISTRATION)
    return one(_alert(fields, key, Action.RESOLVE if is_over else Action.TRIGGER))


def _resolved(value: Any) -> Any:  # Any: JSON of any shape
    return "" if isinstance(value, str) and UNRESOLVED.fullmatch(value.strip()) else value


def _update(fields: dict[str, Any], key: str) -> Notification:
    """Somebody did something to the problem in Zabbix: "acknowledged, commented"."""
    done = set(re.findall(r"[a-z]+", word(fields.get("event_update_action"))))
    is_acknowledged = not done and word(fields.get("event_ack_status")) == "yes"
    if "closed" in done or word(fields.get("event_value")) == "0":
        return one(_alert(fields, key, Action.RESOLVE))
    if "acknowledged" in done or is_acknowledged:
        return one(_alert(fields, key, Action.ACKNOWLEDGE))
    said = clean_text(fields.get("event_update_message")) or clean_text(fields.get("alert_message"))
    what = clean_text(fields.get("event_update_action"), 200) or "updated"
    note = NormalisedNote(key, f"{what}: {said}".rstrip(": "), clean_text(fields.get("user"), 200))
    return Notification(notes=[note])


def _alert(fields: dict[str, Any], key: str, action: Action) -> NormalisedAlert:
    title = clean_text(fields.get("event_name") or fields.get("alert_subject"), TITLE_LENGTH)
    said = (clean_text(fields.get(name)) for name in ("event_opdata", "trigger_description"))
    return NormalisedAlert(
        dedup_key=key,
        action=action,
        title=title.strip() or "Zabbix problem without a name",
        description="\n\n".join(filter(None, said)) or clean_text(fields.get("alert_message")),
        severity_label=_severity(fields),
        labels=_labels(fields),
        links=links_of(zabbix=_address(fields)),
        started_at=unix_moment(fields.get("event_timestamp")),
        ended_at=(
            unix_moment(fields.get("event_recovery_timestamp"))
            if action == Action.RESOLVE
            else None
        ),
        text=clean_text(fields.get("event_update_message")),
        actor=clean_text(fields.get("user"), 200) if action == Action.ACKNOWLEDGE else "",
    )


def _severity(fields: dict[str, Any]) -> str:
    number = word(fields.get("event_nseverity"))
    return SEVERITIES[int(number)] if number in {"0", "1", "2", "3", "4", "5"} else ""


def _labels(fields: dict[str, Any]) -> dict[str, str]:
    """The problem's tags, and whose problem it is."""
    own = labels_of(
        host=fields.get("host_host") or fields.get("host_name"),
        host_name=fields.get("host_name"),
        address=fields.get("host_ip"),
        trigger=fields.get("trigger_id"),
    )
    return clean_labels(_tags(fields.get("event_tags")) | own)


def _tags(written: object) -> dict[str, str]:
    """`{EVENT.TAGSJSON}`: a list of tags and values, as text."""
    if isinstance(written, str):
        try:
            written = json.loads(written)
        except (ValueError, RecursionError):
            return {}
    listed = written if isinstance(written, list) else []
    return {
        clean_text(each.get("tag"), 200): clean_text(each.get("value"), 1_000) or "true"
        for each in listed
        if isinstance(each, dict) and each.get("tag")
    }


def _address(fields: dict[str, Any]) -> str:
    base = clean_text(fields.get("zabbix_url"), 500).strip().rstrip("/")
    trigger, event = (word(fields.get(name)) for name in ("trigger_id", "event_id"))
    if not base or not trigger.isdigit() or not event.isdigit():
        return ""
    return f"{base}/tr_events.php?triggerid={trigger}&eventid={event}"


def sample(at: datetime) -> Envelope:
    fields = {
        "alert_message": "Current value: 97 %",
        "alert_subject": "A trial problem",
        "event_ack_status": "No",
        "event_id": "4711",
        "event_name": "A trial problem",
        "event_nseverity": "2",
        "event_opdata": "Current value: 97 %",
        "event_recovery_timestamp": "{EVENT.RECOVERY.TIMESTAMP}",
        "event_source": "0",
        "event_tags": '[{"tag":"service","value":"checkout"}]',
        "event_timestamp": str(int(at.timestamp())),
        "event_update_action": "",
        "event_update_message": "",
        "event_update_status": "0",
        "event_value": "1",
        "host_host": "web-1",
        "host_ip": "192.0.2.10",
        "host_name": "Web 1",
        "trigger_description": "Sent to try the way from Zabbix.",
        "trigger_id": "16199",
        "user": "",
        "zabbix_url": "{$ZABBIX.URL}",
    }
    return Envelope(json.dumps(fields).encode(), "application/json")


ADAPTER = Adapter(
    kind="zabbix",
    label="Zabbix",
    check=check_by(read),
    read=read,
    sample=sample,
    guide=Guide(
        steps=(
            "Save the media type below as muster.yaml. In Zabbix open Alerts (or Administration),"
            " Media types, Import, and choose it. Zabbix 6.0 or newer reads it.",
            "Give a user who may read the hosts a media of type Muster, sent to “muster”.",
            "Make a trigger action that notifies this user, under Operations, Recovery operations"
            " and Update operations: so acknowledging and closing arrive here as well.",
            "Set the global macro {$ZABBIX.URL} to the address of the frontend, for links back.",
            "Zabbix tries ten times, a minute apart, while Muster does not answer.",
        ),
        snippets=(Snippet("muster.yaml", snippet("zabbix-media-type.yaml")),),
    ),
)
