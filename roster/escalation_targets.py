"""Whom a step of a policy pages at a moment."""

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

    Empty means nobody: the caller records it and moves on. Seven queries at most, however many
    targets there are.
    """
    targets = list(
        step.targets.select_related("schedule", "person", "team__lead")
        .prefetch_related(Prefetch("team__members", Person.objects.active().order_by("pk")))
        .order_by("pk")
    )
    schedules = [target.schedule for target in targets if target.schedule]
    on_call = oncall.on_call(schedules, at) if schedules else {}
    found: dict[int, Resolved] = {}
    for target in targets:
        via, people = _resolve(target, on_call)
        for person in people:
            if person.is_active:
                found.setdefault(person.pk, Resolved(person=person, via=via))
    return list(found.values())


def _resolve(
    target: EscalationTarget, on_call: dict[int, list[oncall.OnCall]]
) -> tuple[str, list[Person]]:
    match target:
        case EscalationTarget(kind="schedule", schedule=Schedule() as schedule):
            return str(schedule), [each.person for each in on_call[schedule.pk]]
        case EscalationTarget(kind="team", team=Team() as team):
            return str(team), list(team.members.all())
        case EscalationTarget(kind="team_lead", team=Team() as team):
            return f"lead of {team}", [team.lead] if team.lead else []
        case EscalationTarget(kind="person", person=Person() as person):
            return "named in the policy", [person]
    raise ValueError(f"No target of kind {target.kind}")  # the table's constraint rules it out
