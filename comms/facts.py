"""What templates are told: an incident as plain text and lists, in the order of rendering.py."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from urllib.parse import urljoin, urlsplit
from zoneinfo import ZoneInfo

from django.conf import settings

from incidents.models import Incident, RoleAssignment, Service

# Longer texts are cut: one pasted log must not fill every mail.
MAX_TEXT = 2_000


def moment(at: datetime | None, zone: str = "") -> str:
    """“2 Mar 2026, 10:00 UTC” in that zone, the installation's unless given; empty for None."""
    if at is None:
        return ""
    local = at.astimezone(ZoneInfo(zone or settings.TIME_ZONE))
    return f"{local.day} {local:%b %Y, %H:%M %Z}"


def duration(length: timedelta) -> str:
    """“1 h 20 min”; days from 48 hours on."""
    minutes = int(length.total_seconds()) // 60
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"
    return f"{minutes // (24 * 60)} days"


def context(
    incident: Incident, *, at: datetime, zone: str = "", **more: Mapping[str, object]
) -> dict[str, object]:
    """Everything a template may use about this incident, and what its purpose adds."""
    return {
        "now": moment(at, zone),
        "organisation": urlsplit(settings.PUBLIC_URL).hostname,
        "incident": incident_facts(incident, at=at, zone=zone),
        **more,
    }


def incident_facts(incident: Incident, *, at: datetime, zone: str = "") -> dict[str, object]:
    """Three queries, besides the incident's severity."""
    services = list(incident.services.all())
    manager = RoleAssignment.objects.filter(
        incident=incident, role__slug="incident-manager", ends_at=None
    ).select_related("person")
    began_at = incident.impact_began_at or incident.detected_at
    long_texts = ("customer_impact", "summary", "workaround", "suspected_cause", "confirmed_cause")
    return {
        "reference": incident.reference,
        "title": incident.title,
        "url": absolute(incident.get_absolute_url()),
        "kind": incident.kind,
        "kind_name": incident.get_kind_display(),
        "phase": incident.phase,
        "phase_name": incident.get_phase_display(),
        "severity": incident.severity.slug,
        "severity_name": incident.severity.name,
        "severity_meaning": incident.severity.description,
        "services": [service.name for service in services],
        "manager": ", ".join(assignment.person.name for assignment in manager),
        "runbook_url": _runbook(incident, services),
        "duration": duration((incident.restored_at or at) - began_at) if began_at else "",
        **{name: getattr(incident, name)[:MAX_TEXT] for name in long_texts},
        **{
            name: moment(getattr(incident, name), zone)
            for name in ("detected_at", "declared_at", "restored_at", "impact_began_at")
        },
        **{name: getattr(incident, name) for name in ("bridge_url", "chat_url", "ticket_url")},
    }


def _runbook(incident: Incident, services: Iterable[Service]) -> str:
    """The alert's own, which is about just this, rather than the service's."""
    newest = incident.alerts.order_by("-last_seen_at", "-pk").first()
    named = newest.runbook_url if newest else ""
    return named or next((row.runbook_url for row in services if row.runbook_url), "")


def absolute(path: str) -> str:
    return urljoin(f"{settings.PUBLIC_URL}/", path)


# For previews when there is no incident to preview against.
SAMPLE_INCIDENT: dict[str, object] = {
    "reference": "INC-142",
    "title": "Checkout answers with errors",
    "url": "https://muster.example.com/admin/incidents/incident/142/",
    "kind": "unplanned",
    "kind_name": "Unplanned",
    "phase": "diagnosing",
    "phase_name": "Diagnosing",
    "severity": "sev2",
    "severity_name": "SEV2",
    "severity_meaning": "A core service is degraded for many customers.",
    "services": ["Checkout", "Payments"],
    "customer_impact": "One order in five fails at payment since 09:42.",
    "summary": "The payment provider answers slowly; orders time out.",
    "workaround": "Paying by invoice works.",
    "suspected_cause": "A change of the provider's time-outs.",
    "confirmed_cause": "",
    "manager": "Ines Okafor",
    "runbook_url": "https://wiki.example.com/runbooks/checkout",
    "detected_at": "2 Mar 2026, 09:45 UTC",
    "declared_at": "2 Mar 2026, 09:52 UTC",
    "restored_at": "",
    "impact_began_at": "2 Mar 2026, 09:42 UTC",
    "duration": "18 min",
    "bridge_url": "https://meet.example.com/inc-142",
    "chat_url": "https://chat.example.com/inc-142",
    "ticket_url": "",
}
SAMPLE: dict[str, object] = {
    "now": "2 Mar 2026, 10:00 UTC",
    "organisation": "muster.example.com",
    "incident": SAMPLE_INCIDENT,
    "person": {"name": "Jonas Weber"},
    "page": {
        "via": "Checkout on call, step 1",
        "acknowledge_url": "https://muster.example.com/a/page.acknowledge:example/",
        "decline_url": "https://muster.example.com/a/page.decline:example/",
        "mine_url": "https://muster.example.com/a/pages.mine:example/",
        "reason": "All alerts have resolved.",
        "labels": ["alertname=CheckoutErrors", "region=eu"],
    },
    "request": {
        "purpose": "Investigate",
        "message": "Could you look at the connection pool?",
        "requested_by": "Ines Okafor",
        "reason": "The fix holds.",
        "contact": "Ines Okafor",
        "is_reminder": False,
        "acknowledge_url": "https://muster.example.com/a/page.acknowledge:example/",
        "decline_url": "https://muster.example.com/a/page.decline:example/",
    },
    "role": {
        "name": "Scribe",
        "purpose": "Writes down what happens and what is decided.",
        "checklist": ["Join the bridge", "Note every decision"],
        "note": "",
    },
    "update": {
        "next_at": "2 Mar 2026, 11:00 UTC",
        "is_last": False,
        "number": 2,
        "author": "Ruth Adeyemi",
    },
    "promise": {
        "kind": "external",
        "due_at": "2 Mar 2026, 10:00 UTC",
        "minutes_late": 5,
        "overdue": True,
    },
    "postmortem": {
        "reference": "PM-31",
        "title": "Checkout answers with errors",
        "url": "https://muster.example.com/admin/postmortems/postmortem/31/",
        "owner": "Ines Okafor",
        "due_on": "9 Mar 2026",
        "review_at": "6 Mar 2026, 14:00 UTC",
        "review_minutes": 60,
        "expectation": "expected",
        "respond_url": "https://muster.example.com/a/example-respond/",
    },
}
