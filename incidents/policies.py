"""Which policy pages for an incident, and who is left when it reaches nobody."""

from collections.abc import Collection, Iterator
from datetime import datetime

from django.db.models import Q

from incidents.models import Incident, Role, Service
from incidents.models.roles import IMOC
from roster import oncall
from roster.escalation_targets import Resolved
from roster.models import EscalationPolicy, Person

ADMINISTRATORS = "Administrator"


def policies_of(incident_pks: Collection[int]) -> dict[int, EscalationPolicy]:
    """By incident, the policy that a routing rule chose, or that of its most important service.

    Of the services, one that has a policy goes before one that has none. Three queries.
    """
    found = _of_services(incident_pks)
    chosen = Incident.objects.filter(pk__in=incident_pks, policy__isnull=False)
    for incident in chosen.select_related("policy"):
        if incident.policy:
            found[incident.pk] = incident.policy
    return found


def _of_services(incident_pks: Collection[int]) -> dict[int, EscalationPolicy]:
    """Each service is read once, however many incidents it has."""
    affected = Incident.services.through.objects.filter(incident__in=incident_pks)
    pairs = list(affected.values_list("incident_id", "service_id"))
    services = Service.objects.filter(pk__in={service for _, service in pairs})
    by_pk = services.select_related("policy", "owner_team__default_policy").in_bulk()
    found: dict[int, EscalationPolicy] = {}
    for incident, pk in sorted(pairs, key=lambda pair: (by_pk[pair[1]].tier, pair[1])):
        if policy := by_pk[pk].effective_policy():
            found.setdefault(incident, policy)
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
