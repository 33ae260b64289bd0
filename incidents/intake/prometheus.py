"""Alertmanager's own intake, `POST /api/v2/alerts` (WIRE-FORMATS §2, last point).

https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml

So Prometheus, vmalert, the rulers of Loki and Mimir post to us as to an Alertmanager. They send
every firing alert again and again, each time with an `endsAt` a few minutes ahead: an alert that is
no longer sent expires. One whose `endsAt` has passed when it arrives is resolved. Nobody groups
these alerts on the way, so the instances of one rule are one group.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec

from incidents.intake import alertmanager
from incidents.intake.adapter import Adapter, Answer, Door, Guide, Snippet, bearer
from incidents.intake.notification import (
    Action,
    Envelope,
    Glance,
    Importance,
    IntakeError,
    NormalisedAlert,
    Notification,
    Ping,
    clean_text,
    document,
    hashed_key,
    moment,
)

ALERTS = "api/v2/alerts"
CRITICAL = (b'"severity":"critical"', b'"severity": "critical"')


class Options(msgspec.Struct, forbid_unknown_fields=True):
    """What may be set of an integration of this kind."""

    resolve_timeout_minutes: Annotated[
        int,
        msgspec.Meta(
            ge=1,
            le=10_080,
            title="Resolve timeout, minutes",
            description="How long an alert that comes without an end fires on unless it is"
            " repeated. Prometheus always sends an end.",
        ),
    ] = 5
    watchdog: Annotated[
        str,
        msgspec.Meta(
            title="Watchdog alert",
            description="The name of an alert that always fires, such as Watchdog. It then counts"
            " as a heartbeat: you are told when it stops, and never that it fires.",
        ),
    ] = ""


class Posted(msgspec.Struct):
    """One alert; what we can do without is `Any` and cleaned afterwards."""

    labels: dict[str, Any]
    annotations: dict[str, Any] | None = None
    starts_at: Any = msgspec.field(name="startsAt", default=None)
    ends_at: Any = msgspec.field(name="endsAt", default=None)
    source: Any = msgspec.field(name="generatorURL", default="")


def key_of(envelope: Envelope) -> str:
    return bearer(envelope, "bearer")


def check(envelope: Envelope) -> Glance:
    """Raise IntakeError if the body is no list of alerts."""
    alerts = _alerts(envelope.body)
    if all(_has_ended(alert, envelope.received_at) for alert in alerts):
        return Glance(Importance.LATER)
    is_critical = any(mark in envelope.body for mark in CRITICAL)
    return Glance(Importance.CRITICAL if is_critical else Importance.FIRING)


def _has_ended(alert: object, at: datetime | None) -> bool:
    ends_at = moment(alert.get("endsAt")) if isinstance(alert, dict) else None
    return bool(ends_at and at and ends_at <= at)


def accepted(envelope: Envelope, glance: Glance) -> Answer:
    """As Alertmanager: 200 and no body."""
    return Answer(200, b"")


def refused(error: IntakeError) -> Answer:
    """As Alertmanager: the reason, as a JSON text."""
    headers = {"Allow": "POST"} if error.status == 405 else {}
    return Answer(error.status, json.dumps(error.message).encode(), headers=headers)


def read(envelope: Envelope) -> Notification:
    """Return what the body says; an alert that cannot be read is named in `problems`."""
    options: Options = ADAPTER.settings(envelope.options)
    notification = Notification()
    for number, raw in enumerate(_alerts(envelope.body), start=1):
        try:
            alert = _normalise(msgspec.convert(raw, Posted), envelope.received_at, options)
        except (msgspec.ValidationError, UnicodeEncodeError, IntakeError) as error:
            notification.problems.append(f"Alert {number}: {clean_text(str(error), 300)}")
            continue
        if options.watchdog and alert.labels.get("alertname") == options.watchdog:
            notification.pings.extend([Ping(options.watchdog)] if alert.is_firing else [])
        else:
            notification.alerts.append(alert)
    return notification


def _alerts(body: bytes) -> list[Any]:  # each is read on its own, by Posted
    found = document(body, "a list of alerts, as Prometheus posts to Alertmanager")
    if not isinstance(found, list):
        raise IntakeError(
            "wrong_shape", "The body is JSON, but no list of alerts as Prometheus posts them."
        )
    return found


def _normalise(alert: Posted, received_at: datetime | None, options: Options) -> NormalisedAlert:
    # An empty label is no label, as it is in Prometheus.
    labels = {name: value for name, value in alert.labels.items() if value not in (None, "")}
    posted = alertmanager.WebhookAlert(
        status="firing",
        labels=labels,
        annotations=alert.annotations,
        starts_at=alert.starts_at,
        source=alert.source,
        fingerprint=_key(labels),
    )
    group = alertmanager.Webhook(alerts=[], group_key=_group(labels))
    found = alertmanager.normalise(posted, group)
    ends_at = moment(alert.ends_at)
    if ends_at and received_at and ends_at <= received_at:
        return replace(found, action=Action.RESOLVE, ended_at=ends_at)
    if not ends_at and received_at:
        ends_at = received_at + timedelta(minutes=options.resolve_timeout_minutes)
    return replace(found, expires_at=ends_at)


def _key(labels: Mapping[str, Any]) -> str:
    """All labels tell an alert apart from others, as in Alertmanager."""
    if not labels:
        raise IntakeError("no_key", "it has no labels to tell it apart by.")
    try:
        return hashed_key(json.dumps(labels, sort_keys=True))
    except (RecursionError, ValueError):
        raise IntakeError("no_key", "its labels are nested too deeply.") from None


def _group(labels: Mapping[str, Any]) -> str:
    """The rule that fired, which many instances of one job do at once."""
    named = [(name, clean_text(labels.get(name))) for name in ("alertname", "job")]
    return ", ".join(f"{name}={value}" for name, value in named if value)


def sample(at: datetime) -> Envelope:
    alert = {
        "labels": {"alertname": "Trial", "severity": "warning", "job": "trial"},
        "annotations": {"summary": "A trial alert"},
        "startsAt": f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "generatorURL": "http://prometheus.example.com/graph",
    }
    return Envelope(json.dumps([alert]).encode(), "application/json")


ADAPTER = Adapter(
    kind="prometheus",
    label="Prometheus, without Alertmanager",
    check=check,
    read=read,
    sample=sample,
    accepted=accepted,
    refused=refused,
    doors=(Door(ALERTS, key_of),),
    options=Options,
    guide=Guide(
        steps=(
            "For Prometheus, or what speaks to an Alertmanager in its place (vmalert, the rulers of"
            " Loki and Mimir): Muster is entered as if it were one.",
            "Keep Alertmanager where you need its silences and inhibitions, and connect that"
            " instead.",
            "If you have an alert that always fires (Watchdog, DeadMansSwitch), name it below as"
            " the watchdog: you are then told when Prometheus falls silent.",
        ),
        snippets=(
            Snippet(
                "prometheus.yml",
                """\
alerting:
  alertmanagers:
    - scheme: {scheme}
      path_prefix: /ingest/{key}
      api_version: v2
      static_configs:
        - targets: ["{host}"]""",
                "Prometheus adds /api/v2/alerts to the prefix by itself.",
            ),
            Snippet(
                "prometheus.yml, with the key in a header",
                """\
alerting:
  alertmanagers:
    - scheme: {scheme}
      api_version: v2
      authorization:
        credentials: {key}
      static_configs:
        - targets: ["{host}"]""",
            ),
            Snippet("vmalert", "vmalert -notifier.url={base}/ingest/{key} …"),
            Snippet(
                "Loki: the ruler's part of its configuration",
                """\
ruler:
  alertmanager_url: {base}/ingest/{key}
  enable_alertmanager_v2: true""",
            ),
        ),
    ),
)
