"""Plans, and what stands around them."""

from datetime import UTC, date, datetime, time
from typing import Any

from roster.models import (
    DutyRecord,
    Person,
    PlanPreference,
    PlanRotation,
    RosterPlan,
    Schedule,
    TimeOff,
)

# Any: keyword arguments go straight to the model.


def make_plan(
    *schedules: Schedule, people: list[Person] | None = None, **fields: Any
) -> RosterPlan:
    """Weekly turns from Monday 2026-04-06 09:00, of `people` or whoever takes turns there."""
    fields.setdefault("name", "Spring")
    fields.setdefault("starts_on", date(2026, 4, 6))
    fields.setdefault("handoff_time", time(9))
    fields.setdefault("turns", 6)
    plan = RosterPlan.objects.create(**fields)
    for schedule in schedules:
        rotation = PlanRotation.objects.create(plan=plan, schedule=schedule)
        rotation.people.set(people or [])
    return plan


def make_duty(person: Person, schedule: Schedule, starts_at: datetime, ends_at: datetime) -> None:
    DutyRecord.objects.create(
        person=person, schedule=schedule, starts_at=starts_at, ends_at=ends_at
    )


def make_time_off(person: Person, first: date, last: date) -> TimeOff:
    """From the beginning of a day to the beginning of another, in UTC."""
    return TimeOff.objects.create(
        person=person,
        starts_at=datetime.combine(first, time(), UTC),
        ends_at=datetime.combine(last, time(), UTC),
    )


def make_wish(person: Person, **fields: Any) -> PlanPreference:
    fields.setdefault("starts_on", date(2026, 4, 6))
    fields.setdefault("ends_on", date(2026, 4, 10))
    return PlanPreference.objects.create(person=person, **fields)
