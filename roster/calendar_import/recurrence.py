"""Recurrence rules (RFC 5545 §3.3.10), expanded day by day at a cost known beforehand.

A rule of a few bytes can stand for billions of events, or for none at all, which general expanders
search for until the year 9999. So a rule is taken apart and refused if it is finer than an hour,
and walking its days costs what `cost` says, whatever else it asks for.
"""

import re
from calendar import isleap, monthrange
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby, product

Moment = date | datetime

MOST_DAYS = 400_000
"""How many days may be walked for one file, over all its rules; about a second."""

DAY = timedelta(days=1)
_FREQUENCIES = ("YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY")
_TOO_FINE = frozenset({"MINUTELY", "SECONDLY"})
_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_ORDINAL = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)")
_UNTIL = re.compile(r"(\d{8})(T(\d{6})(Z?))?")
# What a number may be, and how many of them a rule may list.
_RANGES = {
    "BYHOUR": range(24),
    "BYMINUTE": range(60),
    "BYSECOND": range(61),
    "BYMONTH": range(1, 13),
    "BYMONTHDAY": range(-31, 32),
    "BYYEARDAY": range(-366, 367),
    "BYWEEKNO": range(-53, 54),
    "BYSETPOS": range(-366, 367),
    "INTERVAL": range(1, 10_000),
    "COUNT": range(1, 1_000_000),
}
_MOST_NUMBERS = 400
_ALLOWED = frozenset({"FREQ", "UNTIL", "BYDAY", "WKST", *_RANGES})


class RuleError(ValueError):
    """What is wrong with a rule, as the middle of a sentence."""


class BombError(RuleError):
    """A rule that stands for more events than any calendar of people has."""


@dataclass(frozen=True)
class Rule:
    """A rule taken apart. `numbers` by part; `weekdays` as (ordinal or 0, weekday from Monday)."""

    frequency: str
    numbers: dict[str, frozenset[int]] = field(default_factory=dict)
    weekdays: frozenset[tuple[int, int]] = frozenset()
    week_start: int = 0
    until: str = ""

    @property
    def interval(self) -> int:
        return min(self.numbers.get("INTERVAL", {1}))

    @property
    def count(self) -> int | None:
        return min(self.numbers["COUNT"]) if "COUNT" in self.numbers else None

    def of(self, name: str) -> frozenset[int]:
        return self.numbers.get(name, frozenset())


def read_rule(text: str) -> Rule:
    """Take a rule apart. Raises RuleError if it is malformed, BombError if it is too fine."""
    parts: dict[str, str] = {}
    for token in filter(None, text.upper().strip().split(";")):
        name, _, value = token.partition("=")
        if name in parts or name not in _ALLOWED:
            raise RuleError(f"“{token[:40]}” is not understood")
        parts[name] = value
    frequency = parts.get("FREQ", "")
    if frequency in _TOO_FINE:
        raise BombError("it repeats more often than every hour")
    if frequency not in _FREQUENCIES:
        raise RuleError("it does not say how often it repeats")
    if frequency == "HOURLY" and any(name.startswith("BY") for name in parts):
        raise RuleError("it repeats by the hour, and only on some")
    return Rule(
        frequency,
        {name: _numbers(name, parts[name]) for name in _RANGES.keys() & parts.keys()},
        _weekdays(parts.get("BYDAY", "")),
        _WEEKDAYS.index(parts["WKST"]) if parts.get("WKST") in _WEEKDAYS else 0,
        parts.get("UNTIL", ""),
    )


def cost(rule: Rule, start: Moment, horizon: datetime) -> int:
    """How many days `expand` will walk at most, weighed by what it finds on each."""
    last = _last(rule, start, horizon)
    days = max((last - _naive(start)) // DAY + 1, 0)
    if rule.frequency == "HOURLY":
        return days * 24 // rule.interval + 1
    times = 1
    for name in ("BYHOUR", "BYMINUTE", "BYSECOND"):
        times *= max(len(rule.of(name)), 1)
    return days * times


def expand(rule: Rule, start: Moment, horizon: datetime) -> Iterator[datetime]:
    """The local times at which it happens, without a zone, up to the horizon, in order.

    The start itself comes first only if the rule says so. COUNT counts from the start on.
    """
    last = _last(rule, start, horizon)
    left = rule.count
    for each in _times(rule, _naive(start), last):
        if each > last or left == 0:
            return
        if left is not None:
            left -= 1
        yield each


def _times(rule: Rule, start: datetime, last: datetime) -> Iterator[datetime]:
    if rule.frequency == "HOURLY":
        step = timedelta(hours=rule.interval)
        for number in range((last - start) // step + 1 if last >= start else 0):
            yield start + number * step
        return
    clocks = sorted(
        time(hour, minute, min(second, 59))
        for hour, minute, second in product(
            rule.of("BYHOUR") or {start.hour},
            rule.of("BYMINUTE") or {start.minute},
            rule.of("BYSECOND") or {start.second},
        )
    )
    for _, days in groupby(_days(rule, start.date(), last.date()), key=lambda day: day[0]):
        found = [datetime.combine(day, clock) for _, day in days for clock in clocks]
        if places := rule.of("BYSETPOS"):
            size = len(found)
            found = [
                each
                for place, each in enumerate(found, 1)
                if place in places or place - size - 1 in places
            ]
        yield from (each for each in found if each >= start)


def _days(rule: Rule, first: date, last: date) -> Iterator[tuple[int, date]]:
    """The days that pass every test, each with the number of its period."""
    implied = _implied(rule, first)
    # Positions count from the beginning of a period, and may ask for the whole of the last one.
    margin = timedelta(days=366) if rule.of("BYSETPOS") else timedelta()
    day = first if not margin else _period_start(rule, first)
    while day <= last + margin:
        number = _period(rule, first, day)
        if number % rule.interval == 0 and _passes(implied, day):
            yield number, day
        if day == date.max:
            return
        day += DAY


def _implied(rule: Rule, first: date) -> Rule:
    """What the start adds where the rule leaves the day open (RFC 5545 §3.3.10)."""
    numbers = dict(rule.numbers)
    weekdays = rule.weekdays
    by_day = weekdays or numbers.keys() & {"BYMONTHDAY", "BYYEARDAY"}
    if rule.frequency == "WEEKLY" and not weekdays:
        weekdays = frozenset({(0, first.weekday())})
    elif rule.frequency == "MONTHLY" and not by_day:
        numbers["BYMONTHDAY"] = frozenset({first.day})
    elif rule.frequency == "YEARLY" and not by_day:
        if "BYWEEKNO" in numbers:
            weekdays = frozenset({(0, first.weekday())})
        else:
            numbers["BYMONTHDAY"] = frozenset({first.day})
            numbers.setdefault("BYMONTH", frozenset({first.month}))
    return Rule(rule.frequency, numbers, weekdays, rule.week_start)


def _passes(rule: Rule, day: date) -> bool:
    month_length = monthrange(day.year, day.month)[1]
    year_length = 366 if isleap(day.year) else 365
    year_day = day.timetuple().tm_yday
    tests = (
        ("BYMONTH", {day.month}),
        ("BYMONTHDAY", {day.day, day.day - month_length - 1}),
        ("BYYEARDAY", {year_day, year_day - year_length - 1}),
    )
    for name, values in tests:
        if name in rule.numbers and not rule.numbers[name] & values:
            return False
    if "BYWEEKNO" in rule.numbers and not rule.of("BYWEEKNO") & _weeks(day, rule.week_start):
        return False
    if not rule.weekdays:
        return True
    names = {(0, day.weekday())}
    if rule.frequency == "MONTHLY" or "BYMONTH" in rule.numbers:
        names |= _ordinals(day, day.day, month_length)
    elif rule.frequency == "YEARLY":
        names |= _ordinals(day, year_day, year_length)
    return bool(rule.weekdays & names)


def _ordinals(day: date, place: int, length: int) -> set[tuple[int, int]]:
    """Which of its weekday a day is, from the front and from the back."""
    weekday = day.weekday()
    return {((place - 1) // 7 + 1, weekday), (-((length - place) // 7 + 1), weekday)}


def _weeks(day: date, week_start: int) -> set[int]:
    """The number of the day's week, from the front and from the back of its year.

    The first week is the one with at least four days in the year.
    """
    monday = day - timedelta(days=(day.weekday() - week_start) % 7)
    year = (monday + timedelta(days=3)).year
    if year != day.year:
        return set()
    number = ((monday + timedelta(days=3)).timetuple().tm_yday - 1) // 7 + 1
    end = date(year, 12, 31)
    last = end - timedelta(days=(end.weekday() - week_start - 3) % 7)
    weeks = (last.timetuple().tm_yday - 1) // 7 + 1
    return {number, number - weeks - 1}


def _period(rule: Rule, first: date, day: date) -> int:
    """Which period after the first one a day is in."""
    match rule.frequency:
        case "YEARLY":
            return day.year - first.year
        case "MONTHLY":
            return (day.year - first.year) * 12 + day.month - first.month
        case "WEEKLY":
            return (day - _week_of(first, rule.week_start)).days // 7
    return (day - first).days


def _period_start(rule: Rule, first: date) -> date:
    match rule.frequency:
        case "YEARLY":
            return first.replace(month=1, day=1)
        case "MONTHLY":
            return first.replace(day=1)
        case "WEEKLY":
            return _week_of(first, rule.week_start)
    return first


def _week_of(day: date, week_start: int) -> date:
    return day - timedelta(days=(day.weekday() - week_start) % 7)


def _last(rule: Rule, start: Moment, horizon: datetime) -> datetime:
    """The last local time at which it may happen. Raises RuleError for an UNTIL that is none."""
    zone = start.tzinfo if isinstance(start, datetime) else None
    last = (horizon.astimezone(zone) if zone else horizon).replace(tzinfo=None)
    return min(last, _until(rule.until, start)) if rule.until else last


def _until(text: str, start: Moment) -> datetime:
    """What UNTIL says, by the clock of the start; a day counts as a whole."""
    match = _UNTIL.fullmatch(text)
    if not match:
        raise RuleError(f"“UNTIL={text[:40]}” makes no sense")
    try:
        last = datetime.strptime(match[1] + (match[3] or "235959"), "%Y%m%d%H%M%S")  # noqa: DTZ007
    except ValueError:
        raise RuleError(f"“UNTIL={text[:40]}” makes no sense") from None
    zone = start.tzinfo if isinstance(start, datetime) else None
    if match[4] and zone:
        return last.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None)
    if not isinstance(start, datetime):
        return last.replace(hour=23, minute=59, second=59)
    return last


def _naive(moment: Moment) -> datetime:
    if isinstance(moment, datetime):
        return moment.replace(tzinfo=None)
    return datetime.combine(moment, time.min)


def _numbers(name: str, text: str) -> frozenset[int]:
    listed = text.split(",")
    try:
        found = frozenset(int(each) for each in listed)
    except ValueError:
        raise RuleError(f"“{name}={text[:40]}” makes no sense") from None
    one_only = name in ("INTERVAL", "COUNT") and len(listed) > 1
    zero = 0 in found and min(_RANGES[name]) < 0
    if one_only or zero or len(listed) > _MOST_NUMBERS or not found <= set(_RANGES[name]):
        raise RuleError(f"“{name}={text[:40]}” makes no sense")
    return found


def _weekdays(text: str) -> frozenset[tuple[int, int]]:
    matches = [_ORDINAL.fullmatch(each) for each in text.split(",")] if text else []
    if not all(matches) or len(matches) > _MOST_NUMBERS:
        raise RuleError(f"“BYDAY={text[:40]}” makes no sense")
    return frozenset((int(match[1] or 0), _WEEKDAYS.index(match[2])) for match in matches if match)
