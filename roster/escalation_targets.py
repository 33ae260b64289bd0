"""Whom a step of a policy pages at a moment."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Prefetch

from roster import oncall
from roster.models import EscalationStep, EscalationTarget, Person, Schedule, Team


@dataclass(frozen=True)
class Resolved:
    """A person to page, and the target they were found by, in words for the timeline."""

    person: Person
    via: str


def people_at(step: EscalationStep, *, at: datetime) -> list[Resolved]:
    """The active people behind a step's targets, each once, by the first target naming them.

    Empty means nobody: the caller records it and moves on. Nine queries at most, however many
    targets there are.
    """
    targets = list(
        step.targets.select_related("schedule", "person", "team__lead")
        .prefetch_related(Prefetch("team__members", Person.objects.active().order_by("pk")))
        .order_by("pk")
    )
    answers = _Schedules(targets, at)
    found: dict[int, Resolved] = {}
    for target in targets:
        via, people = _resolve(target, answers)
        for person in people:
            if person.is_active:
                found.setdefault(person.pk, Resolved(person=person, via=via))
    return list(found.values())


class _Schedules:
    """What the schedules of some targets answer at a moment; reads only what is asked of them."""

    def __init__(self, targets: Sequence[EscalationTarget], at: datetime) -> None:
        asked: dict[str, list[Schedule]] = defaultdict(list)
        for target in targets:
            if target.schedule:
                asked[target.kind].append(target.schedule)
        kinds = EscalationTarget.Kind
        both = [*asked[kinds.SCHEDULE], *asked[kinds.SCHEDULE_NEXT]]
        self._now = self._next = {}
        if asked[kinds.SCHEDULE_NEXT]:
            answers = oncall.on_call_now_and_next(both, at)
            self._now = {pk: answer.now for pk, answer in answers.items()}
            self._next = {pk: answer.next for pk, answer in answers.items()}
        elif both:
            self._now = oncall.on_call(both, at)
        everyone = asked[kinds.SCHEDULE_EVERYONE]
        self._everyone = oncall.people_of(everyone, at) if everyone else {}

    def now(self, schedule: Schedule) -> list[Person]:
        return [each.person for each in self._now[schedule.pk]]

    def next(self, schedule: Schedule) -> list[Person]:
        return [each.person for each in self._next[schedule.pk]]

    def everyone(self, schedule: Schedule) -> list[Person]:
        return self._everyone[schedule.pk]


def _resolve(target: EscalationTarget, answers: _Schedules) -> tuple[str, list[Person]]:
    match target:
        case EscalationTarget(kind="schedule", schedule=Schedule() as schedule):
            return str(schedule), answers.now(schedule)
        case EscalationTarget(kind="schedule_next", schedule=Schedule() as schedule):
            return f"next on {schedule}", answers.next(schedule)
        case EscalationTarget(kind="schedule_everyone", schedule=Schedule() as schedule):
            return f"everyone of {schedule}", answers.everyone(schedule)
        case EscalationTarget(kind="team", team=Team() as team):
            return str(team), list(team.members.all())
        case EscalationTarget(kind="team_lead", team=Team() as team):
            return f"lead of {team}", [team.lead] if team.lead else []
        case EscalationTarget(kind="person", person=Person() as person):
            return "named in the policy", [person]
    raise ValueError(f"No target of kind {target.kind}")  # the table's constraint rules it out
