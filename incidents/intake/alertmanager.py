"""Alertmanager's webhook, version 4 (WIRE-FORMATS §2).

https://prometheus.io/docs/alerting/latest/configuration/#webhook_config

The group's own `status` is ignored: mixed groups are normal, each alert says its own. The key of an
alert is its fingerprint; `groupKey` only relates alerts. Unknown fields are ignored, so newer
versions are read like the one we know.
"""

import hashlib
import json
from typing import Any, Literal

import msgspec

from incidents.intake.notification import (
    LABEL_LENGTH,
    TEXT_LENGTH,
    TITLE_LENGTH,
    IntakeError,
    Link,
    NormalisedAlert,
    Notification,
    clean_labels,
    clean_text,
    http_link,
    moment,
)

KEY_LENGTH = 200


class _Webhook(msgspec.Struct):
    """The body. Alerts stay undecoded, so that one bad alert does not cost the others."""

    alerts: list[Any]  # each is read on its own, by _Alert
    group_key: Any = msgspec.field(name="groupKey", default="")  # only ever turned into text
    external_url: Any = msgspec.field(name="externalURL", default="")  # likewise
    truncated: Any = msgspec.field(name="truncatedAlerts", default=0)  # a number, or ignored


class _Alert(msgspec.Struct):
    """One alert; what we can do without is `Any` and cleaned afterwards."""

    status: Literal["firing", "resolved"]
    labels: dict[str, Any] | None = None
    annotations: dict[str, Any] | None = None
    starts_at: Any = msgspec.field(name="startsAt", default=None)
    ends_at: Any = msgspec.field(name="endsAt", default=None)
    source: Any = msgspec.field(name="generatorURL", default="")
    fingerprint: Any = ""


_decode = msgspec.json.Decoder(_Webhook).decode


def check(body: bytes) -> None:
    """Raise IntakeError if `body` is no webhook at all; cheap enough for the intake path."""
    _read_webhook(body)


def read(body: bytes) -> Notification:
    """Return what `body` says; an alert that cannot be read is named in `problems`."""
    webhook = _read_webhook(body)
    notification = Notification(missing=_positive(webhook.truncated))
    for number, raw in enumerate(webhook.alerts, start=1):
        try:
            alert = _normalise(msgspec.convert(raw, _Alert), webhook)
        except (msgspec.ValidationError, IntakeError) as error:
            notification.problems.append(f"Alert {number}: {clean_text(str(error), 300)}")
        else:
            notification.alerts.append(alert)
    return notification


def _read_webhook(body: bytes) -> _Webhook:
    try:
        return _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _read_leniently(body)


def _read_leniently(body: bytes) -> _Webhook:
    """Read what the strict decoder refuses: lone surrogates, broken UTF-8, a byte order mark."""
    try:
        document = json.loads(body.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError):
        raise IntakeError(
            "not_json", "The body is not JSON. Send Alertmanager's webhook body as it is."
        ) from None
    try:
        return msgspec.convert(document, _Webhook)
    except (msgspec.ValidationError, RecursionError):
        raise IntakeError(
            "wrong_shape",
            'The body is JSON, but not Alertmanager\'s webhook: it needs a list named "alerts".',
        ) from None


def _normalise(alert: _Alert, webhook: _Webhook) -> NormalisedAlert:
    labels = clean_labels(alert.labels)
    annotations = clean_labels(alert.annotations, TEXT_LENGTH)
    title = annotations.get("summary") or annotations.get("title") or labels.get("alertname", "")
    return NormalisedAlert(
        dedup_key=_dedup_key(alert.fingerprint, labels),
        is_firing=alert.status == "firing",
        title=clean_text(title.strip() or "Alert without a name", TITLE_LENGTH),
        description=annotations.get("description") or annotations.get("message", ""),
        severity_label=clean_text(labels.get("severity", "").strip().lower(), 60),
        group=clean_text(webhook.group_key, LABEL_LENGTH),
        labels=labels,
        annotations=annotations,
        links=_links(alert, annotations, webhook),
        started_at=moment(alert.starts_at),
        ended_at=moment(alert.ends_at),
    )


def _dedup_key(fingerprint: object, labels: dict[str, str]) -> str:
    """Return the fingerprint; what relays leave without one is told apart by its labels."""
    key = clean_text(fingerprint, KEY_LENGTH * 2).strip()
    if not key and not labels:
        raise IntakeError("no_key", "it has neither a fingerprint nor labels to tell it apart by.")
    if key and len(key) <= KEY_LENGTH:
        return key
    source = key or json.dumps(labels, sort_keys=True)
    return "sha256:" + hashlib.sha256(source.encode()).hexdigest()


def _links(alert: _Alert, annotations: dict[str, str], webhook: _Webhook) -> list[Link]:
    candidates = (
        http_link("Runbook", annotations.get("runbook_url") or annotations.get("runbook")),
        http_link("Dashboard", annotations.get("dashboard_url") or annotations.get("dashboard")),
        http_link("Source", alert.source),
        http_link("Alertmanager", webhook.external_url),
    )
    return [link for link in candidates if link]


def _positive(value: object) -> int:
    return min(value, 1_000_000) if isinstance(value, int) and value > 0 else 0
