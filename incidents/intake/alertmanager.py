"""Alertmanager's webhook, version 4 (WIRE-FORMATS §2).

https://prometheus.io/docs/alerting/latest/configuration/#webhook_config

The group's own `status` is ignored: mixed groups are normal, each alert says its own. The key of an
alert is its fingerprint; `groupKey` only relates alerts. Unknown fields are ignored, so newer
versions are read like the one we know. Grafana's webhook descends from this one and is read by the
same functions, which is why they take the shapes to read.
"""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal

import msgspec

from incidents.intake import generic
from incidents.intake.adapter import Adapter, Guide, Snippet
from incidents.intake.notification import (
    LABEL_LENGTH,
    TEXT_LENGTH,
    TITLE_LENGTH,
    Action,
    Envelope,
    Glance,
    Importance,
    IntakeError,
    Link,
    NormalisedAlert,
    Notification,
    bounded_key,
    clean_labels,
    clean_text,
    document,
    hashed_key,
    http_link,
    moment,
    word,
)

CRITICAL = (b'"severity":"critical"', b'"severity": "critical"')


class Webhook(msgspec.Struct):
    """The body. Alerts stay undecoded, so that one bad alert does not cost the others."""

    alerts: list[Any]  # each is read on its own, by WebhookAlert
    group_key: Any = msgspec.field(name="groupKey", default="")  # only ever turned into text
    external_url: Any = msgspec.field(name="externalURL", default="")  # likewise
    truncated: Any = msgspec.field(name="truncatedAlerts", default=0)  # a number, or ignored


class WebhookAlert(msgspec.Struct):
    """One alert; what we can do without is `Any` and cleaned afterwards."""

    status: Literal["firing", "resolved"]
    labels: dict[str, Any] | None = None
    annotations: dict[str, Any] | None = None
    starts_at: Any = msgspec.field(name="startsAt", default=None)
    ends_at: Any = msgspec.field(name="endsAt", default=None)
    source: Any = msgspec.field(name="generatorURL", default="")
    fingerprint: Any = ""


def check(envelope: Envelope) -> Glance:
    """Raise IntakeError if the body is no webhook at all; cheap enough for the intake path.

    How urgent it is, is guessed from its bytes: it only decides what is processed first.
    """
    try:
        read_webhook(envelope.body, Webhook, "Alertmanager")
    except IntakeError:
        if not envelope.options.get("mapping"):
            raise
        return generic.ADAPTER.check(envelope)  # a `payload` of the user's own
    return glance(envelope.body)


def glance(body: bytes) -> Glance:
    if b'"firing"' not in body:
        return Glance(Importance.LATER)
    is_critical = any(mark in body for mark in CRITICAL)
    return Glance(Importance.CRITICAL if is_critical else Importance.FIRING)


def read(envelope: Envelope) -> Notification:
    """Return what the body says; an alert that cannot be read is named in `problems`."""
    try:
        webhook = read_webhook(envelope.body, Webhook, "Alertmanager")
    except IntakeError:
        if not envelope.options.get("mapping"):
            raise
        return generic.read(envelope)
    return each_alert(webhook, WebhookAlert, lambda alert: normalise(alert, webhook))


def each_alert[A: WebhookAlert](
    webhook: Webhook, shape: type[A], normalise: Callable[[A], NormalisedAlert]
) -> Notification:
    """Normalise alert by alert, so that one bad alert does not cost the others."""
    notification = Notification(missing=_positive(webhook.truncated))
    for number, raw in enumerate(webhook.alerts, start=1):
        try:
            alert = normalise(msgspec.convert(raw, shape))
        except (msgspec.ValidationError, UnicodeEncodeError, IntakeError) as error:
            notification.problems.append(f"Alert {number}: {clean_text(str(error), 300)}")
        else:
            notification.alerts.append(alert)
    return notification


def read_webhook[W: Webhook](body: bytes, shape: type[W], sender: str) -> W:
    """The body as such a webhook. Raises IntakeError, in words about `sender`."""
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _read_leniently(body, shape, sender)


def _read_leniently[W: Webhook](body: bytes, shape: type[W], sender: str) -> W:
    """Read what the strict decoder refuses: lone surrogates, broken UTF-8, a byte order mark."""
    found = document(body, f"{sender}'s webhook body as it is")
    try:
        return msgspec.convert(found, shape)
    except (msgspec.ValidationError, UnicodeEncodeError, RecursionError):
        raise IntakeError(
            "wrong_shape",
            f'The body is JSON, but not {sender}\'s webhook: it needs a list named "alerts".',
        ) from None


def normalise(alert: WebhookAlert, webhook: Webhook) -> NormalisedAlert:
    """One alert in our words. Raises IntakeError if nothing tells it apart from others."""
    labels = clean_labels(alert.labels)
    annotations = clean_labels(alert.annotations, TEXT_LENGTH)
    title = annotations.get("summary") or annotations.get("title") or labels.get("alertname", "")
    return NormalisedAlert(
        dedup_key=_dedup_key(alert.fingerprint, labels),
        action=Action.TRIGGER if alert.status == "firing" else Action.RESOLVE,
        title=clean_text(title.strip() or "Alert without a name", TITLE_LENGTH),
        description=annotations.get("description") or annotations.get("message", ""),
        severity_label=word(labels.get("severity")),
        group=clean_text(webhook.group_key, LABEL_LENGTH),
        labels=labels,
        annotations=annotations,
        links=_links(alert, annotations, webhook),
        started_at=moment(alert.starts_at),
        ended_at=moment(alert.ends_at),
    )


def _dedup_key(fingerprint: object, labels: dict[str, str]) -> str:
    """Return the fingerprint; what relays leave without one is told apart by its labels."""
    if key := bounded_key(fingerprint):
        return key
    if not labels:
        raise IntakeError("no_key", "it has neither a fingerprint nor labels to tell it apart by.")
    return hashed_key(json.dumps(labels, sort_keys=True))


def _links(alert: WebhookAlert, annotations: dict[str, str], webhook: Webhook) -> list[Link]:
    candidates = (
        http_link("Runbook", annotations.get("runbook_url") or annotations.get("runbook")),
        http_link("Dashboard", annotations.get("dashboard_url") or annotations.get("dashboard")),
        http_link("Source", alert.source),
        http_link("Alertmanager", webhook.external_url),
    )
    return [link for link in candidates if link]


def _positive(value: object) -> int:
    return min(value, 1_000_000) if isinstance(value, int) and value > 0 else 0


def sample(at: datetime) -> Envelope:
    alert = {
        "status": "firing",
        "labels": {"alertname": "Trial", "severity": "warning"},
        "annotations": {"summary": "A trial alert"},
        "startsAt": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "",
        "fingerprint": "trial",
    }
    webhook = {"version": "4", "groupKey": "trial", "status": "firing", "alerts": [alert]}
    return Envelope(json.dumps(webhook).encode(), "application/json")


ADAPTER = Adapter(
    kind="alertmanager",
    label="Prometheus Alertmanager",
    options=generic.Options,
    check=check,
    read=read,
    sample=sample,
    guide=Guide(
        steps=("Put this into alertmanager.yml and reload Alertmanager.",),
        snippets=(
            Snippet(
                "alertmanager.yml",
                """\
route:
  receiver: muster

receivers:
  - name: muster
    webhook_configs:
      - url: {url}
        send_resolved: true
        max_alerts: 0""",
            ),
        ),
    ),
)
