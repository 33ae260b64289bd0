"""What being on call costs a person: hours, and those at night, at weekends and on holidays.

Every moment is judged by the clock of the person's zone and the calendar of their country, as it
reads then: a night on which the clock goes back is an hour longer, and counts an hour more.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, fields
from datetime import date, datetime, time, timedelta
from typing import Protocol, Self

from roster.holidays import public_holidays, weekend_of
from roster.models import DutyRecord, Person
from roster.pay.plans import plans_of
from roster.rotation.walltime import DAY, HOUR, MINUTE, instant, zone

_EPOCH = date(1970, 1, 1)
# 1970-01-01 was a Thursday.
_FIRST_WEEKDAY = 3


class Hours(Protocol):
    """What counts as night and as working hours; a `RatePlan` says so, among others.

    Either may run past midnight. Two times alike: there is none of it.
    """

    @property
    def night_from(self) -> time: ...

    @property
    def night_until(self) -> time: ...

    @property
    def work_from(self) -> time: ...

    @property
    def work_until(self) -> time: ...


@dataclass(frozen=True, slots=True)
class UsualHours:
    """For people whom no rate plan covers."""

    night_from: time = time(22)
    night_until: time = time(6)
    work_from: time = time(9)
    work_until: time = time(17)


USUAL_HOURS = UsualHours()


@dataclass(frozen=True, slots=True)
class Burden:
    """Time on call, and the parts of it that weigh more; an hour can be several at once.

    `hours` counts every schedule for itself: of two at a time, both count, and `doubled` says how
    much of `hours` that is. `off_hours` is outside working hours, weekends and holidays included.
    `interrupted_nights` are nights with at least one page.
    """

    hours: timedelta = timedelta(0)
    off_hours: timedelta = timedelta(0)
    night_hours: timedelta = timedelta(0)
    weekend_hours: timedelta = timedelta(0)
    holiday_hours: timedelta = timedelta(0)
    doubled: timedelta = timedelta(0)
    pages: int = 0
    off_hours_pages: int = 0
    night_pages: int = 0
    interrupted_nights: int = 0

    def __add__(self, other: Self) -> Self:
        # Every field is a count or a duration, and both add up from their own zero.
        return type(self)(
            *(getattr(self, each.name) + getattr(other, each.name) for each in fields(self))
        )


@dataclass(frozen=True, slots=True)
class PageCall:
    """One page that reached for a person, as an app that pages reports it."""

    person_id: int
    at: datetime


PageSource = Callable[[Collection[int], datetime, datetime], Iterable[PageCall]]
"""Answers with the pages of some people (ids) in `[start, end)`, in constantly many queries."""

_page_sources: list[PageSource] = []


def register_page_source(source: PageSource) -> PageSource:
    """Have pages of another app counted; called when that app is loaded."""
    if source not in _page_sources:
        _page_sources.append(source)
    return source


def pages_of(people: Iterable[Person], start: datetime, end: datetime) -> dict[int, list[datetime]]:
    """When each of these people was paged in `[start, end)`, by person id."""
    found: dict[int, list[datetime]] = defaultdict(list)
    ids = [person.pk for person in people]
    for source in _page_sources:
        for call in source(ids, start, end):
            found[call.person_id].append(call.at)
    return found


def burden_of(people: Iterable[Person], start: datetime, end: datetime) -> dict[int, Burden]:
    """What each of these people carried in `[start, end)`, by person id; from duty records.

    A record still running counts up to `end`: ask no further than now. Four queries, and those
    of the page sources.
    """
    people = list(people)
    plans = plans_of(people)
    spans: dict[int, list[tuple[datetime, datetime]]] = defaultdict(list)
    records = DutyRecord.objects.within(start, end).filter(person__in=people)
    for person_id, begins, ends in records.values_list("person_id", "starts_at", "ends_at"):
        spans[person_id].append((max(begins, start), min(ends or end, end)))
    calls = pages_of(people, start, end)
    found = {}
    for person in people:
        hours = plans[person.pk] or USUAL_HOURS
        own = [burden_of_span(person, *span, hours) for span in spans[person.pk]]
        paged = burden_of_pages(person, calls[person.pk], hours)
        found[person.pk] = sum(own, paged + Burden(doubled=doubled(spans[person.pk])))
    return found


def burden_of_span(
    person: Person, start: datetime, end: datetime, hours: Hours = USUAL_HOURS
) -> Burden:
    """How one stretch on call splits for a person. Reads no row."""
    begins, ends = instant(start), instant(end)
    if ends <= begins:
        return Burden()
    clock = _Clock(person, begins, ends, hours)
    return clock.burden(begins, ends)


def burden_of_pages(
    person: Person, calls: Iterable[datetime], hours: Hours = USUAL_HOURS
) -> Burden:
    """How many pages came, when, and in how many nights."""
    moments = [instant(call) for call in calls]
    if not moments:
        return Burden()
    clock = _Clock(person, min(moments), max(moments) + 1, hours)
    nights = [night for at in moments if (night := clock.night_of(at)) is not None]
    return Burden(
        pages=len(moments),
        off_hours_pages=sum(clock.is_off_hours(at) for at in moments),
        night_pages=len(nights),
        interrupted_nights=len(set(nights)),
    )


def doubled(spans: Iterable[tuple[datetime, datetime]]) -> timedelta:
    """How much of these stretches is time that an earlier one covers already."""
    twice, covered = 0, None
    for begins, ends in sorted((instant(start), instant(end)) for start, end in spans):
        if covered is not None and begins < covered:
            twice += min(ends, covered) - begins
        covered = ends if covered is None else max(covered, ends)
    return timedelta(seconds=twice)


@dataclass(slots=True)
class _Seconds:
    total: int = 0
    off: int = 0
    night: int = 0
    weekend: int = 0
    holiday: int = 0


@dataclass(slots=True)
class _Clock:
    """A person's clock and calendar, good for one stretch of time. Instants are whole seconds."""

    person: Person
    begins: int
    ends: int
    hours: Hours
    _weekend: frozenset[int] = field(init=False)
    _holidays: frozenset[int] = field(init=False)
    _night: tuple[tuple[int, int], ...] = field(init=False)
    _work: tuple[tuple[int, int], ...] = field(init=False)

    def __post_init__(self) -> None:
        self._weekend = weekend_of(self.person.country)
        # A day more on either side, for whatever the offset is.
        first, last = (_EPOCH + timedelta(days=at // DAY) for at in (self.begins, self.ends))
        free = public_holidays(
            self.person.country, first - timedelta(days=1), last + timedelta(days=2)
        )
        self._holidays = frozenset((day - _EPOCH).days for day in free)
        self._night = _parts(self.hours.night_from, self.hours.night_until)
        self._work = _parts(self.hours.work_from, self.hours.work_until)

    def burden(self, begins: int, ends: int) -> Burden:
        """The split of a stretch; while the offset holds, the clock is plain arithmetic."""
        seconds = _Seconds(total=ends - begins)
        local = zone(self.person.time_zone)
        while begins < ends:
            offset, until = local.steady(begins)
            until = min(until, ends)
            self._count(begins + offset, until + offset, seconds)
            begins = until
        return Burden(
            hours=timedelta(seconds=seconds.total),
            off_hours=timedelta(seconds=seconds.off),
            night_hours=timedelta(seconds=seconds.night),
            weekend_hours=timedelta(seconds=seconds.weekend),
            holiday_hours=timedelta(seconds=seconds.holiday),
        )

    def is_off_hours(self, at: int) -> bool:
        day, within = divmod(zone(self.person.time_zone).reading(at), DAY)
        return self._is_free(day) or not _overlap(self._work, within, within + 1)

    def night_of(self, at: int) -> int | None:
        """The night in which an instant lies, by the day on which it began; None by day."""
        day, within = divmod(zone(self.person.time_zone).reading(at), DAY)
        if not _overlap(self._night, within, within + 1):
            return None
        runs_over = len(self._night) == 2
        return day - 1 if runs_over and within < self._night[0][1] else day

    def _count(self, reads: int, until: int, seconds: _Seconds) -> None:
        while reads < until:
            day, within = divmod(reads, DAY)
            closes = min(until - reads + within, DAY)
            length = closes - within
            seconds.night += _overlap(self._night, within, closes)
            seconds.off += length - (
                0 if self._is_free(day) else _overlap(self._work, within, closes)
            )
            seconds.weekend += length * self._is_weekend(day)
            seconds.holiday += length * (day in self._holidays)
            reads += length

    def _is_weekend(self, day: int) -> bool:
        return (day + _FIRST_WEEKDAY) % 7 in self._weekend

    def _is_free(self, day: int) -> bool:
        return day in self._holidays or self._is_weekend(day)


def _parts(opens: time, closes: time) -> tuple[tuple[int, int], ...]:
    """A stretch of the day, in seconds since midnight; past midnight it is two, in order."""
    since, until = (each.hour * HOUR + each.minute * MINUTE for each in (opens, closes))
    if since <= until:
        return ((since, until),) if since < until else ()
    return ((0, until), (since, DAY)) if until else ((since, DAY),)


def _overlap(parts: tuple[tuple[int, int], ...], since: int, until: int) -> int:
    return sum(max(0, min(until, closes) - max(since, opens)) for opens, closes in parts)
