"""When a span that was planned once, or again and again, is on. Pure: no ORM and no clock.

An occurrence begins when the clock of its zone first reads its time and ends when it last reads
its end, by the rules of the rotation engine (ROSTER-RULES, rules 1 and 5): an hour that comes twice
belongs to it whole, a time that a hole swallows counts at the end of the hole, and an occurrence
that lies within the hole is left out. The first one is exactly as it was planned. Months are
counted from the first; a day that a month lacks becomes its last day.
"""

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import chain, count, pairwise, takewhile

from roster.rotation.walltime import DAY, instant, zone

type Span = tuple[datetime, datetime]

# Further than any clock jumps: how much earlier than its reading an occurrence may have begun.
_MARGIN = 2 * DAY
_EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True)
class Plan:
    """The first occurrence, and how it repeats: "never", "daily", "weekly" or "monthly".

    `weekdays` (0 is Monday) are of the local day an occurrence begins on; none means that of the
    first. None begins after the local day `until`.
    """

    starts_at: datetime
    ends_at: datetime
    time_zone: str
    repeats: str = "never"
    weekdays: tuple[int, ...] = ()
    until: date | None = None


def occurrences(plan: Plan, since: datetime) -> Iterator[Span]:
    """Those that end after `since`, in order and in UTC. They may go on for ever."""
    first = (plan.starts_at.astimezone(UTC), plan.ends_at.astimezone(UTC))
    repeated = _repeated(plan, since) if plan.repeats != "never" else iter(())
    return (span for span in chain([first], repeated) if span[1] > since and span[1] > span[0])


def first_overlap(plan: Plan) -> datetime | None:
    """When an occurrence would begin before the one before it is over; None if none does soon.

    A year of them is looked at, more than which no pattern of ours takes to come round.
    """
    year = plan.starts_at + timedelta(days=366)
    soon = takewhile(lambda span: span[0] < year, occurrences(plan, plan.starts_at))
    return next((after[0] for before, after in pairwise(soon) if after[0] < before[1]), None)


def _repeated(plan: Plan, since: datetime) -> Iterator[Span]:
    """All after the first, from one that ended before `since` on."""
    clock = zone(plan.time_zone)
    opens, closes = clock.reading(instant(plan.starts_at)), clock.reading(instant(plan.ends_at))
    # Across the hour that comes twice the clock may read less at the end than at the start.
    length = closes - opens if closes > opens else instant(plan.ends_at) - instant(plan.starts_at)
    earliest = (clock.reading(instant(since)) - length - _MARGIN) // DAY
    last = plan.until.toordinal() - _EPOCH if plan.until else None
    days = _days(plan, opens // DAY, max(earliest, opens // DAY + 1))
    for day in takewhile(lambda day: last is None or day <= last, days):
        reading = day * DAY + opens % DAY
        yield _moment(clock.first(reading)), _moment(clock.last(reading + length))


def _days(plan: Plan, first: int, since: int) -> Iterator[int]:
    """The local days on which it begins, counted from 1970, from `since` on: later than `first`."""
    if plan.repeats == "monthly":
        return _month_days(_date(first), since)
    if plan.repeats == "weekly":
        weekdays = set(plan.weekdays) & set(range(7)) or {_date(first).weekday()}
        return (day for day in count(since) if _date(day).weekday() in weekdays)
    return count(since)


def _month_days(first: date, since: int) -> Iterator[int]:
    start = _date(since)
    for number in count(start.year * 12 + start.month - 1):
        year, month = divmod(number, 12)
        day = min(first.day, monthrange(year, month + 1)[1])
        ordinal = date(year, month + 1, day).toordinal() - _EPOCH
        if ordinal >= since:
            yield ordinal


def _date(day: int) -> date:
    return date.fromordinal(day + _EPOCH)


def _moment(at: int) -> datetime:
    return datetime.fromtimestamp(at, UTC)
