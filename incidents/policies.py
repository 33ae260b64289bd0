"""Which policy pages for an incident, and who is left when it reaches nobody."""

from collections.abc import Collection, Iterator
from datetime import datetime

from django.db.models import Q

from incidents.models import Incident, Role
from incidents.models.roles import IMOC
from roster import oncall
from roster.escalation_targets import Resolved
from roster.models import EscalationPolicy, Person

ADMINISTRATORS = "Administrator"


def policies_of(incident_pks: Collection[int]) -> dict[int, EscalationPolicy]:
    """By incident, the policy that a routing rule chose, or that of its most important service.

    Of the services, one that has a policy goes before one that has none. Two queries.
    """
    chosen = Incident.objects.filter(pk__in=incident_pks, policy__isnull=False)
    found: dict[int, EscalationPolicy] = {
        incident.pk: incident.policy
        for incident in chosen.select_related("policy")
        if incident.policy
    }
    affected = Incident.services.through.objects.filter(incident__in=incident_pks)
    for row in affected.select_related(
        "service__policy", "service__owner_team__default_policy"
    ).order_by("service__tier", "service_id"):
        if policy := row.service.effective_policy():
            found.setdefault(row.incident_id, policy)
    return found


def fallback_targets(
    policy: EscalationPolicy | None, *, at: datetime
) -> Iterator[tuple[str, list[Resolved]]]:
    """Yield whom to try, in order: the policy's team, the IMOC, the administrators.

    Each is read only when the one before it reached nobody.
    """
    if policy and policy.fallback_team:
        team = policy.fallback_team
        yield _named(str(team), list(team.members.active().order_by("pk")))
    role = Role.objects.filter(slug=IMOC).select_related("schedule").first()
    if role and role.schedule:
        on_call = oncall.on_call([role.schedule], at)[role.schedule.pk]
        yield _named(str(role), [each.person for each in on_call])
    administrators = Person.objects.active().filter(
        Q(user__is_superuser=True) | Q(user__groups__name=ADMINISTRATORS), user__is_active=True
    )
    yield _named("administrators", list(administrators.distinct().order_by("pk")))


def _named(name: str, people: list[Person]) -> tuple[str, list[Resolved]]:
    return name, [Resolved(person, f"fallback: {name}") for person in people]
