"""Whose shifts an edit changes, from what to what; and telling them."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from django.db import transaction

from roster.models import Notice, NoticeKind, Person, Schedule, Urgency
from roster.notices import tell_all
from roster.oncall import HORIZON, OnCall, shifts_between

# How far ahead edits are compared and told: far enough for everybody's next turns, and no further
# than people plan.
COMPARED = timedelta(weeks=8)
# Somebody who comes on call as soon as this must not learn it after their quiet hours.
SOON = timedelta(hours=8)
ONE_STRETCH = timedelta(days=1)
# The most stretches a notice lists, before and after each.
MOST_LISTED = 12

Span = tuple[datetime, datetime]
"""From one moment, up to and without another; in UTC."""


@dataclass(frozen=True)
class Stretch:
    """Shifts of one person that follow each other with less than a day between them."""

    starts_at: datetime
    ends_at: datetime
    parts: int


@dataclass(frozen=True)
class PersonChange:
    """The shifts of one person that go, and those that come instead."""

    person: Person
    before: tuple[Span, ...]
    after: tuple[Span, ...]

    @property
    def goes(self) -> list[Stretch]:
        return stretches(self.before)

    @property
    def comes(self) -> list[Stretch]:
        return stretches(self.after)


@dataclass(frozen=True)
class Comparison:
    """Who is on call in `[starts_at, ends_at)` and somewhat around it, before and after an edit."""

    starts_at: datetime
    ends_at: datetime
    before: Sequence[OnCall]
    after: Sequence[OnCall]
    changes: list[PersonChange]


@dataclass
class Telling:
    """What `told` found out; filled when its block ends."""

    changes: list[PersonChange] = field(default_factory=list)
    told: list[Person] = field(default_factory=list)


def compared(schedule: Schedule, edit: Callable[[], object], *, since: datetime) -> Comparison:
    """Try an edit, see what becomes of the eight weeks from a moment on, and undo it.

    The very edit runs in the database, within a savepoint: what is shown is what saving does.
    """
    before = _around(schedule, since)
    with transaction.atomic():
        edit()
        after = _around(schedule, since)
        transaction.set_rollback(True)
    until = since + COMPARED
    return Comparison(since, until, before, after, changed_shifts(before, after, since, until))


@contextmanager
def told(
    schedule: Schedule,
    *,
    at: datetime,
    by: Person | None,
    by_name: str,
    since: datetime | None = None,
) -> Iterator[Telling]:
    """Tell everybody whose shifts the block changes in the eight weeks from `since` (None: `at`).

    Not `by`, who makes the change and sees what it does. In one transaction with the block.
    """
    telling = Telling()
    since = since or at
    with transaction.atomic():
        before = _around(schedule, since)
        yield telling
        after = _around(schedule, since)
        telling.changes = changed_shifts(before, after, since, since + COMPARED)
        telling.told = tell_changed(schedule, telling.changes, at=at, by=by, by_name=by_name)


def tell_changed(
    schedule: Schedule,
    changes: Iterable[PersonChange],
    *,
    at: datetime,
    by: Person | None,
    by_name: str,
) -> list[Person]:
    """Write a notice to each active person but `by`; answer whom."""
    meant = [each for each in changes if each.person.is_active and each.person != by]
    telling = uuid4().hex
    tell_all(
        Notice(
            key=f"shifts-changed-{telling}-{each.person.pk}",
            kind=NoticeKind.SHIFTS_CHANGED,
            person=each.person,
            urgency=_urgency(each, at),
            data={
                "schedule": schedule.name,
                "schedule_id": schedule.pk,
                "by": by_name,
                "before": _listed(each.goes),
                "after": _listed(each.comes),
                "more": max(len(each.goes), len(each.comes), MOST_LISTED) - MOST_LISTED,
            },
            created_at=at,
            due_at=at,
        )
        for each in meant
    )
    return [each.person for each in meant]


def changed_shifts(
    before: Iterable[OnCall], after: Iterable[OnCall], since: datetime, until: datetime
) -> list[PersonChange]:
    """Whose time on call within `[since, until)` differs, by name, with the shifts concerned.

    A person who is on call at the same times by other turns has no change.
    """
    old, new = _by_person(before), _by_person(after)
    found = []
    for person in sorted({*old, *new}, key=lambda each: (each.name, each.pk)):
        mine, theirs = old.get(person, []), new.get(person, [])
        differing = _clipped([*_without(mine, theirs), *_without(theirs, mine)], since, until)
        if not differing:
            continue
        gone = [span for span in mine if _touches(span, differing)]
        come = [span for span in theirs if _touches(span, [*differing, *gone])]
        gone = [span for span in mine if _touches(span, [*differing, *come])]
        found.append(
            PersonChange(
                person,
                tuple(span for span in gone if span not in come),
                tuple(span for span in come if span not in gone),
            )
        )
    return found


def stretches(spans: Iterable[Span]) -> list[Stretch]:
    """As people speak of them: a turn by day, or with others' hours cut out, is one stretch."""
    found: list[Stretch] = []
    for start, end in spans:
        if found and start - found[-1].ends_at < ONE_STRETCH:
            last = found.pop()
            found.append(Stretch(last.starts_at, end, last.parts + 1))
        else:
            found.append(Stretch(start, end, 1))
    return found


def _around(schedule: Schedule, since: datetime) -> list[OnCall]:
    """Read beyond what is compared, so that shifts at its edges come out whole.

    The schedule is read anew: the one at hand may be what a form makes of it.
    """
    stored = Schedule.objects.get(pk=schedule.pk)
    return shifts_between(stored, since - HORIZON, since + COMPARED + HORIZON)


def _by_person(shifts: Iterable[OnCall]) -> dict[Person, list[Span]]:
    found: dict[Person, list[Span]] = defaultdict(list)
    for each in shifts:
        span = (each.shift.start.astimezone(UTC), each.shift.end.astimezone(UTC))
        found[each.person].append(span)
    return found


def _without(spans: Iterable[Span], others: Iterable[Span]) -> list[Span]:
    """What of these spans the others leave uncovered."""
    left: list[Span] = []
    taken = sorted(others)
    for start, end in spans:
        for begins, ends in taken:
            if ends <= start or begins >= end:
                continue
            if begins > start:
                left.append((start, begins))
            start = max(start, ends)
        if start < end:
            left.append((start, end))
    return left


def _clipped(spans: Iterable[Span], since: datetime, until: datetime) -> list[Span]:
    return [
        (max(start, since), min(end, until))
        for start, end in spans
        if start < until and end > since
    ]


def _touches(span: Span, others: Iterable[Span]) -> bool:
    return any(span[0] < end and start < span[1] for start, end in others)


def _urgency(change: PersonChange, at: datetime) -> Urgency:
    comes_soon = any(start < at + SOON for start, _ in _without(change.after, change.before))
    return Urgency.HIGH if comes_soon else Urgency.LOW


def _listed(found: list[Stretch]) -> list[list[str | int]]:
    return [
        [each.starts_at.isoformat(), each.ends_at.isoformat(), each.parts]
        for each in found[:MOST_LISTED]
    ]
