"""Uptime Kuma's webhook (WIRE-FORMATS §10): `{heartbeat, monitor, msg}`, as JSON or as a form.

Its test, and what it says of certificates and domain names, come with neither heartbeat nor
monitor: only with a sentence.
"""

import json
import re
from datetime import datetime
from typing import Any

from incidents.intake.adapter import Adapter, Guide
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
    hashed_key,
    labels_of,
    links_of,
    moment,
    word,
)

DOWN, UP, PENDING, MAINTENANCE = "0", "1", "2", "3"
EXPIRES = re.compile(r"certificate|domain name|expire", re.IGNORECASE)
NUMBERS = re.compile(r"\d+")
WHAT = "Uptime Kuma's webhook with the body as it is preset"


def read(envelope: Envelope) -> Notification:
    fields = parameters(envelope, WHAT)
    if "msg" not in fields and "heartbeat" not in fields:
        raise IntakeError("wrong_shape", f"It has neither msg nor heartbeat. Send {WHAT}.")
    heartbeat, monitor = _record(fields.get("heartbeat")), _record(fields.get("monitor"))
    said = clean_text(fields.get("msg"), 1_000).strip()
    if not heartbeat:
        return _sentence(said)
    key = bounded_key(monitor.get("id")) or bounded_key(heartbeat.get("monitorID"))
    if not key:
        raise IntakeError("no_key", "The monitor has no id: the alert cannot be told apart.")
    status = word(heartbeat.get("status"))
    if status in (DOWN, UP):
        return one(_outage(key, heartbeat, monitor, said, is_up=status == UP))
    if status == MAINTENANCE:
        return Notification(notes=[NormalisedNote(key, said or "Under maintenance")], remark=said)
    return Notification(remark=said or "Uptime Kuma is not sure yet.")


def _record(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _sentence(said: str) -> Notification:
    """A warning before something expires is an alert; the number of days is no part of its key."""
    if not EXPIRES.search(said):
        return Notification(remark=said or "A test from Uptime Kuma.")
    return one(
        NormalisedAlert(
            dedup_key=hashed_key(NUMBERS.sub("", said)),
            action=Action.TRIGGER,
            title=clean_text(said, TITLE_LENGTH),
            severity_label="warning",
        )
    )


def _outage(
    key: str, heartbeat: dict[str, Any], monitor: dict[str, Any], said: str, *, is_up: bool
) -> NormalisedAlert:
    name = clean_text(monitor.get("pathName") or monitor.get("name"), 200) or f"Monitor {key}"
    at = moment(heartbeat.get("time"))  # UTC, though it does not say so
    return NormalisedAlert(
        dedup_key=key,
        action=Action.RESOLVE if is_up else Action.TRIGGER,
        title=clean_text(f"{name} is {'up' if is_up else 'down'}", TITLE_LENGTH),
        description=clean_text(heartbeat.get("msg") or said),
        labels=_labels(monitor),
        links=links_of(monitored=monitor.get("url")),
        started_at=None if is_up else at,
        ended_at=at if is_up else None,
    )


def _labels(monitor: dict[str, Any]) -> dict[str, str]:
    tags = monitor.get("tags")
    tagged = {
        tag.get("name"): tag.get("value") or "true"
        for tag in (tags if isinstance(tags, list) else [])
        if isinstance(tag, dict) and isinstance(tag.get("name"), str)
    }
    own = labels_of(
        monitor=monitor.get("name"),
        monitor_id=monitor.get("id"),
        type=monitor.get("type"),
        host=monitor.get("hostname"),
        url=monitor.get("url"),
    )
    return clean_labels(tagged | own)


def sample(at: datetime) -> Envelope:
    body = {
        "heartbeat": {
            "monitorID": 7,
            "status": 0,
            "time": f"{at:%Y-%m-%d %H:%M:%S}.000",
            "msg": "connect ECONNREFUSED 127.0.0.1:443",
            "important": True,
            "duration": 60,
        },
        "monitor": {
            "id": 7,
            "name": "A trial monitor",
            "url": "https://www.example.com/",
            "type": "http",
            "tags": [],
        },
        "msg": "[A trial monitor] [Down] connect ECONNREFUSED 127.0.0.1:443",
    }
    return Envelope(json.dumps(body).encode(), "application/json")


ADAPTER = Adapter(
    kind="uptime_kuma",
    label="Uptime Kuma",
    check=check_by(read),
    read=read,
    sample=sample,
    guide=Guide(
        steps=(
            "In Uptime Kuma open Settings, Notifications, Setup Notification, and choose Webhook.",
            "Post URL: {url}",
            "Leave the method POST and the body as it is preset, JSON or form.",
            "Tick “Apply on all existing monitors”, test it, and save. A test shows up among this"
            " integration's events and pages nobody.",
            "Warnings of certificates never end by themselves: set “resolve after minutes” of this"
            " integration if they should.",
        ),
    ),
)
