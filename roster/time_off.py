"""Time off: entered in the person's own days or hours, withdrawn, and held against their shifts.

It never changes who is on call. What it clashes with is shown at once, with people who could
stand in, and the coverage watch finds it again as long as it stands.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Q

from roster.conflicts import Conflict, conflicts_between
from roster.errors import DomainError
from roster.models import FindingKind, Layer, Override, OverrideShift, Person, Schedule, TimeOff
from roster.replacements import replacements
from roster.watch import prove_soon

LONGEST = timedelta(days=1_100)
# Years back are of no use to anybody, and a typing error more often than not.
FURTHEST_BACK = timedelta(days=366)
FURTHEST_AHEAD = timedelta(days=5 * 366)
# Looking for stand-ins asks about everybody in the rotation; the first few clashes show the way.
MOST_PROPOSALS = 2
IN_A_ROW = timedelta(days=1)


@dataclass(frozen=True)
class Clash:
    """Shifts of one schedule, less than a day apart, that fall into time off.

    `stand_ins` could take all of it; None where nobody was asked after.
    """

    schedule: Schedule
    starts_at: datetime
    ends_at: datetime
    shifts: int
    stand_ins: list[Person] | None


def whole_days(person: Person, first: date, last: date) -> tuple[datetime, datetime]:
    """From the beginning of one day to the end of another, by the clock of the person's zone."""
    zone = ZoneInfo(person.time_zone)
    after = last + timedelta(days=1)
    return datetime.combine(first, time.min, zone), datetime.combine(after, time.min, zone)


def days_of(row: TimeOff, zone: ZoneInfo) -> tuple[date, date]:
    """The first and the last day it touches, by the clock of a zone."""
    last = row.ends_at.astimezone(zone) - timedelta(microseconds=1)
    return row.starts_at.astimezone(zone).date(), last.date()


def enter(
    person: Person, starts_at: datetime, ends_at: datetime, *, note: str = "", at: datetime
) -> TimeOff:
    """Note that a person is away. Raises DomainError naming the field at fault."""
    _check(person, starts_at, ends_at, at)
    with transaction.atomic():
        row = TimeOff.objects.create(
            person=person, starts_at=starts_at, ends_at=ends_at, note=note.strip()
        )
        prove_soon(schedules_with(person, at), at=at)
    return row


def change(
    row: TimeOff, *, starts_at: datetime, ends_at: datetime, note: str, at: datetime
) -> TimeOff:
    """Move time off that was entered here and is not over."""
    _refuse_calendar(row)
    _check(row.person, starts_at, ends_at, at, apart_from=row)
    with transaction.atomic():
        row.starts_at, row.ends_at, row.note = starts_at, ends_at, note.strip()
        row.save(update_fields=["starts_at", "ends_at", "note"])
        prove_soon(schedules_with(row.person, at), at=at)
    return row


def withdraw(row: TimeOff, *, at: datetime) -> None:
    """Take it back: the person is there after all. What has begun ends now, and stays on record."""
    _refuse_calendar(row)
    if row.ends_at <= at:
        raise DomainError(
            "time_off_over", "This time off is over, and stays on record. There is nothing to end."
        )
    with transaction.atomic():
        if row.starts_at >= at:
            row.delete()
        else:
            row.ends_at = at
            row.save(update_fields=["ends_at"])
        prove_soon(schedules_with(row.person, at), at=at)


def schedules_with(person: Person, at: datetime) -> list[int]:
    """Ids of active schedules that may put this person on call after a moment. One query."""
    layers = Layer.objects.filter(
        Q(effective_until__isnull=True) | Q(effective_until__gt=at), participants__person=person
    )
    overrides = Override.objects.filter(person=person, ends_at__gt=at)
    listed = OverrideShift.objects.filter(person=person, ends_at__gt=at)
    ids = Schedule.objects.active().filter(
        Q(pk__in=layers.values("schedule"))
        | Q(pk__in=overrides.values("schedule"))
        | Q(pk__in=listed.values("override__schedule"))
    )
    return list(ids.order_by("pk").values_list("pk", flat=True))


def clashes_of(
    person: Person, rows: Iterable[TimeOff], *, at: datetime
) -> dict[int, list[Conflict]]:
    """By time off, the shifts of this person that fall into it and are not over, by start.

    A constant number of queries; none without rows.
    """
    coming = [row for row in rows if row.ends_at > at]
    if not coming:
        return {}
    schedules = Schedule.objects.filter(pk__in=schedules_with(person, at)).order_by("pk")
    start = max(min(row.starts_at for row in coming), at)
    found = [
        conflict
        for conflict in conflicts_between(schedules, start, max(row.ends_at for row in coming))
        if conflict.kind == FindingKind.TIME_OFF and conflict.person.pk == person.pk
    ]
    return {
        row.pk: [
            each for each in found if each.starts_at < row.ends_at and each.ends_at > row.starts_at
        ]
        for row in coming
    }


def with_stand_ins(conflicts: Iterable[Conflict], *, is_asked: bool = True) -> list[Clash]:
    """Clashes in a row as one; if asked, the first few with the people who could take them."""
    rows: dict[int, list[list[Conflict]]] = {}
    for each in conflicts:
        own = rows.setdefault(each.schedule.pk, [])
        if own and each.starts_at - own[-1][-1].ends_at < IN_A_ROW:
            own[-1].append(each)
        else:
            own.append([each])
    found = sorted((row for own in rows.values() for row in own), key=lambda row: row[0].starts_at)
    return [
        _clash(row, is_asked=is_asked and number < MOST_PROPOSALS)
        for number, row in enumerate(found)
    ]


def _clash(row: list[Conflict], *, is_asked: bool) -> Clash:
    schedule, starts_at = row[0].schedule, row[0].starts_at
    ends_at = max(each.ends_at for each in row)
    free = replacements(schedule, starts_at, ends_at) if is_asked else None
    return Clash(schedule, starts_at, ends_at, len(row), free)


def _check(
    person: Person,
    starts_at: datetime,
    ends_at: datetime,
    at: datetime,
    *,
    apart_from: TimeOff | None = None,
) -> None:
    if ends_at.timestamp() <= starts_at.timestamp():
        raise _wrong("ends_at", "Time off must end after it starts.")
    if ends_at.timestamp() <= at.timestamp():
        raise _wrong("ends_at", "This has passed. Enter time off that is still to come.")
    if starts_at < at - FURTHEST_BACK or ends_at > at + FURTHEST_AHEAD:
        raise _wrong("starts_at", "This is years away. Check the dates.")
    if ends_at - starts_at > LONGEST:
        raise _wrong(
            "ends_at", "This is longer than three years. Make the person inactive instead."
        )
    same = TimeOff.objects.filter(person=person, starts_at__lte=starts_at, ends_at__gte=ends_at)
    if apart_from:
        same = same.exclude(pk=apart_from.pk)
    if same.exists():
        raise _wrong("starts_at", f"{person} is away then already. There is nothing to add.")


def _refuse_calendar(row: TimeOff) -> None:
    if row.calendar_id is not None:
        raise DomainError(
            "time_off_of_calendar",
            f"This was read from the calendar “{row.calendar}”. Change it there; it is read again "
            "within the hour.",
        )


def _wrong(name: str, message: str) -> DomainError:
    return DomainError("time_off_refused", message, {name: [message]})
