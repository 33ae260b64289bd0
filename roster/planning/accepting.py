"""Turning a proposal into layers, and taking that back before it begins."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Max

from roster.actors import Actor
from roster.errors import DomainError
from roster.layer_changes import add_layer
from roster.layer_plans import announce
from roster.models import (
    Coverage,
    CoverageWindow,
    Layer,
    LayerWindow,
    PlanRotation,
    RosterPlan,
)
from roster.planning.checks import Rule, Violation, violations
from roster.planning.problem import Roster, Rotation
from roster.planning.reading import Reading, reading_of
from roster.planning.results import Result
from roster.shift_changes import told

State = RosterPlan.State

# What nobody can insist on: somebody must be paged, and it must be somebody who is there.
_NEVER = (Rule.OPEN, Rule.INACTIVE, Rule.NOT_LISTED)


def accept(plan: RosterPlan, *, by: Actor, at: datetime, despite: bool = False) -> None:
    """Write one layer per schedule for the period, above the others, and tell whom it concerns.

    The proposal is checked against what is true now. Rules it breaks are named and refuse it,
    unless `despite` is given; an open turn or an inactive person always does. Raises DomainError
    also when the period has begun or another accepted plan overlaps.
    """
    with transaction.atomic():
        _lock(plan, State.PROPOSED)
        reading = reading_of(plan, at=at)
        problem = reading.problem
        roster = Result.of(plan).roster(problem.rotations)
        _check_period(reading, at)
        _check_rules(violations(problem, roster), despite=despite)
        for number, rotation in enumerate(problem.rotations):
            row = reading.rotations[number]
            since = rotation.turns[0].starts_at
            with told(row.schedule, at=at, by=by.person, by_name=by.name, since=since):
                row.layer = _write(reading, rotation, row, number, roster, at)
            row.save(update_fields=["layer"])
        _settle(plan, State.ACCEPTED, settled_at=at)


def undo(plan: RosterPlan, *, by: Actor, at: datetime) -> None:
    """Take the layers away again and go back to the proposal; not once a turn has begun."""
    with transaction.atomic():
        _lock(plan, State.ACCEPTED)
        rows = list(plan.rotations.select_related("schedule", "layer__schedule"))
        for row in rows:
            if row.layer and row.layer.begins_at() <= at:
                raise DomainError(
                    "plan_begun",
                    f"{plan} has begun on {row.schedule} and stays. Edit its layer instead.",
                )
        for row in rows:
            if row.layer:
                since = row.layer.begins_at()
                with told(row.schedule, at=at, by=by.person, by_name=by.name, since=since):
                    # Changes of the layer that were planned for later go with it.
                    Layer.objects.filter(lineage=row.layer.lineage).delete()
                    announce(row.schedule, at=at)
        _settle(plan, State.PROPOSED, settled_at=None)


def conflicts_of(reading: Reading) -> list[Violation]:
    """What the proposal breaks as things stand now."""
    roster = Result.of(reading.plan).roster(reading.problem.rotations)
    return violations(reading.problem, roster)


def is_refused(broken: Sequence[Violation]) -> bool:
    """Whether one of these can not be insisted on."""
    return any(each.rule in _NEVER for each in broken)


def _lock(plan: RosterPlan, expected: str) -> None:
    state = RosterPlan.objects.select_for_update().values_list("state", flat=True).get(pk=plan.pk)
    if state != expected:
        label = State(state).label
        raise DomainError(
            "plan_state", f"{plan} is in the state “{label}” by now. Look at it again."
        )
    plan.refresh_from_db()


def _settle(plan: RosterPlan, state: str, *, settled_at: datetime | None) -> None:
    plan.state, plan.settled_at = state, settled_at
    plan.save(update_fields=["state", "settled_at"])


def _check_period(reading: Reading, at: datetime) -> None:
    for rotation in reading.problem.rotations:
        begins = rotation.turns[0].starts_at
        if begins <= at:
            raise DomainError(
                "period_begun",
                f"The first turn on {rotation.name} began on {begins:%a %-d %b at %H:%M}. Change "
                "the first handoff to a later day and have it planned again.",
            )
    others = PlanRotation.objects.filter(
        schedule__in=[rotation.key for rotation in reading.problem.rotations],
        plan__state=State.ACCEPTED,
        layer__isnull=False,
    ).select_related("plan", "layer__schedule", "schedule")
    for other in others.exclude(plan=reading.plan):
        if other.layer and _overlaps(other.layer, reading):
            raise DomainError(
                "plan_overlaps",
                f"{other.plan} is accepted for {other.schedule} in the same weeks. Undo it first, "
                "or begin after it.",
            )


def _overlaps(layer: Layer, reading: Reading) -> bool:
    ends = layer.effective_until
    return layer.begins_at() < reading.ends_at() and (ends is None or ends > reading.starts_at())


def _check_rules(broken: Sequence[Violation], *, despite: bool) -> None:
    if not broken or (despite and not is_refused(broken)):
        return
    listed = " ".join(each.text for each in broken[:5])
    more = f" And {len(broken) - 5} more." if len(broken) > 5 else ""
    if is_refused(broken):
        raise DomainError("plan_broken", f"{listed}{more} Change these turns by hand first.")
    raise DomainError(
        "plan_conflicts",
        f"{listed}{more} Change these turns by hand, or accept in spite of it.",
        {"despite": ["Tick this to accept in spite of it."]},
    )


def _write(
    reading: Reading,
    rotation: Rotation,
    row: PlanRotation,
    number: int,
    roster: Roster,
    at: datetime,
) -> Layer:
    plan, schedule = reading.plan, row.schedule
    highest = schedule.layers.aggregate(highest=Max("position"))["highest"] or 0
    layer = Layer(
        schedule=schedule,
        name=plan.name[:100],
        position=highest + 1,
        starts_on=plan.starts_on,
        handoff_time=plan.handoff_time,
        length=plan.turn_length,
        unit=plan.turn_unit,
        effective_until=rotation.turns[-1].ends_at,
    )
    turns = [
        (turn + 1, reading.people[roster[number, turn]]) for turn in range(len(rotation.turns))
    ]
    return add_layer(layer, turns, _windows(row), at=at)


def _windows(row: PlanRotation) -> list[LayerWindow]:
    """Where the schedule must be covered in certain hours, the layer counts in these only."""
    if row.schedule.coverage != Coverage.HOURS:
        return []
    return [
        LayerWindow(
            opens_on=each.opens_on,
            opens_at=each.opens_at,
            closes_on=each.closes_on,
            closes_at=each.closes_at,
        )
        for each in CoverageWindow.objects.filter(schedule=row.schedule).order_by("pk")
    ]
