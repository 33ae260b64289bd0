"""Who took part in an incident, and how much: the base of the invitation list (R022, R023)."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from incidents.models import Incident, Responder, RoleAssignment, TimelineEntry
from roster.models import Person

# From here on a contribution counts as significant, so that the person is expected.
LONG_ENGAGEMENT = timedelta(minutes=30)
MANY_ENTRIES = 3


@dataclass
class Contribution:
    """What one person did in one incident, over all engagements."""

    person: Person
    roles: list[str] = field(default_factory=list)
    engaged: timedelta = timedelta()
    entries: int = 0

    @property
    def is_significant(self) -> bool:
        return bool(self.roles) or self.engaged >= LONG_ENGAGEMENT or self.entries >= MANY_ENTRIES

    def __str__(self) -> str:
        parts = [", ".join(self.roles)] if self.roles else []
        if minutes := int(self.engaged.total_seconds() // 60):
            parts.append(f"{minutes} min engaged")
        if self.entries:
            parts.append(f"{self.entries} timeline {'entry' if self.entries == 1 else 'entries'}")
        return "; ".join(parts) or "was asked to help"


def contributions(incident: Incident, *, at: datetime) -> list[Contribution]:
    """Everyone who ever responded or held a role, in order of appearance. Three queries.

    Those who declined without ever having engaged, and those whose request was cancelled before
    they answered, did not respond. Somebody who never answered is in: why is worth knowing.
    """
    found: dict[int, Contribution] = {}
    for assignment in _assignments(incident):
        contribution = found.setdefault(assignment.person_id, Contribution(assignment.person))
        if assignment.role.name not in contribution.roles:
            contribution.roles.append(assignment.role.name)
    for engagement in _engagements(incident):
        contribution = found.setdefault(engagement.person_id, Contribution(engagement.person))
        if engagement.acknowledged_at:
            contribution.engaged += (engagement.ended_at or at) - engagement.acknowledged_at
    written = _entries_by_person(incident)
    for person_id, contribution in found.items():
        contribution.entries = written[person_id]
    return list(found.values())


def _assignments(incident: Incident) -> list[RoleAssignment]:
    return list(
        RoleAssignment.objects.filter(incident=incident)
        .select_related("person", "role")
        .order_by("role__position", "starts_at", "pk")
    )


def _engagements(incident: Incident) -> list[Responder]:
    never_engaged = [Responder.State.DECLINED, Responder.State.CANCELLED]
    return list(
        Responder.objects.filter(incident=incident)
        .exclude(state__in=never_engaged, acknowledged_at__isnull=True)
        .select_related("person")
        .order_by("requested_at", "pk")
    )


def _entries_by_person(incident: Incident) -> Counter[int]:
    return Counter(
        TimelineEntry.objects.filter(incident=incident, actor__isnull=False)
        .order_by()
        .values_list("actor_id", flat=True)
    )
