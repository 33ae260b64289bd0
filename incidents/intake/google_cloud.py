"""Google Cloud Monitoring's webhook channel (WIRE-FORMATS §11).

https://cloud.google.com/monitoring/support/notification-options#webhooks

The channel cannot sign. It can send a token in the address (`?auth_token=…`) or as the password of
Basic authentication; with a secret set, one of the two must be it.
"""

import hmac
import json
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

from incidents.intake.adapter import Adapter, Guide, Snippet, bearer
from incidents.intake.bodies import check_by, one
from incidents.intake.notification import (
    TITLE_LENGTH,
    Action,
    Envelope,
    Glance,
    IntakeError,
    NormalisedAlert,
    Notification,
    bounded_key,
    clean_labels,
    clean_text,
    labels_of,
    links_of,
    record,
    unix_moment,
    word,
)

# In the words that stand for our levels: Google's "warning" is not Prometheus' (WIRE-FORMATS §0).
SEVERITIES = {"critical": "critical", "error": "high", "warning": "medium", "no severity": ""}
WHAT = "the webhook of Google Cloud Monitoring as it is"


def check(envelope: Envelope) -> Glance:
    if envelope.secret:
        query = parse_qs(envelope.call.partition("?")[2])
        given = query.get("auth_token", [""])[0] or bearer(envelope, "bearer")
        if not hmac.compare_digest(given.encode(), envelope.secret.encode()):
            raise IntakeError(
                "wrong_token",
                "The auth_token in the address is not this integration's.",
                status=401,
            )
    return check_by(read)(envelope)


def read(envelope: Envelope) -> Notification:
    body = record(envelope.body, WHAT)
    incident = body.get("incident")
    if not isinstance(incident, dict):
        raise IntakeError("wrong_shape", f'It has no object "incident". Send {WHAT}.')
    if word(body.get("version")) == "test":
        return Notification(remark="A test from Google Cloud arrived. It pages nobody.")
    key = bounded_key(incident.get("incident_id"))
    if not key:
        raise IntakeError("no_key", "incident_id is empty: the alert cannot be told apart.")
    return one(_alert(incident, key))


def _alert(incident: dict[str, Any], key: str) -> NormalisedAlert:
    is_closed = word(incident.get("state")) == "closed"
    labels = _labels(incident)
    subject, text, links = _documentation(incident.get("documentation"))
    policy = clean_text(incident.get("policy_name"), 200)
    summary = clean_text(incident.get("summary"))
    title = policy or subject or summary or "Alert without a name"
    condition = clean_text(incident.get("condition_name"), 200)
    if condition and condition not in title:
        title = f"{title}: {condition}"
    return NormalisedAlert(
        dedup_key=key,
        action=Action.RESOLVE if is_closed else Action.TRIGGER,
        title=clean_text(title, TITLE_LENGTH),
        description=clean_text("\n\n".join(filter(None, (summary, text)))),
        severity_label=_severity(incident),
        labels=labels,
        links=[*links_of(google_cloud=incident.get("url")), *links],
        started_at=unix_moment(incident.get("started_at")),
        ended_at=unix_moment(incident.get("ended_at")) if is_closed else None,
    )


def _documentation(value: object) -> tuple[str, str, list[Any]]:
    """Subject, text and links. Test messages, and old channels, have a plain text here."""
    if not isinstance(value, dict):
        return "", clean_text(value), []
    listed = value.get("links")
    links = [
        link
        for entry in (listed if isinstance(listed, list) else [])[:10]
        if isinstance(entry, dict)
        for link in links_of(documentation=entry.get("url"))
    ]
    return clean_text(value.get("subject"), TITLE_LENGTH), clean_text(value.get("content")), links


def _severity(incident: dict[str, Any]) -> str:
    own = word(incident.get("severity"))
    if own in ("", "no severity"):
        user_labels = incident.get("policy_user_labels")
        own = word(user_labels.get("severity")) if isinstance(user_labels, dict) else ""
    return SEVERITIES.get(own, own)


def _labels(incident: dict[str, Any]) -> dict[str, str]:
    resource, metric = (
        value if isinstance(value := incident.get(name), dict) else {}
        for name in ("resource", "metric")
    )
    found: dict[str, Any] = {}
    for labels in (
        resource.get("labels"),
        metric.get("labels"),
        incident.get("policy_user_labels"),
    ):
        found |= labels if isinstance(labels, dict) else {}
    own = labels_of(
        policy=incident.get("policy_name"),
        condition=incident.get("condition_name"),
        project=incident.get("scoping_project_id"),
        resource=incident.get("resource_display_name") or incident.get("resource_name"),
        resource_type=resource.get("type"),
        metric=metric.get("type"),
        observed=incident.get("observed_value"),
        threshold=incident.get("threshold_value"),
        severity=incident.get("severity"),
    )
    return clean_labels(found | own)


def sample(at: datetime) -> Envelope:
    body = {
        "version": "1.2",
        "incident": {
            "incident_id": "0.trial",
            "scoping_project_id": "trial-project",
            "url": "https://console.cloud.google.com/monitoring/alerting/incidents/0.trial",
            "started_at": int(at.timestamp()),
            "ended_at": None,
            "state": "open",
            "summary": "CPU utilization of web-1 is above the threshold of 0.8.",
            "resource": {"type": "gce_instance", "labels": {"zone": "europe-west3-a"}},
            "metric": {"type": "compute.googleapis.com/instance/cpu/utilization", "labels": {}},
            "policy_name": "A trial policy",
            "condition_name": "CPU utilization",
            "documentation": {"content": "Sent to try the way.", "mime_type": "text/markdown"},
            "severity": "Warning",
        },
    }
    return Envelope(json.dumps(body).encode(), "application/json")


ADAPTER = Adapter(
    kind="google_cloud",
    label="Google Cloud Monitoring",
    check=check,
    read=read,
    sample=sample,
    secret="The auth_token at the end of the address",  # noqa: S106 its name, not its value
    guide=Guide(
        steps=(
            "In the Google Cloud console open Monitoring, Alerting, Edit notification channels, and"
            " add a webhook with the address below.",
            "Choose the channel in each alerting policy, and let it notify when incidents close.",
            "“Test connection” sends a test that shows up among this integration's events and pages"
            " nobody.",
            "A token is asked for once one is set in this integration's settings; then write it at"
            " the end of the address.",
        ),
        snippets=(
            Snippet("Endpoint URL", "{url}"),
            Snippet("Endpoint URL with a token", "{url}?auth_token=YOUR-TOKEN"),
        ),
    ),
)
