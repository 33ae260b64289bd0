"""Plain incident rows. Names and slugs are made up from a running number where none is given."""

from datetime import UTC, datetime
from itertools import count
from typing import Any

from incidents.models import (
    ENDED_PHASES,
    Alert,
    AlertEvent,
    Change,
    Escalation,
    Heartbeat,
    ImpactDegree,
    ImpactExtent,
    Incident,
    Integration,
    Page,
    Phase,
    Responder,
    Role,
    RoleAssignment,
    RoutingRule,
    Service,
    Severity,
    SeverityRule,
)
from roster.actors import Actor
from roster.models import Person
from tests.factories.roster import make_person, make_team

# High, so that they do not meet the numbers that `detect` gives out.
_numbers = count(1001)
DETECTED_AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

# Keyword arguments go straight to the model, whatever its fields are: hence Any.


def make_service(**fields: Any) -> Service:
    fields.setdefault("slug", f"service-{next(_numbers)}")
    fields.setdefault("name", fields["slug"].replace("-", " ").title())
    if "owner_team" not in fields:
        fields["owner_team"] = make_team()
    return Service.objects.create(**fields)


def make_severity(rank: int = 3, **fields: Any) -> Severity:
    """The severity of this rank, SEV3 unless told otherwise; made if it is not there."""
    defaults = {"slug": f"sev{rank}", "name": f"SEV{rank}"} | fields
    return Severity.objects.get_or_create(rank=rank, defaults=defaults)[0]


def make_severity_rule(severity: Severity) -> tuple[ImpactExtent, ImpactDegree]:
    """Two answers that the matrix turns into this severity."""
    number = next(_numbers)
    extent = ImpactExtent.objects.create(slug=f"extent-{number}", name=f"Extent {number}")
    degree = ImpactDegree.objects.create(slug=f"degree-{number}", name=f"Degree {number}")
    SeverityRule.objects.create(extent=extent, degree=degree, severity=severity)
    return extent, degree


def make_role(slug: str = "", **fields: Any) -> Role:
    slug = slug or f"role-{next(_numbers)}"
    fields.setdefault("name", slug.replace("-", " ").capitalize())
    fields.setdefault("category", Role.Category.COMMAND)
    return Role.objects.create(slug=slug, **fields)


def make_incident(
    *, phase: str = Phase.DETECTED, declared: bool = False, **fields: Any
) -> Incident:
    """An incident in any phase, with the milestones that the phase asks for.

    `declared` is for a dismissed one, which may have been or not.
    """
    fields.setdefault("number", next(_numbers))
    fields.setdefault("title", "Checkout errors")
    fields.setdefault("detected_at", DETECTED_AT)
    fields.setdefault("created_at", fields["detected_at"])
    fields.setdefault("detected_by_name", "Monitoring")
    if "severity" not in fields:
        fields["severity"] = make_severity()
    if declared or phase not in (Phase.DETECTED, Phase.DISMISSED, Phase.MERGED):
        fields.setdefault("declared_at", fields["detected_at"])
        fields.setdefault("acknowledged_at", fields["detected_at"])
    for name in ("declared", "acknowledged"):
        if fields.get(f"{name}_at"):
            fields.setdefault(f"{name}_by_name", "Ruth Adeyemi")
    if phase in (Phase.RESTORED, Phase.LEARNING, Phase.CLOSED):
        fields.setdefault("restored_at", fields["detected_at"])
    if phase in ENDED_PHASES:
        fields.setdefault("closed_at", fields["detected_at"])
    services = fields.pop("services", [])
    incident = Incident.objects.create(phase=phase, **fields)
    incident.services.set(services)
    return incident


def make_assignment(
    incident: Incident, role: Role, person: Person | None = None, **fields: Any
) -> RoleAssignment:
    fields.setdefault("starts_at", incident.detected_at)
    fields.setdefault("assigned_by_name", "Ruth Adeyemi")
    fields.setdefault("is_single", role.is_single)
    return RoleAssignment.objects.create(
        incident=incident, role=role, person=person or make_person(), **fields
    )


def make_responder(
    incident: Incident | None = None,
    person: Person | None = None,
    *,
    state: str = Responder.State.REQUESTED,
    **fields: Any,
) -> Responder:
    """An engagement in any state; one that waits for an answer is due at once."""
    incident = incident or make_incident(phase=Phase.MOBILIZING)
    moment = fields.setdefault("requested_at", incident.detected_at)
    fields.setdefault("requested_by_name", "Ruth Adeyemi")
    if state == Responder.State.REQUESTED:
        fields.setdefault("due_at", moment)
    if state in (Responder.State.ACKNOWLEDGED, Responder.State.RELEASED):
        fields.setdefault("acknowledged_at", moment)
    if state == Responder.State.DECLINED:
        fields.setdefault("declined_at", moment)
    if state in (Responder.State.RELEASED, Responder.State.CANCELLED):
        fields.setdefault("released_by_name", "Ruth Adeyemi")
    if state not in (Responder.State.REQUESTED, Responder.State.ACKNOWLEDGED):
        fields.setdefault("ended_at", moment)
    return Responder.objects.create(
        incident=incident, person=person or make_person(), state=state, **fields
    )


def make_integration(**fields: Any) -> tuple[Integration, str]:
    """An integration and its key."""
    fields.setdefault("slug", f"integration-{next(_numbers)}")
    fields.setdefault("name", fields["slug"].replace("-", " ").title())
    if "service" not in fields:
        fields["service"] = make_service()
    return Integration.issue(**fields, by=Actor.system("tests"), at=DETECTED_AT)


def make_event(integration: Integration | None = None, **fields: Any) -> AlertEvent:
    """An event that waits to be processed, unless `state` and what goes with it are given."""
    fields.setdefault("received_at", DETECTED_AT)
    if fields.get("state", AlertEvent.State.RECEIVED) == AlertEvent.State.RECEIVED:
        fields.setdefault("due_at", fields["received_at"])
    fields.setdefault("body", b"{}")
    return AlertEvent.objects.create(integration=integration or make_integration()[0], **fields)


def make_change(service: Service | None = None, **fields: Any) -> Change:
    """A deployment that succeeded, told by an integration of the service."""
    if "integration" not in fields:
        fields["integration"] = make_integration(service=service or make_service())[0]
    fields.setdefault("key", f"deployment:{next(_numbers)}")
    fields.setdefault("title", "Deploy v1.2 to production")
    fields.setdefault("kind", "deployment")
    fields.setdefault("state", "success")
    fields.setdefault("at", DETECTED_AT)
    fields.setdefault("received_at", fields["at"])
    return Change.objects.create(service=service or fields["integration"].service, **fields)


def make_routing_rule(**fields: Any) -> RoutingRule:
    fields.setdefault("name", f"Rule {next(_numbers)}")
    return RoutingRule.objects.create(**fields)


def make_alert(incident: Incident | None = None, **fields: Any) -> Alert:
    """A firing alert of an incident, unless `suppressed_by` is given."""
    if "integration" not in fields:
        fields["integration"] = make_integration()[0]
    fields.setdefault("dedup_key", f"key-{next(_numbers)}")
    fields.setdefault("title", "HighErrorRate")
    fields.setdefault("service", fields["integration"].service)
    for name in ("started_at", "first_seen_at", "last_seen_at"):
        fields.setdefault(name, DETECTED_AT)
    if fields.get("state") == Alert.State.RESOLVED:
        fields.setdefault("resolved_at", DETECTED_AT)
    if incident is None and "suppressed_by" not in fields:
        incident = make_incident()
    return Alert.objects.create(incident=incident, **fields)


def make_escalation(incident: Incident | None = None, **fields: Any) -> Escalation:
    """A running escalation, due at once, unless `state` is given."""
    fields.setdefault("started_at", DETECTED_AT)
    if fields.get("state", Escalation.State.RUNNING) == Escalation.State.RUNNING:
        fields.setdefault("due_at", fields["started_at"])
    else:
        fields.setdefault("ended_at", fields["started_at"])
    return Escalation.objects.create(incident=incident or make_incident(), **fields)


def make_page(
    incident: Incident | None = None, person: Person | None = None, **fields: Any
) -> Page:
    """A page that waits for an answer, unless `state` is given."""
    fields.setdefault("created_at", DETECTED_AT)
    fields.setdefault("step_position", 1)
    fields.setdefault("pass_number", 1)
    fields.setdefault("via_target", "Whoever is on call")
    if fields.get("state") == Page.State.ACKNOWLEDGED:
        fields.setdefault("acknowledged_at", fields["created_at"])
    if fields.get("state", Page.State.PENDING) != Page.State.PENDING:
        fields.setdefault("ended_at", fields["created_at"])
    return Page.objects.create(
        incident=incident or make_incident(), person=person or make_person(), **fields
    )


def make_heartbeat(integration: Integration | None = None, **fields: Any) -> Heartbeat:
    """A heartbeat that waits for its first ping, unless `state` is given."""
    fields.setdefault("slug", f"job-{next(_numbers)}")
    fields.setdefault("name", fields["slug"])
    return Heartbeat.objects.create(
        integration=integration or make_integration(kind="heartbeat")[0], **fields
    )
