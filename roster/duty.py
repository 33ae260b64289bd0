"""What really was on call, written down as it happens (R157).

Pay and reports must not change when a rotation is edited afterwards. So a sweep asks the engine
about the stretch since it last asked, and keeps the answer as duty records: with the instants at
which people really changed over, whenever the sweep came by.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q

from roster.models import DutyRecord, Person, Schedule, ScheduleWatch
from roster.oncall import definitions
from roster.rotation import Shift, shifts

# A schedule is not looked at again before that: a sweep repeats until it finds nothing to do.
RECORD_EVERY = timedelta(seconds=10)

Reason = tuple[UUID | None, int | None, int | None]
"""Lineage of a layer and turn, or the id of an override."""


class _RecordedMeanwhileError(Exception):
    """Another worker has recorded some of these schedules; what was written here is undone."""


@dataclass(frozen=True, slots=True)
class _Due:
    """A schedule to record, and up to when it is; None for one not seen before."""

    pk: int
    time_zone: str
    is_active: bool
    since: datetime | None


@dataclass(frozen=True, slots=True)
class _Duty:
    """A stretch on call as the engine has it, in UTC, told as a record is."""

    person: int
    starts_at: datetime
    ends_at: datetime
    layer_name: str
    reason: Reason


@dataclass(slots=True)
class _Changes:
    """What a step found: records that end, by when, and records that begin."""

    ended: dict[datetime, list[int]] = field(default_factory=lambda: defaultdict(list))
    begun: list[DutyRecord] = field(default_factory=list)

    def write(self) -> None:
        """End before beginning: a person has one running record on a schedule."""
        for at, records in self.ended.items():
            DutyRecord.objects.filter(pk__in=records).update(ends_at=at)
        DutyRecord.objects.bulk_create(self.begun, batch_size=500)


def record_due(*, at: datetime, limit: int = 500) -> int:
    """Record up to `at` who was on call on the schedules furthest behind; answer how many.

    After downtime this catches up. A schedule seen for the first time is recorded from `at` on,
    since nothing before was witnessed; one made inactive ends where it was last recorded. Of two
    workers one undoes its work. A quiet step takes ten queries; each instant at which somebody's
    duty ended, and each round of schedules not recorded together before, one more.
    """
    at = at.astimezone(UTC).replace(microsecond=0)
    due = _due(at, limit)
    if not due:
        return 0
    changes = _changes(due, at)
    new = [ScheduleWatch(schedule_id=schedule.pk) for schedule in due if schedule.since is None]
    if new:
        ScheduleWatch.objects.bulk_create(new, ignore_conflicts=True)
    try:
        with transaction.atomic():
            _advance(due, at)
            changes.write()
    except _RecordedMeanwhileError:
        return 0
    return len(due)


def _due(at: datetime, limit: int) -> list[_Due]:
    is_behind = Q(watch__duty_recorded_until__lte=at - RECORD_EVERY)
    is_new = Q(watch__duty_recorded_until=None, is_active=True)
    rows = Schedule.objects.filter(is_behind | is_new).order_by(
        F("watch__duty_recorded_until").asc(nulls_first=True), "pk"
    )
    values = rows.values_list("pk", "time_zone", "is_active", "watch__duty_recorded_until")
    return [_Due(*each) for each in values[:limit]]


def _advance(due: Iterable[_Due], at: datetime) -> None:
    """Note how far each is recorded, on condition that nobody else has done so since.

    An inactive one forgets: when it comes back, the time between was nobody's duty.
    """
    rounds: dict[tuple[datetime | None, bool], list[int]] = defaultdict(list)
    for schedule in due:
        rounds[schedule.since, schedule.is_active].append(schedule.pk)
    for (since, is_active), members in rounds.items():
        watches = ScheduleWatch.objects.filter(schedule__in=members, duty_recorded_until=since)
        if watches.update(duty_recorded_until=at if is_active else None) != len(members):
            raise _RecordedMeanwhileError


def _changes(due: Sequence[_Due], at: datetime) -> _Changes:
    running: dict[int, dict[int, tuple[int, Reason]]] = defaultdict(dict)
    records = DutyRecord.objects.filter(
        schedule__in=[schedule.pk for schedule in due], ends_at__isnull=True
    )
    for pk, schedule, person, lineage, turn, override in records.values_list(
        "pk", "schedule_id", "person_id", "lineage", "turn", "override_id"
    ):
        running[schedule][person] = pk, (lineage, turn, override)
    duties = _duties(due, at)
    found = _Changes()
    for each in due:
        if each.since is not None:
            _compare(found, each, duties.get(each.pk, ()), running[each.pk], at)
    return found


def _compare(
    found: _Changes,
    schedule: _Due,
    duties: Iterable[_Duty],
    running: Mapping[int, tuple[int, Reason]],
    at: datetime,
) -> None:
    """Hold the engine's answer for `[since, at)` against the records that run.

    A stretch that lasts to `at` stays open: whether it goes on is for the next step to say, and
    if not, that is where it ended.
    """
    ending = {pk: schedule.since for pk, _ in running.values()}
    for duty in duties:
        ends_at = duty.ends_at if duty.ends_at < at else None
        pk, reason = running.get(duty.person, (0, None))
        if duty.starts_at == schedule.since and duty.reason == reason:
            ending[pk] = ends_at
        else:
            found.begun.append(_record(schedule, duty, ends_at))
    for pk, ended_at in ending.items():
        if ended_at is not None:
            found.ended[ended_at].append(pk)


def _record(schedule: _Due, duty: _Duty, ends_at: datetime | None) -> DutyRecord:
    lineage, turn, override = duty.reason
    return DutyRecord(
        schedule_id=schedule.pk,
        person_id=duty.person,
        starts_at=duty.starts_at,
        ends_at=ends_at,
        layer_name=duty.layer_name,
        lineage=lineage,
        turn=turn,
        override_id=override,
    )


def _duties(due: Iterable[_Due], at: datetime) -> dict[int, list[_Duty]]:
    """What the engine says of each active schedule since it was last asked.

    People who are inactive are left out: they are not paged either.
    """
    since = {each.pk: each.since for each in due if each.is_active and each.since}
    if not since:
        return {}
    zones = [Schedule(pk=each.pk, time_zone=each.time_zone) for each in due if each.pk in since]
    answers = {
        pk: shifts(definition, since[pk], at)
        for pk, definition in definitions(zones, min(since.values()), at).items()
    }
    slugs = {shift.person for found in answers.values() for shift in found}
    people = dict(Person.objects.active().filter(slug__in=slugs).values_list("slug", "pk"))
    return {
        pk: [_duty(people[shift.person], shift) for shift in found if shift.person in people]
        for pk, found in answers.items()
    }


def _duty(person: int, shift: Shift) -> _Duty:
    source = shift.source
    return _Duty(
        person=person,
        starts_at=shift.start.astimezone(UTC),
        ends_at=shift.end.astimezone(UTC),
        layer_name=source.layer or "",
        reason=(
            UUID(source.layer_key) if source.layer_key else None,
            source.turn,
            int(source.override) if source.override else None,
        ),
    )
