"""How an incident begins. What happens to it afterwards are the methods of `Incident`."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from incidents.models import Incident, IncidentError, Service, Severity
from incidents.models.incident_record import PREFIX
from incidents.timeline import TimelineEntry
from incidents.vocabulary import Kind
from roster.actors import Actor
from roster.references import next_number


def detect(
    *,
    title: str,
    services: Iterable[Service],
    severity: Severity,
    source: str,
    by: Actor,
    at: datetime,
    grouping_key: str = "",
    is_private: bool = False,
    kind: str = Incident.Kind.UNPLANNED,
    may_affect_customers: bool = False,
    evidence: str = "",
) -> Incident:
    """Open an incident that nobody has decided on yet.

    `severity` is a first guess, for the urgency of pages; `evidence` what showed it (R139). Raises IntegrityError if a live incident
    has this `grouping_key` already: the caller joins that one.
    """
    if not title:
        sentence = "An incident needs a title."
        raise IncidentError("invalid", sentence, {"title": [sentence]})
    with transaction.atomic():
        incident = Incident.objects.create(
            number=next_number(PREFIX),
            title=title,
            kind=kind,
            severity=severity,
            source=source,
            is_private=is_private,
            grouping_key=grouping_key,
            may_affect_customers=may_affect_customers,
            evidence=evidence,
            detected_by_name=by.name,
            detected_at=at,
            created_at=at,
        )
        incident.services.set(services)
        data = {"title": title, "severity": severity.slug, "source": source}
        TimelineEntry.record(incident, Kind.INCIDENT_DETECTED, by=by, at=at, data=data)
    return incident
