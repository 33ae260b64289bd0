"""Shifts under names that stay (ROSTER-RULES, feed identity).

An event is known by its layer's lineage, its turn and the person's place in the group, or by its
override; a turn that comes in several stretches numbers them. What it says may change: then its
sequence rises. What is gone stays as cancelled for a while, so that calendars take it out.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from django.db import connection, transaction

from roster import oncall, rotation
from roster.feeds.naming import Known, Stretch, assign, base_of, farewell, is_farewell
from roster.models import Person, Publication, PublishedShift, Schedule

BACK = timedelta(days=92)
"""How long shifts that are over stay in a feed: three months."""

MONTHS_AHEAD = 14
# A shift cut off where reading ends is left for the month in which all of it is seen, unless it is
# longer than this.
EDGE = timedelta(days=31)
MONTHS_READ_BACK = 5
# Names of shifts long over; nobody's calendar asks about them again.
FORGET_AFTER = timedelta(days=400)
BATCH = 500


@dataclass(frozen=True)
class _Window:
    """What is read of a schedule. It moves once a month, or every reading would find changes."""

    start: datetime
    end: datetime

    @classmethod
    def around(cls, at: datetime) -> "_Window":
        month = at.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        return cls(_months_on(month, -MONTHS_READ_BACK), _months_on(month, MONTHS_AHEAD))


def publish(schedules: Iterable[Schedule], *, at: datetime) -> None:
    """Bring the published shifts of these schedules up to date.

    Seven queries for any number of schedules where nothing changed since the last time; a few more
    for each that did.
    """
    asked = {schedule.pk: schedule for schedule in schedules}
    window = _Window.around(at)
    known = oncall.definitions(asked.values(), window.start, window.end)
    slugs = {slug for definition in known.values() for slug in _slugs(definition)}
    people = {each.slug: each for each in Person.objects.active().filter(slug__in=slugs)}
    digests = {pk: _digest(definition, window, people) for pk, definition in known.items()}
    done = dict(Publication.objects.filter(schedule__in=asked).values_list("schedule", "digest"))
    for pk, definition in known.items():
        if done.get(pk) != digests[pk]:
            _publish(asked[pk], definition, digests[pk], people, window, at=at)


def _publish(
    schedule: Schedule,
    definition: rotation.Definition,
    digest: str,
    people: dict[str, Person],
    window: _Window,
    *,
    at: datetime,
) -> None:
    """One schedule, in one transaction. Whoever comes second finds it done, or does it again."""
    shifts = rotation.shifts(definition, window.start, window.end)
    with transaction.atomic():
        Publication.objects.bulk_create([Publication(schedule=schedule)], ignore_conflicts=True)
        rows = Publication.objects.filter(pk=schedule.pk)
        if connection.features.has_select_for_update:
            rows = rows.select_for_update(of=("self",))
        if rows.get().digest == digest:
            return
        PublishedShift.objects.filter(schedule=schedule, ends_at__lt=at - FORGET_AFTER).delete()
        everybody = {**_all_named(shifts), **people}
        stretches = [
            each
            for each in _stretches(shifts, everybody)
            # Of those who are inactive by now, only what was.
            if each.ends_at > at - BACK
            and (each.slug in people or each.ends_at <= at)
            and (each.ends_at < window.end or each.starts_at < window.end - EDGE)
        ]
        _write(schedule, stretches, window, at=at)
        Publication.objects.filter(pk=schedule.pk).update(digest=digest, published_at=at)


def _write(schedule: Schedule, stretches: list[Stretch], window: _Window, *, at: datetime) -> None:
    everything = {row.uid: row for row in PublishedShift.objects.filter(schedule=schedule)}
    rows = {uid: row for uid, row in everything.items() if not is_farewell(uid)}
    known = [
        Known(uid, row.starts_at, row.ends_at, row.cancelled_at is None)
        for uid, row in rows.items()
    ]
    named = assign(stretches, known, at=at)
    new = [_row(schedule, uid, each, at=at) for uid, each in named.items() if uid not in rows]
    changed: list[PublishedShift] = []
    for uid, each in named.items():
        if uid in rows:
            new += _follow(rows[uid], each, changed, at=at)
    for uid, row in rows.items():
        is_near = row.ends_at > at - BACK and row.starts_at < window.end
        if uid not in named and row.cancelled_at is None and is_near:
            row.cancelled_at = row.changed_at = at
            row.sequence += 1
            changed.append(row)
    _say_no_farewell_twice([*new, *changed], everything)
    PublishedShift.objects.bulk_create(new, batch_size=BATCH)
    PublishedShift.objects.bulk_update(
        changed,
        ["person", "starts_at", "ends_at", "sequence", "changed_at", "cancelled_at"],
        batch_size=BATCH,
    )


def _say_no_farewell_twice(
    written: list[PublishedShift], everything: dict[str, PublishedShift]
) -> None:
    """Drop the farewells to people who have the shift again, or who are told anew."""
    names = {
        row.uid if is_farewell(row.uid) else farewell(row.uid, row.person_id) for row in written
    }
    PublishedShift.objects.filter(
        pk__in=[everything[name].pk for name in names if name in everything]
    ).delete()


def _row(schedule: Schedule, uid: str, each: Stretch, *, at: datetime) -> PublishedShift:
    return PublishedShift(
        uid=uid,
        schedule=schedule,
        person_id=each.person_id,
        starts_at=each.starts_at,
        ends_at=each.ends_at,
        changed_at=at,
    )


def _follow(
    row: PublishedShift, each: Stretch, changed: list[PublishedShift], *, at: datetime
) -> list[PublishedShift]:
    """Make a row say what the stretch says. Answers the farewell to whoever had it before."""
    before = row.person_id
    said = row.starts_at, row.ends_at, before
    if said == (each.starts_at, each.ends_at, each.person_id) and row.cancelled_at is None:
        return []
    goodbye = PublishedShift(
        uid=farewell(row.uid, before),
        schedule_id=row.schedule_id,
        person_id=before,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        sequence=row.sequence + 1,
        changed_at=at,
        cancelled_at=row.cancelled_at or at,
    )
    row.starts_at, row.ends_at, row.person_id = each.starts_at, each.ends_at, each.person_id
    row.sequence += 1
    row.changed_at, row.cancelled_at = at, None
    changed.append(row)
    return [goodbye] if before != each.person_id else []


def _stretches(shifts: list[rotation.Shift], people: dict[str, Person]) -> list[Stretch]:
    """The shifts by start, those that touch and have one name and person joined into one.

    A layer and its successor tell apart what is one turn for its person.
    """
    found: list[Stretch] = []
    last: dict[tuple[str, str], int] = {}
    for shift in shifts:
        base = base_of(shift.source)
        starts_at, ends_at = shift.start.astimezone(UTC), shift.end.astimezone(UTC)
        place = last.get((base, shift.person))
        if place is not None and found[place].ends_at == starts_at:
            starts_at = found[place].starts_at
        else:
            place = last[base, shift.person] = len(found)
            found.append(Stretch(base, "", 0, starts_at, ends_at))
        person = people[shift.person]
        found[place] = Stretch(base, shift.person, person.pk, starts_at, ends_at)
    return found


def _all_named(shifts: list[rotation.Shift]) -> dict[str, Person]:
    slugs = {shift.person for shift in shifts}
    return {person.slug: person for person in Person.objects.filter(slug__in=slugs)}


def _digest(definition: rotation.Definition, window: _Window, people: dict[str, Person]) -> str:
    """Of all that decides what is published: the definition, who is active, and the month."""
    named = sorted(slug for slug in _slugs(definition) if slug in people)
    return sha256(repr((definition, window.start, named)).encode()).hexdigest()


def _slugs(definition: rotation.Definition) -> set[str]:
    found = {
        slug
        for layer in definition.layers
        for entries in (layer.participants, *(edit.participants for edit in layer.edits))
        for entry in entries
        for slug in entry
    }
    for override in definition.overrides:
        found |= {override.person or "", *(shift.person for shift in override.shifts)}
    return found


def _months_on(month: datetime, count: int) -> datetime:
    number = month.year * 12 + month.month - 1 + count
    return month.replace(year=number // 12, month=number % 12 + 1)
