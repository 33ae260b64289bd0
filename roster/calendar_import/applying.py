"""What a calendar says, brought into the roster: time off of a person, or shifts of a schedule."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet
from simple_history.utils import bulk_create_with_history, bulk_update_with_history

from roster.calendar_import.matching import Directory
from roster.calendar_import.reading import MOST_PROBLEMS, Occurrence, Reading
from roster.models import ImportedCalendar, Override, TimeOff
from roster.shift_changes import told
from roster.time_off import schedules_with
from roster.watch import prove_soon

MINUTE = timedelta(minutes=1)
BATCH = 200


def apply(calendar: ImportedCalendar, reading: Reading, *, at: datetime) -> list[str]:
    """Make the roster agree with the calendar; answer what of it could not be used, in sentences.

    Only what changed is written. Time off that has begun keeps its beginning, and a shift that has
    begun is only ever cut short or lengthened: what was stays. The calendar's person or schedule
    must be loaded.
    """
    with transaction.atomic():
        if calendar.person is not None:
            _to_time_off(calendar, reading, at)
            return reading.problems
        return _to_overrides(calendar, reading, at)


def _to_time_off(calendar: ImportedCalendar, reading: Reading, at: datetime) -> None:
    known = {row.calendar_uid: row for row in calendar.time_off.filter(ends_at__gt=at)}
    new: list[TimeOff] = []
    changed: list[TimeOff] = []
    for each in reading.occurrences:
        row = known.pop(each.key, None)
        if row is None:
            row = TimeOff(person=calendar.person, calendar=calendar, calendar_uid=each.key)
            new.append(row)
        elif (row.starts_at, row.ends_at, row.note) != (
            each.starts_at,
            each.ends_at,
            each.summary,
        ):
            changed.append(row)
        row.starts_at, row.ends_at, row.note = each.starts_at, each.ends_at, each.summary
    gone = [row for key, row in known.items() if not _is_unreadable(key, reading)]
    for row in gone:
        if row.starts_at >= at:
            row.delete()
        else:
            row.ends_at = at
            changed.append(row)
    _over_again(TimeOff.objects.filter(calendar=calendar, ends_at__lte=at), new)
    bulk_update_with_history(changed, TimeOff, ["starts_at", "ends_at", "note"], batch_size=BATCH)
    bulk_create_with_history(new, TimeOff, batch_size=BATCH)
    if calendar.person is not None and (new or changed or gone):
        prove_soon(schedules_with(calendar.person, at), at=at)


def _over_again(
    past: QuerySet[TimeOff] | QuerySet[Override], new: list[TimeOff] | list[Override]
) -> None:
    """Past rows give up their key to a new row of the same event, which was moved ahead."""
    keys = {row.calendar_uid for row in new}
    for row in past:
        if row.calendar_uid in keys:
            row.calendar_uid = f"{row.calendar_uid}#{row.pk}"
            row.save(update_fields=["calendar_uid"])


def _to_overrides(calendar: ImportedCalendar, reading: Reading, at: datetime) -> list[str]:
    directory = Directory()
    problems = list(reading.problems)
    wanted: dict[str, tuple[Occurrence, int]] = {}
    for each in reading.occurrences:
        people, why = directory.people_of(each)
        for person in people:
            wanted[f"{each.key}|{person.slug}"] = each, person.pk
        if why and len(problems) < MOST_PROBLEMS:
            problems.append(why)
    # Whole minutes, and never before now: who was on call until this moment stays.
    soon = at.replace(second=0, microsecond=0) + MINUTE
    if calendar.schedule is not None:
        name = f"the calendar “{calendar.name}”"
        with told(calendar.schedule, at=at, by=None, by_name=name):
            _follow(calendar, wanted, reading, at=at, soon=soon)
    return problems


def _follow(
    calendar: ImportedCalendar,
    wanted: dict[str, tuple[Occurrence, int]],
    reading: Reading,
    *,
    at: datetime,
    soon: datetime,
) -> None:
    known = {row.calendar_uid: row for row in calendar.overrides.filter(ends_at__gt=at)}
    new: list[Override] = []
    changed: list[Override] = []
    gone = 0
    for key, row in known.items():
        each = wanted.get(key, (None, 0))[0]
        if each and _follow_event(row, each, at=at, soon=soon, changed=changed):
            del wanted[key]
        elif each is None and not _is_unreadable(key, reading):
            gone += 1
            _end(row, at=at, soon=soon, changed=changed)
    for key, (each, person) in wanted.items():
        if each.ends_at > soon:
            new.append(_override(calendar, key, each, person, since=max(each.starts_at, soon)))
    _over_again(calendar.overrides.filter(ends_at__lte=at), new)
    # First, since a row that ends gives up its key to one that begins.
    bulk_update_with_history(
        changed, Override, ["starts_at", "ends_at", "reason", "calendar_uid"], batch_size=BATCH
    )
    bulk_create_with_history(new, Override, batch_size=BATCH)
    if calendar.schedule_id is not None and (new or changed or gone):
        prove_soon([calendar.schedule_id], at=at)


def _follow_event(
    row: Override, each: Occurrence, *, at: datetime, soon: datetime, changed: list[Override]
) -> bool:
    """Bring a row up to date. False if it has begun and its event was moved ahead: it ends then."""
    if row.starts_at > at:
        starts_at, ends_at = max(each.starts_at, min(soon, row.starts_at)), each.ends_at
    elif each.starts_at > soon:
        row.calendar_uid = f"{row.calendar_uid}#{row.pk}"
        _end(row, at=at, soon=soon, changed=changed)
        return False
    else:
        starts_at, ends_at = row.starts_at, max(each.ends_at, soon)
    if (row.starts_at, row.ends_at, row.reason) != (starts_at, ends_at, _reason(each)):
        row.starts_at, row.ends_at, row.reason = starts_at, ends_at, _reason(each)
        changed.append(row)
    return True


def _end(row: Override, *, at: datetime, soon: datetime, changed: list[Override]) -> None:
    if row.starts_at > at:
        row.delete()
    else:
        row.ends_at = min(row.ends_at, soon)
        changed.append(row)


def _override(
    calendar: ImportedCalendar, key: str, each: Occurrence, person: int, *, since: datetime
) -> Override:
    return Override(
        schedule=calendar.schedule,
        kind=Override.Kind.ADD,
        person_id=person,
        calendar=calendar,
        calendar_uid=key,
        starts_at=since,
        ends_at=each.ends_at,
        reason=_reason(each),
        created_by_id=calendar.created_by_id,
    )


def _reason(each: Occurrence) -> str:
    return each.summary or "From a calendar"


def _is_unreadable(key: str, reading: Reading) -> bool:
    """Whether a row belongs to an event that could not be read this time: then it stays."""
    return any(key == event or key.startswith(f"{event}|") for event in reading.unreadable)
