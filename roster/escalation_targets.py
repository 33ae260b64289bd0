"""Whom a step of a policy pages at a moment."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Prefetch

from roster import oncall
from roster.models import EscalationStep, EscalationTarget, Person, Schedule, Team


@dataclass(frozen=True)
class Resolved:
    """A person to page, and the target they were found by, in words for the timeline.

    `until` is when the shift ends that they were found by, if it was one.
    """

    person: Person
    via: str
    until: datetime | None = None


def people_at(step: EscalationStep, *, at: datetime) -> list[Resolved]:
    """The active people behind a step's targets, each once, by the first target naming them.

    Empty means nobody: the caller records it and moves on. Nine queries at most, however many
    targets there are.
    """
    return people_behind([step], at=at)[step.pk]


def people_behind(steps: Collection[EscalationStep], *, at: datetime) -> dict[int, list[Resolved]]:
    """The same for many steps, by step id, in as many queries as for one."""
    targets = list(
        EscalationTarget.objects.filter(step__in=steps)
        .select_related("schedule", "person", "team__lead")
        .prefetch_related(Prefetch("team__members", Person.objects.active().order_by("pk")))
        .order_by("pk")
    )
    answers = _Schedules(targets, at)
    found: dict[int, dict[int, Resolved]] = {step.pk: {} for step in steps}
    for target in targets:
        for each in _resolve(target, answers):
            if each.person.is_active:
                found[target.step_id].setdefault(each.person.pk, each)
    return {step: list(people.values()) for step, people in found.items()}


class _Schedules:
    """What the schedules of some targets answer at a moment; reads only what is asked of them."""

    def __init__(self, targets: Sequence[EscalationTarget], at: datetime) -> None:
        asked: dict[str, list[Schedule]] = defaultdict(list)
        for target in targets:
            if target.schedule:
                asked[target.kind].append(target.schedule)
        kinds = EscalationTarget.Kind
        both = [*asked[kinds.SCHEDULE], *asked[kinds.SCHEDULE_NEXT]]
        self._now: dict[int, list[oncall.OnCall]] = {}
        self._next: dict[int, list[oncall.OnCall]] = {}
        if asked[kinds.SCHEDULE_NEXT]:
            answers = oncall.on_call_now_and_next(both, at)
            self._now = {pk: answer.now for pk, answer in answers.items()}
            self._next = {pk: answer.next for pk, answer in answers.items()}
        elif both:
            self._now = oncall.on_call(both, at)
        everyone = asked[kinds.SCHEDULE_EVERYONE]
        self._everyone = oncall.people_of(everyone, at) if everyone else {}

    def now(self, schedule: Schedule) -> list[Resolved]:
        return [
            Resolved(each.person, str(schedule), each.shift.end) for each in self._now[schedule.pk]
        ]

    def next(self, schedule: Schedule) -> list[Resolved]:
        return [Resolved(each.person, f"next on {schedule}") for each in self._next[schedule.pk]]

    def everyone(self, schedule: Schedule) -> list[Resolved]:
        return [Resolved(each, f"everyone of {schedule}") for each in self._everyone[schedule.pk]]


def _resolve(target: EscalationTarget, answers: _Schedules) -> list[Resolved]:
    match target:
        case EscalationTarget(kind="schedule", schedule=Schedule() as schedule):
            return answers.now(schedule)
        case EscalationTarget(kind="schedule_next", schedule=Schedule() as schedule):
            return answers.next(schedule)
        case EscalationTarget(kind="schedule_everyone", schedule=Schedule() as schedule):
            return answers.everyone(schedule)
        case EscalationTarget(kind="team", team=Team() as team):
            return [Resolved(member, str(team)) for member in team.members.all()]
        case EscalationTarget(kind="team_lead", team=Team() as team):
            return [Resolved(team.lead, f"lead of {team}")] if team.lead else []
        case EscalationTarget(kind="person", person=Person() as person):
            return [Resolved(person, "named in the policy")]
    raise ValueError(f"No target of kind {target.kind}")  # the table's constraint rules it out
