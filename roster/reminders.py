"""Telling people that a shift of theirs begins, some hours before, as each of them likes it.

A shift is told once: its notice is known by schedule, person and beginning. One that is moved is
told again, one that only changes its turn or its end is not.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Max

from roster import oncall, quiet_hours
from roster.models import Notice, NoticeKind, Person, Schedule
from roster.notices import tell_all
from roster.oncall import OnCall

# After downtime: who has been on call for longer than this knows.
LATE_BY = timedelta(hours=1)
# Whoever was on call on the same turn a day ago, as every working day of a week, needs no telling.
SAME_TURN_WITHIN = timedelta(hours=24)
MARGIN = timedelta(minutes=1)
# A night of quiet hours may bring a reminder forward by so much.
EARLIER_BY = timedelta(days=1)


@dataclass(frozen=True)
class Beginning:
    """A shift of a person that begins on a schedule."""

    schedule: Schedule
    each: OnCall

    @property
    def key(self) -> str:
        starts = int(self.each.shift.start.timestamp())
        return f"shift-{self.schedule.pk}-{self.each.person.pk}-{starts}"


def remind_due(*, at: datetime) -> int:
    """Tell everybody whose time has come; answer how many were told.

    Seven queries when nothing is to be told, however many schedules there are.
    """
    longest = Person.objects.active().aggregate(hours=Max("reminder_hours"))["hours"]
    if not longest:
        return 0
    ahead = timedelta(hours=longest) + EARLIER_BY
    schedules = {schedule.pk: schedule for schedule in Schedule.objects.active()}
    behind = LATE_BY + SAME_TURN_WITHIN + MARGIN
    shifts = oncall.shifts_of(schedules.values(), at - behind, at + ahead)
    due = [
        Beginning(schedules[pk], each)
        for pk, found in shifts.items()
        for each in beginnings(found, since=at - LATE_BY)
        if is_due(each, at)
    ]
    told = Notice.objects.filter(
        kind=NoticeKind.SHIFT_REMINDER, created_at__gt=at - behind - ahead
    ).values_list("key", flat=True)
    fresh = _without(due, set(told)) if due else []
    if fresh:
        tell_all(_notices(fresh, at=at))
    return len(fresh)


def _without(due: Iterable[Beginning], told: set[str]) -> list[Beginning]:
    return [beginning for beginning in due if beginning.key not in told]


def beginnings(shifts: Iterable[OnCall], *, since: datetime) -> list[OnCall]:
    """Those shifts that begin after `since` and find their person not on duty already."""
    ordered = sorted(shifts, key=lambda each: each.shift.start.timestamp())
    found: list[OnCall] = []
    by_person: dict[int, list[OnCall]] = defaultdict(list)
    for each in ordered:
        earlier = by_person[each.person.pk]
        if each.shift.start.timestamp() > since.timestamp() and not any(
            _leads_on_to(before, each) for before in earlier
        ):
            found.append(each)
        earlier.append(each)
    return found


def _leads_on_to(before: OnCall, after: OnCall) -> bool:
    """Whether the person stays on call, or comes back to the same turn within a day."""
    gap = after.shift.start.timestamp() - before.shift.end.timestamp()
    then, now = before.shift.source, after.shift.source
    is_same_turn = now.turn is not None and (then.layer_key, then.turn) == (now.layer_key, now.turn)
    return gap <= (SAME_TURN_WITHIN.total_seconds() if is_same_turn else 0)


def is_due(each: OnCall, at: datetime) -> bool:
    person = each.person
    if not person.is_active or not person.reminder_hours:
        return False
    return remind_at(person, each.shift.start).timestamp() <= at.timestamp()


def remind_at(person: Person, starts_at: datetime) -> datetime:
    """So many hours before; where quiet hours would hold it until after, before they begin."""
    # In UTC: Python subtracts hours of one zone from the clock face.
    moment = starts_at.astimezone(UTC) - timedelta(hours=person.reminder_hours)
    quiet = quiet_hours.span(person.time_zone, person.quiet_from, person.quiet_until, moment)
    if quiet and quiet[1].timestamp() >= starts_at.timestamp():
        return quiet[0] - MARGIN
    return moment


def _notices(fresh: list[Beginning], *, at: datetime) -> list[Notice]:
    """Reads the schedules concerned once more, far enough to see where their shifts end."""
    schedules = {beginning.schedule.pk: beginning.schedule for beginning in fresh}
    starts = [beginning.each.shift.start for beginning in fresh]
    first, last = min(starts, key=_stamp), max(starts, key=_stamp)
    whole = oncall.shifts_of(schedules.values(), first - MARGIN, last + oncall.HORIZON)
    return [
        Notice(
            key=beginning.key,
            kind=NoticeKind.SHIFT_REMINDER,
            person=beginning.each.person,
            data=_facts(beginning, whole[beginning.schedule.pk]),
            created_at=at,
            due_at=at,
        )
        for beginning in fresh
    ]


def _facts(beginning: Beginning, shifts: list[OnCall]) -> dict[str, object]:
    person, starts_at = beginning.each.person, beginning.each.shift.start
    own = [each for each in shifts if each.person == person]
    return {
        "schedule": beginning.schedule.pk,
        "starts_at": starts_at.isoformat(),
        "ends_at": end_of_stretch(own, starts_at).isoformat(),
        "takes_over_from": sorted(
            {
                each.person.name
                for each in shifts
                if _stamp(each.shift.end) == _stamp(starts_at) and each.person != person
            }
        ),
    }


def end_of_stretch(own: Iterable[OnCall], begin: datetime) -> datetime:
    """Until when one person is on call without a break from a moment on: turn after turn."""
    end = begin
    for each in sorted(own, key=lambda each: _stamp(each.shift.start)):
        if _stamp(each.shift.start) <= _stamp(end) < _stamp(each.shift.end):
            end = each.shift.end
    return end


def _stamp(moment: datetime) -> float:
    """Moments of one zone compare by the clock face in Python; instants do not."""
    return moment.timestamp()
