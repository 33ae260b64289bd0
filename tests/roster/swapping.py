"""A rotation of three in which people swap, and what comes of it."""

from dataclasses import dataclass
from datetime import datetime

from roster import oncall
from roster.models import Notice, NoticeKind, Person, Schedule
from tests.factories.roster import make_person, make_schedule
from tests.factories.swaps import HANDOFF, WEEK


@dataclass
class Rotation:
    """Weekly turns: Cy now, Ana from `HANDOFF`, then Bo, then Cy again."""

    schedule: Schedule
    ana: Person
    bo: Person
    cy: Person


def make_rotation(**fields: object) -> Rotation:
    ana, bo, cy = (make_person(slug=name.lower(), name=name) for name in ("Ana", "Bo", "Cy"))
    schedule = make_schedule(ana, bo, cy, name="Payments", slug="payments", **fields)
    return Rotation(schedule, ana, bo, cy)


def who(
    schedule: Schedule, start: datetime = HANDOFF, end: datetime = HANDOFF + 3 * WEEK
) -> list[tuple[str, datetime, datetime]]:
    """Who is on call from when to when; touching stretches of one person are one."""
    found: list[tuple[str, datetime, datetime]] = []
    for each in oncall.shifts_between(schedule, start, end):
        if found and found[-1][0] == each.person.slug and found[-1][2] == each.shift.start:
            found[-1] = found[-1][0], found[-1][1], each.shift.end
        else:
            found.append((each.person.slug, each.shift.start, each.shift.end))
    return found


def told() -> list[tuple[str, str]]:
    """Which kinds of notices wait for whom, in order of writing; and forget them."""
    rows = list(Notice.objects.order_by("pk").values_list("kind", "person__slug"))
    Notice.objects.all().delete()
    return [(NoticeKind(kind).name, slug) for kind, slug in rows]
