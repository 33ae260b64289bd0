"""What people ask of the planner: to look for a roster, to stop, to forget the proposal."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from roster.doorbell import ring
from roster.errors import DomainError
from roster.models import Layer, Person, PlanRotation, RosterPlan, Schedule
from roster.qualification import check_turns

State = RosterPlan.State

# From these a roster may be looked for (again), and the plan be edited or thrown away.
AT_REST = (State.DRAFT, State.PROPOSED, State.IMPOSSIBLE, State.FAILED)


def people_now(schedules: Iterable[Schedule], at: datetime) -> dict[int, list[Person]]:
    """Active people who take turns from a moment on, by schedule id and name. Three queries."""
    asked = {schedule.pk: schedule for schedule in schedules}
    layers = Layer.objects.filter(
        Q(effective_until__isnull=True) | Q(effective_until__gt=at), schedule__in=asked
    )
    found: dict[int, dict[int, Person]] = {pk: {} for pk in asked}
    for layer in layers.select_related("schedule").prefetch_related("participants__person"):
        for row in layer.order_at(max(at, layer.begins_at())):
            if row.person and row.person.is_active:
                found[layer.schedule_id][row.person.pk] = row.person
    return {
        pk: sorted(people.values(), key=lambda each: (each.name, each.pk))
        for pk, people in found.items()
    }


def trained_now(schedule: Schedule, people: Iterable[Person], at: datetime) -> list[Person]:
    """Those of them whom the schedule may list, training considered."""
    listed = list(people)
    lacking = set(check_turns(schedule, listed, at))
    return [person for person in listed if person not in lacking]


def ask(plan: RosterPlan, *, at: datetime) -> None:
    """Have a roster looked for. Rotations without people get those who take turns there now.

    Raises DomainError where a rotation would have nobody, or the solver has the plan already.
    """
    with transaction.atomic():
        rotations = list(plan.rotations.select_related("schedule__qualification"))
        if not rotations:
            raise DomainError("no_rotations", "Say which schedules are to be planned.")
        _fill_in(rotations, at)
        _enter(plan, AT_REST, state=State.QUEUED, due_at=at, progress={}, attempts=0, last_error="")
        ring("roster.solve_plans")


def _fill_in(rotations: list[PlanRotation], at: datetime) -> None:
    now = people_now([each.schedule for each in rotations], at)
    for each in rotations:
        if each.people.exists():
            continue
        people = trained_now(each.schedule, now[each.schedule_id], at)
        if not people:
            raise DomainError(
                "no_people",
                f"Nobody takes turns on {each.schedule} now. Choose who is to.",
                {"people": ["Choose who takes turns."]},
            )
        each.people.set(people)


def stop(plan: RosterPlan) -> None:
    """Have the solver leave off; an earlier proposal stands again."""
    before = State.PROPOSED if plan.result.get("assigned") else State.DRAFT
    _enter(
        plan,
        (State.QUEUED, State.SOLVING),
        state=before,
        due_at=None,
        lease_token=None,
        leased_until=None,
        progress={},
    )


def discard(plan: RosterPlan, *, at: datetime) -> None:
    """Throw the proposal away; it stays in the list as a record."""
    _enter(plan, AT_REST, state=State.DISCARDED, settled_at=at)


def _enter(plan: RosterPlan, allowed: Iterable[str], **columns: object) -> None:
    """Change the state if it still is one of those; or say what it is by now."""
    if not RosterPlan.objects.filter(pk=plan.pk, state__in=allowed).update(**columns):
        plan.refresh_from_db(fields=["state"])
        raise DomainError(
            "plan_state",
            f"{plan} is in the state “{plan.get_state_display()}” by now. Look at it again.",
        )
    for name, value in columns.items():
        setattr(plan, name, value)
