"""Who should handle this (R140, R215): the people that services lead to, at a moment."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Prefetch, QuerySet, prefetch_related_objects

from incidents.models import Service
from roster import oncall
from roster.escalation_targets import people_behind
from roster.models import EscalationPolicy, EscalationStep, Person, Schedule


@dataclass(frozen=True)
class Handler:
    """Somebody to turn to. `why` says by which way, `until` when a shift ends (None: no shift)."""

    person: Person
    why: str
    until: datetime | None = None


@dataclass(frozen=True)
class Handlers:
    """The answer for one service.

    `first` is who would be paged first now, `specialists` are on call on its component's own
    rotations, `above` is one level up from both: whom they report to, and the team's lead.
    """

    service: Service
    policy: EscalationPolicy | None
    first: list[Handler]
    specialists: list[Handler]
    above: list[Handler]

    @property
    def everyone(self) -> list[Handler]:
        """Those who can help at once, each once."""
        by_person: dict[int, Handler] = {}
        for each in (*self.first, *self.specialists):
            by_person.setdefault(each.person.pk, each)
        return list(by_person.values())


def handlers_of(services: Collection[Service], *, at: datetime) -> list[Handlers]:
    """Names now on call for each service, and one level up, in the order given.

    The same number of queries for any number of services.
    """
    services = list(services)
    prefetch_related_objects(
        services,
        "owner_team__lead",
        "owner_team__default_policy__steps",
        "policy__steps",
        Prefetch("schedules", Schedule.objects.active().order_by("name")),
    )
    policies = {service.pk: service.effective_policy() for service in services}
    first = _first([policy for policy in policies.values() if policy], at)
    on_call = _on_call({each for service in services for each in service.schedules.all()}, at)
    found: list[Handlers] = []
    for service in services:
        policy = policies[service.pk]
        specialists = [each for row in service.schedules.all() for each in on_call[row.pk]]
        found.append(
            Handlers(service, policy, first[policy.pk] if policy else [], specialists, above=[])
        )
    _add_one_level_up(found)
    return found


def affected_components(services: Iterable[Service]) -> list[Service]:
    """The services and what they depend on, all the way down, each once, those named first.

    One query for each level.
    """
    found: dict[int, Service] = {service.pk: service for service in services}
    level = list(found)
    while level:
        needed = Service.objects.filter(service__in=level).exclude(pk__in=found)
        below = list(needed.order_by("tier", "name").distinct())
        found.update((service.pk, service) for service in below)
        level = [service.pk for service in below]
    return list(found.values())


def _first(policies: list[EscalationPolicy], at: datetime) -> dict[int, list[Handler]]:
    """By policy, whom the first step that leads to anybody would page."""
    steps: dict[int, EscalationStep] = {
        step.pk: step for policy in policies for step in policy.steps.all()
    }
    behind = people_behind(steps.values(), at=at) if steps else {}
    return {
        policy.pk: next(
            (
                [Handler(each.person, each.via, each.until) for each in behind[step.pk]]
                for step in policy.steps.all()
                if behind[step.pk]
            ),
            [],
        )
        for policy in policies
    }


def _on_call(schedules: Collection[Schedule], at: datetime) -> dict[int, list[Handler]]:
    answers = oncall.on_call(schedules, at) if schedules else {}
    return {
        schedule.pk: [
            Handler(each.person, str(schedule), each.shift.end) for each in answers[schedule.pk]
        ]
        for schedule in schedules
    }


def _add_one_level_up(found: list[Handlers]) -> None:
    """Whom the people found report to, and then the lead of the team that owns the service."""
    people = {each.person.pk for handlers in found for each in handlers.everyone}
    bosses: QuerySet[Person] = Person.objects.active().filter(reports__in=people)
    by_person = {
        report: boss
        for boss in bosses.distinct().prefetch_related("reports")
        for report in (row.pk for row in boss.reports.all())
    }
    for handlers in found:
        below = {each.person.pk: each.person for each in handlers.everyone}
        above: dict[int, Handler] = {}
        for pk, person in below.items():
            boss = by_person.get(pk)
            if boss and boss.pk not in below:
                above.setdefault(boss.pk, Handler(boss, f"{person} reports to them"))
        lead = handlers.service.owner_team.lead
        if lead and lead.is_active and lead.pk not in below:
            above.setdefault(lead.pk, Handler(lead, f"lead of {handlers.service.owner_team}"))
        handlers.above.extend(above.values())
