"""An incident that nobody leads is an alarm of its own (R155)."""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q

from incidents.models import Incident, RoleAssignment
from incidents.models.roles import INCIDENT_MANAGER
from incidents.timeline import TimelineEntry
from incidents.vocabulary import Kind
from roster.actors import Actor

WATCH = Actor.system("watch over leads")
# Told once when it is due, and so often again: whoever does not hear three alarms has no fourth.
ALARMS = 3


def alarm_due(*, at: datetime) -> int:
    """Say of declared incidents that nobody leads them; answer how many alarms were raised.

    The first after the severity's `lead_within_minutes`, the others as long after one another. Runs
    at once do no harm: each holds the incident's row and counts anew.
    """
    raised = 0
    for incident in _without_lead():
        if _is_due(incident, incident.alarms, at):
            raised += _alarm(incident, at)
    return raised


def _without_lead() -> list[Any]:  # incidents, with `alarms` annotated
    managing = RoleAssignment.objects.current().filter(
        incident=OuterRef("pk"), role__slug=INCIDENT_MANAGER
    )
    waiting = Incident.objects.live().filter(
        ~Exists(managing), declared_at__isnull=False, severity__lead_within_minutes__isnull=False
    )
    alarms = Count("timeline", filter=Q(timeline__kind=Kind.LEAD_MISSING))
    return list(waiting.annotate(alarms=alarms).select_related("severity").order_by("pk"))


def _alarms_of(incident: Incident) -> int:
    said = TimelineEntry.objects.filter(incident=incident)
    return said.of_kinds(Kind.LEAD_MISSING).count()


def _is_due(incident: Incident, alarms: int, at: datetime) -> bool:
    if incident.declared_at is None or alarms >= ALARMS:
        return False
    within = timedelta(minutes=incident.severity.lead_within_minutes or 0)
    return at >= incident.declared_at + within * (alarms + 1)


def _alarm(incident: Incident, at: datetime) -> bool:
    with transaction.atomic():
        incident.lock()
        alarms = _alarms_of(incident)
        if incident.manager() or not incident.is_live or not _is_due(incident, alarms, at):
            return False
        minutes = round((at - incident.declared_at).total_seconds() / 60)  # type: ignore[operator]
        data = {"minutes": minutes, "alarm": alarms + 1}
        TimelineEntry.record(incident, Kind.LEAD_MISSING, by=WATCH, at=at, data=data)
    return True
