"""Setting places of a proposal by hand, and seeing at once what that breaks."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from django.db import transaction

from roster.errors import DomainError
from roster.models import Person, RosterPlan
from roster.planning.checks import violations
from roster.planning.problem import Load, Place
from roster.planning.reading import Reading
from roster.planning.results import Result

State = RosterPlan.State

# Stands in `Result.verdict` where the solver's own stood.
EDITED = "edited"


@dataclass(frozen=True)
class Option:
    """Somebody who could take a place: what they carry in the end, and what it would break."""

    person: Person
    total: Load
    turns: int
    problems: tuple[str, ...]
    is_current: bool


def options_for(reading: Reading, place: Place) -> list[Option]:
    """Everybody listed for the rotation: those whom nothing speaks against first, then by name."""
    problem = reading.problem
    roster = Result.of(reading.plan).roster(problem.rotations)
    found = []
    for key in problem.rotations[place[0]].people:
        changed = {**roster, place: key}
        broken = [each.text for each in violations(problem, changed) if each.person == key]
        found.append(
            Option(
                person=reading.people[key],
                total=problem.totals(changed)[key],
                turns=sum(taker == key for taker in changed.values()),
                problems=tuple(broken),
                is_current=roster.get(place) == key,
            )
        )
    return sorted(found, key=lambda each: (bool(each.problems), each.person.name, each.person.pk))


def set_by_hand(plan: RosterPlan, schedule: int, turn: int, person: Person) -> None:
    """Give a turn (from 0) of a schedule (id) to somebody; looking again leaves it so.

    Rules may be broken by it: the page says which, and accepting asks again. Raises DomainError
    for somebody inactive or not listed, and while the proposal is not one.
    """
    with transaction.atomic():
        result = _locked(plan)
        _check(plan, schedule, turn, person)
        listed = result.assigned[str(schedule)]
        assigned = {
            **result.assigned,
            str(schedule): [*listed[:turn], person.pk, *listed[turn + 1 :]],
        }
        edits = [*_others(result.edits, schedule, turn), [schedule, turn]]
        # What was proven of the roster is no longer true of this one.
        _save(plan, replace(result, assigned=assigned, edits=edits, verdict=EDITED, gap=None))


def let_go(plan: RosterPlan, schedule: int, turn: int) -> None:
    """Leave a place set by hand to the solver when it looks next."""
    with transaction.atomic():
        result = _locked(plan)
        _save(plan, replace(result, edits=_others(result.edits, schedule, turn)))


def _locked(plan: RosterPlan) -> Result:
    fresh = RosterPlan.objects.select_for_update().get(pk=plan.pk)
    if fresh.state != State.PROPOSED:
        raise DomainError(
            "not_proposed",
            f"{plan} is in the state “{fresh.get_state_display()}” by now and cannot be edited.",
        )
    return Result.of(fresh)


def _check(plan: RosterPlan, schedule: int, turn: int, person: Person) -> None:
    rotation = plan.rotations.filter(schedule=schedule).first()
    if rotation is None or not 0 <= turn < plan.turns:
        raise DomainError("no_such_turn", "This turn is no longer part of the plan. Reload it.")
    if not person.is_active or not rotation.people.filter(pk=person.pk).exists():
        raise DomainError(
            "not_listed",
            f"{person} is not among the people for {rotation}. Choose somebody else.",
            {"person": ["Choose somebody of this rotation."]},
        )


def _others(edits: Iterable[list[int]], schedule: int, turn: int) -> list[list[int]]:
    return [edit for edit in edits if edit != [schedule, turn]]


def _save(plan: RosterPlan, result: Result) -> None:
    plan.result = result.as_json()
    plan.save(update_fields=["result"])
