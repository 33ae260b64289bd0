"""Pingdom's webhooks for uptime and transaction checks (WIRE-FORMATS §10).

https://www.pingdom.com/resources/webhooks/
"""

import json
from datetime import datetime
from typing import Any

from incidents.intake.adapter import Adapter, Guide
from incidents.intake.bodies import check_by, one
from incidents.intake.notification import (
    TITLE_LENGTH,
    Action,
    Envelope,
    IntakeError,
    NormalisedAlert,
    Notification,
    bounded_key,
    clean_text,
    labels_of,
    links_of,
    moment,
    record,
    unix_moment,
    word,
)

# UP and DOWN are of uptime checks, the others of transaction checks.
DOWN = {"down", "failing", "failure"}
UP = {"up", "success"}
WHAT = "Pingdom's webhook as it is"


def read(envelope: Envelope) -> Notification:
    fields = record(envelope.body, WHAT)
    if "check_id" not in fields and "current_state" not in fields:
        raise IntakeError("wrong_shape", f"It has neither check_id nor state. Send {WHAT}.")
    key = bounded_key(fields.get("check_id"))
    if not key:
        raise IntakeError("no_key", "check_id is empty: the alert cannot be told apart.")
    state = word(fields.get("current_state"))
    if state not in DOWN | UP:  # paused, unknown, not confirmed yet
        return Notification(remark=f"{_name(fields, key)} is {state or 'in no state'}.")
    return one(_alert(fields, key, is_up=state in UP))


def _alert(fields: dict[str, Any], key: str, *, is_up: bool) -> NormalisedAlert:
    at = unix_moment(fields.get("state_changed_timestamp")) or moment(
        fields.get("state_changed_utc_time")
    )
    params = fields.get("check_params")
    params = params if isinstance(params, dict) else {}
    said = [clean_text(fields.get(name)) for name in ("long_description", "custom_message")]
    report = f"https://my.pingdom.com/app/reports/uptime#check={key}" if key.isdigit() else ""
    return NormalisedAlert(
        dedup_key=key,
        action=Action.RESOLVE if is_up else Action.TRIGGER,
        title=clean_text(f"{_name(fields, key)} is {'up' if is_up else 'down'}", TITLE_LENGTH),
        description="\n".join(filter(None, said)) or clean_text(fields.get("description")),
        severity_label=word(fields.get("importance_level")),
        labels=_labels(fields, params),
        links=links_of(pingdom=report, monitored=params.get("full_url")),
        started_at=None if is_up else at,
        ended_at=at if is_up else None,
    )


def _name(fields: dict[str, Any], key: str) -> str:
    return clean_text(fields.get("check_name"), 200).strip() or f"Check {key}"


def _labels(fields: dict[str, Any], params: dict[str, Any]) -> dict[str, str]:
    tags = fields.get("tags")
    probe = fields.get("first_probe")
    return labels_of(
        check=fields.get("check_name"),
        check_id=fields.get("check_id"),
        type=fields.get("check_type"),
        host=params.get("hostname"),
        url=params.get("full_url"),
        tags=",".join(clean_text(tag, 100) for tag in tags) if isinstance(tags, list) else tags,
        probe=probe.get("location") if isinstance(probe, dict) else None,
    )


def sample(at: datetime) -> Envelope:
    body = {
        "check_id": 12345,
        "check_name": "A trial check",
        "check_type": "HTTP",
        "check_params": {
            "basic_auth": False,
            "encryption": True,
            "full_url": "https://www.example.com/path",
            "header": "User-Agent:Pingdom.com_bot",
            "hostname": "www.example.com",
            "ipv6": False,
            "port": 443,
            "url": "/path",
        },
        "tags": ["trial"],
        "previous_state": "UP",
        "current_state": "DOWN",
        "importance_level": "LOW",
        "state_changed_timestamp": int(at.timestamp()),
        "state_changed_utc_time": f"{at:%Y-%m-%dT%H:%M:%S}",
        "long_description": "HTTP Server Error 503 Service Unavailable",
        "description": "HTTP Error 503",
        "first_probe": {"ip": "123.4.5.6", "ipv6": "", "location": "Stockholm, Sweden"},
        "second_probe": {"ip": "123.4.5.7", "ipv6": "", "location": "Austin, US"},
        "version": 1,
    }
    return Envelope(json.dumps(body).encode(), "application/json")


ADAPTER = Adapter(
    kind="pingdom",
    label="Pingdom",
    check=check_by(read),
    read=read,
    sample=sample,
    guide=Guide(
        steps=(
            "In Pingdom open Integrations and add one of type Webhook, with this URL: {url}",
            "Choose it in each check that should reach you, and let it alert when back up.",
            "Checks of importance HIGH and LOW arrive with the severities “high” and “low”.",
        ),
    ),
)
