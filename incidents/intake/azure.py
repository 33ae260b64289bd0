"""Azure Monitor's common alert schema (WIRE-FORMATS §12).

https://learn.microsoft.com/azure/azure-monitor/alerts/alerts-common-schema

Action groups cannot sign: the secret is the address. Stateless alerts only ever fire.
"""

import json
from datetime import datetime
from itertools import pairwise
from typing import Any

from incidents.intake.adapter import Adapter, Guide
from incidents.intake.bodies import check_by, one
from incidents.intake.notification import (
    TITLE_LENGTH,
    Action,
    Envelope,
    IntakeError,
    Link,
    NormalisedAlert,
    Notification,
    bounded_key,
    clean_labels,
    clean_text,
    labels_of,
    links_of,
    moment,
    record,
    word,
)

# Never as they are: "sev1" is Azure's second-worst, and the name of a severity of ours.
SEVERITIES = {"sev0": "critical", "sev1": "high", "sev2": "medium", "sev3": "low", "sev4": "info"}


def read(envelope: Envelope) -> Notification:
    body = record(envelope.body, "Azure's common alert schema")
    data = body.get("data")
    essentials = data.get("essentials") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(essentials, dict):
        raise IntakeError(
            "wrong_shape",
            "This is not the common alert schema. Turn it on in the webhook of the action group.",
        )
    key = bounded_key(essentials.get("alertId")) or bounded_key(essentials.get("originAlertId"))
    if not key:
        raise IntakeError("no_key", "alertId is empty: the alert cannot be told apart.")
    return one(_alert(essentials, data, key))


def _alert(essentials: dict[str, Any], data: dict[str, Any], key: str) -> NormalisedAlert:
    is_over = word(essentials.get("monitorCondition")) == "resolved"
    rule = clean_text(essentials.get("alertRule"), TITLE_LENGTH).strip()
    severity = word(essentials.get("severity"))
    return NormalisedAlert(
        dedup_key=key,
        action=Action.RESOLVE if is_over else Action.TRIGGER,
        title=rule or "Azure alert without a rule",
        description=clean_text(essentials.get("description")),
        severity_label=SEVERITIES.get(severity, severity),
        labels=_labels(essentials, data),
        links=_links(data),
        started_at=moment(essentials.get("firedDateTime")),
        ended_at=moment(essentials.get("resolvedDateTime")) if is_over else None,
    )


def _labels(essentials: dict[str, Any], data: dict[str, Any]) -> dict[str, str]:
    targets = [clean_text(each) for each in _list(essentials.get("alertTargetIDs"))]
    own = labels_of(
        rule=essentials.get("alertRule"),
        severity=essentials.get("severity"),
        signal=essentials.get("signalType"),
        monitoring_service=essentials.get("monitoringService"),
        target=targets[0] if targets else None,
        resource=", ".join(
            clean_text(each) for each in _list(essentials.get("configurationItems"))
        ),
        **_named_in(targets[0] if targets else ""),
    )
    properties = data.get("customProperties")
    return clean_labels((properties if isinstance(properties, dict) else {}) | own)


def _named_in(target: str) -> dict[str, str]:
    """Subscription and resource group, which rules are written on, out of a resource's path."""
    parts = target.split("/")
    names = {"subscriptions": "subscription", "resourcegroups": "resource_group"}
    return {names[part.lower()]: value for part, value in pairwise(parts) if part.lower() in names}


def _links(data: dict[str, Any]) -> list[Link]:
    """Log alerts link to their search results, in the context or in its first condition."""
    context = data.get("alertContext")
    context = context if isinstance(context, dict) else {}
    condition = context.get("condition")
    conditions = _list(condition.get("allOf")) if isinstance(condition, dict) else []
    first = conditions[0] if conditions and isinstance(conditions[0], dict) else {}
    return links_of(
        search_results=first.get("linkToSearchResultsUI") or context.get("LinkToSearchResults")
    )


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def sample(at: datetime) -> Envelope:
    subscription = "/subscriptions/00000000-0000-0000-0000-000000000000"
    essentials = {
        "alertId": f"{subscription}/providers/Microsoft.AlertsManagement/alerts/trial",
        "alertRule": "A trial rule",
        "severity": "Sev3",
        "signalType": "Metric",
        "monitorCondition": "Fired",
        "monitoringService": "Platform",
        "alertTargetIDs": [
            f"{subscription}/resourcegroups/trial/providers/microsoft.compute/virtualmachines/web-1"
        ],
        "configurationItems": ["web-1"],
        "originAlertId": "trial",
        "firedDateTime": f"{at:%Y-%m-%dT%H:%M:%S}.0000000Z",
        "description": "Sent to try the way from Azure.",
        "essentialsVersion": "1.0",
        "alertContextVersion": "1.0",
    }
    data = {"essentials": essentials, "alertContext": {}, "customProperties": None}
    body = {"schemaId": "azureMonitorCommonAlertSchema", "data": data}
    return Envelope(json.dumps(body).encode(), "application/json")


ADAPTER = Adapter(
    kind="azure",
    label="Azure Monitor",
    check=check_by(read),
    read=read,
    sample=sample,
    guide=Guide(
        steps=(
            "In the Azure portal open Monitor, Alerts, Action groups, and add an action of type"
            " Webhook with this URI: {url}",
            "Turn on “Enable the common alert schema” in that action.",
            "Choose the action group in each alert rule, and let the rule resolve its alerts"
            " automatically.",
            "Stateless rules (activity log, some log searches) never report an end: set “resolve"
            " after minutes” of this integration, or their alerts stay open.",
            "Sev0 to Sev4 arrive as critical, high, medium, low and info.",
        ),
    ),
)
