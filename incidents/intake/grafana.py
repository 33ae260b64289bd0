"""Grafana's alerting webhook (WIRE-FORMATS §3): Alertmanager's, with links and values of its own.

https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/

Grafana tries once a flush and drops what is refused, so nothing is refused here that can be read.
Fingerprints are unique within one organisation of Grafana's, so its number is part of the key.
"""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec

from incidents.intake import alertmanager
from incidents.intake.adapter import Adapter, Guide, Snippet
from incidents.intake.notification import (
    LABEL_LENGTH,
    TITLE_LENGTH,
    Envelope,
    Glance,
    Link,
    NormalisedAlert,
    Notification,
    bounded_key,
    clean_text,
    http_link,
)
from incidents.intake.signatures import require_fresh, require_hmac, unsigned

# The alerts that Grafana makes when a rule cannot be evaluated, in words.
UNEVALUATED = {"DatasourceNoData": "no data", "DatasourceError": "cannot be evaluated"}
# The "Test" button of a contact point sends this one, and never says that it ended.
TEST_ALERT = "TestAlert"
TEST_LASTS = timedelta(minutes=10)
VALUES_SHOWN = 20


class Options(msgspec.Struct, forbid_unknown_fields=True):
    signature_header: Annotated[
        str,
        msgspec.Meta(title="Header of the signature", description="As the contact point has it."),
    ] = "X-Grafana-Alerting-Signature"
    timestamp_header: Annotated[
        str,
        msgspec.Meta(
            title="Header of the time",
            description="If the contact point names one, the time is signed too and checked.",
        ),
    ] = ""


class _Webhook(alertmanager.Webhook):
    organisation: Any = msgspec.field(name="orgId", default="")  # only ever turned into text


class _Alert(alertmanager.WebhookAlert):
    """What Grafana adds to an alert; all of it optional, and cleaned afterwards."""

    organisation: Any = msgspec.field(name="orgId", default="")
    dashboard: Any = msgspec.field(name="dashboardURL", default="")
    panel: Any = msgspec.field(name="panelURL", default="")
    silence: Any = msgspec.field(name="silenceURL", default="")
    image: Any = msgspec.field(name="imageURL", default="")
    values: Any = None
    value_text: Any = msgspec.field(name="valueString", default="")


def check(envelope: Envelope) -> Glance:
    """Raise IntakeError if the body is not signed as agreed, or no webhook of Grafana's."""
    _check_signature(envelope, msgspec.convert(dict(envelope.options), Options))
    alertmanager.read_webhook(envelope.body, _Webhook, "Grafana")
    return alertmanager.glance(envelope.body)


def _check_signature(envelope: Envelope, options: Options) -> None:
    if not envelope.secret:
        return
    signed = None
    if header := options.timestamp_header:
        stamp = envelope.headers.get(header.lower(), "").strip()
        if not stamp:
            raise unsigned(f"The header {header}, which holds the time, is missing.")
        signed = stamp.encode("utf-8", "replace") + b":" + envelope.body
        require_hmac(envelope, options.signature_header, signed=signed)
        require_fresh(envelope, stamp, header)
        return
    require_hmac(envelope, options.signature_header)


def read(envelope: Envelope) -> Notification:
    """Return what the body says; an alert that cannot be read is named in `problems`."""
    webhook = alertmanager.read_webhook(envelope.body, _Webhook, "Grafana")

    def normalise(alert: _Alert) -> NormalisedAlert:
        found = alertmanager.normalise(alert, webhook)
        return replace(
            found,
            dedup_key=_key(found.dedup_key, alert.organisation or webhook.organisation),
            title=_title(found),
            annotations=found.annotations | _values(alert),
            links=_links(alert, found.links),
            expires_at=_expires_at(found, envelope.received_at),
        )

    return alertmanager.each_alert(webhook, _Alert, normalise)


def _expires_at(alert: NormalisedAlert, received_at: datetime | None) -> datetime | None:
    is_test = alert.labels.get("alertname") == TEST_ALERT
    return received_at + TEST_LASTS if is_test and received_at else None


def _key(fingerprint: str, organisation: object) -> str:
    number = clean_text(organisation, 40)
    return bounded_key(f"{number}:{fingerprint}") if number else fingerprint


def _title(alert: NormalisedAlert) -> str:
    """Its own, but for alerts about a rule without data: the rule's name says more than theirs."""
    state = UNEVALUATED.get(alert.labels.get("alertname", ""))
    rule = alert.labels.get("rulename", "")
    return clean_text(f"{rule}: {state}", TITLE_LENGTH) if state and rule else alert.title


def _values(alert: _Alert) -> dict[str, str]:
    """What the expressions of the rule came to, as text; the newer and the older way of saying."""
    if isinstance(alert.values, dict):
        pairs = list(alert.values.items())[:VALUES_SHOWN]
        text = ", ".join(f"{name} = {clean_text(value, 100)}" for name, value in pairs)
    else:
        text = clean_text(alert.value_text, LABEL_LENGTH)
    return {"values": clean_text(text, LABEL_LENGTH)} if text else {}


def _links(alert: _Alert, found: list[Link]) -> list[Link]:
    """Alertmanager's links, its own address named as Grafana's, and those that Grafana adds."""
    own = {"Alertmanager": "Grafana"}
    links = {own.get(link.label, link.label): link for link in found}
    added = {
        "Dashboard": alert.dashboard,
        "Panel": alert.panel,
        "Silence": alert.silence,
        "Image": alert.image,
    }
    for label, url in added.items():
        if link := http_link(label, url):
            links[label] = link
    order = ("Runbook", "Panel", "Dashboard", "Image", "Silence", "Source", "Grafana")
    return [Link(label, links[label].url) for label in order if label in links]


def sample(at: datetime) -> Envelope:
    alert = {
        "status": "firing",
        "labels": {"alertname": "Trial", "severity": "warning"},
        "annotations": {"summary": "A trial alert"},
        "startsAt": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "endsAt": "0001-01-01T00:00:00Z",
        "fingerprint": "trial",
        "values": {"A": 1},
    }
    webhook = {"version": "1", "orgId": 1, "groupKey": "trial", "status": "firing"}
    return Envelope(json.dumps(webhook | {"alerts": [alert]}).encode(), "application/json")


ADAPTER = Adapter(
    kind="grafana",
    label="Grafana",
    check=check,
    read=read,
    sample=sample,
    methods=("POST", "PUT"),
    secret="HMAC signature",  # noqa: S106 (the name of the field in Grafana)
    options=Options,
    guide=Guide(
        steps=(
            "In Grafana open Alerting, Contact points, and add one of the type Webhook with this"
            " address. Leave “Disable resolved message” off.",
            "To have messages signed, enter a secret under “HMAC signature” there and as this"
            " integration's secret. If you name a timestamp header there, name it here as well.",
            "Route your notification policy to the contact point. Do not set a custom payload."
            " Label rules with severity, and give them the annotations summary and runbook_url.",
            "“Test” on the contact point sends an alert that pages like any other and ends by"
            " itself after ten minutes.",
        ),
        snippets=(
            Snippet(
                "provisioning/alerting/muster.yaml",
                """\
apiVersion: 1
contactPoints:
  - orgId: 1
    name: Muster
    receivers:
      - uid: muster
        type: webhook
        disableResolveMessage: false
        settings:
          url: {url}
          httpMethod: POST""",
                "Instead of clicking: put this file beside Grafana's and restart it.",
            ),
        ),
    ),
)
