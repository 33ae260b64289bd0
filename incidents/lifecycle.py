"""How an incident begins. What happens to it afterwards are the methods of `Incident`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from incidents.models import Incident, IncidentError, Service, Severity
from incidents.models.incident_record import PREFIX
from incidents.timeline import TimelineEntry
from incidents.vocabulary import Kind
from roster.actors import Actor
from roster.models import EscalationPolicy
from roster.references import next_numbers


@dataclass
class Detection:
    """What is known of an incident that is about to be opened.

    `severity` is a first guess, for the urgency of pages; `evidence` what showed it (R139). Where
    `policy` and `urgency` are given they page instead of the services' and the severity's own.
    Alerts of `grouping_key` join it, those that come after `gathers_until` no more.
    """

    title: str
    services: Iterable[Service]
    severity: Severity
    source: str
    grouping_key: str = ""
    gathers_until: datetime | None = None
    is_private: bool = False
    kind: str = Incident.Kind.UNPLANNED
    may_affect_customers: bool = False
    evidence: str = ""
    policy: EscalationPolicy | None = None
    urgency: str = ""

    def incident(self, number: int, *, by: Actor, at: datetime) -> Incident:
        """The incident, not saved yet."""
        if not self.title:
            sentence = "An incident needs a title."
            raise IncidentError("invalid", sentence, {"title": [sentence]})
        return Incident(
            number=number,
            title=self.title,
            kind=self.kind,
            severity=self.severity,
            source=self.source,
            is_private=self.is_private,
            grouping_key=self.grouping_key,
            gathers_until=self.gathers_until,
            may_affect_customers=self.may_affect_customers,
            evidence=self.evidence,
            policy=self.policy,
            urgency=self.urgency,
            detected_by_name=by.name,
            detected_at=at,
            created_at=at,
        )


def detect(*, by: Actor, at: datetime, **known: Any) -> Incident:  # Any: as Detection has them
    """Open an incident that nobody has decided on yet; `known` are the fields of a `Detection`.

    Raises IntegrityError if a live incident has its `grouping_key` already: the caller joins that.
    """
    return detect_all([Detection(**known)], by=by, at=at)[0]


def detect_all(detections: Sequence[Detection], *, by: Actor, at: datetime) -> list[Incident]:
    """Open several at once, in a constant number of queries; in the order given."""
    if not detections:
        return []
    through = Incident.services.through
    with transaction.atomic():
        numbers = next_numbers(PREFIX, len(detections))
        pairs = zip(detections, numbers, strict=True)
        incidents = [detection.incident(number, by=by, at=at) for detection, number in pairs]
        Incident.objects.bulk_create(incidents)
        through.objects.bulk_create(
            through(incident=incident, service=service)
            for incident, detection in zip(incidents, detections, strict=True)
            for service in detection.services
        )
        TimelineEntry.write([_entry(incident, by=by, at=at) for incident in incidents])
    return incidents


def _entry(incident: Incident, *, by: Actor, at: datetime) -> TimelineEntry:
    slug = incident.severity.slug
    data = {"title": incident.title, "severity": slug, "source": incident.source}
    return TimelineEntry.draft(incident, Kind.INCIDENT_DETECTED, by=by, at=at, data=data)
