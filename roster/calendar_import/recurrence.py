"""Recurrence rules (RFC 5545 §3.3.10), weighed before anything expands them.

A rule of a few bytes can stand for billions of events. Each is taken apart here, refused if it is
finer than an hour, and given an end, so that expanding it costs what is counted beforehand.
"""

import re
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice

from dateutil.rrule import rrulestr

Moment = date | datetime

MOST_STEPS = 200_000
"""How many periods and combinations may be looked at for one file; about two seconds."""

_PERIODS = {
    "YEARLY": timedelta(days=365),
    "MONTHLY": timedelta(days=28),
    "WEEKLY": timedelta(days=7),
    "DAILY": timedelta(days=1),
    "HOURLY": timedelta(hours=1),
}
_DAYS = {"YEARLY": 366, "MONTHLY": 31, "WEEKLY": 7, "DAILY": 1, "HOURLY": 1}
_TOO_FINE = frozenset({"MINUTELY", "SECONDLY"})
_BY_DAY = ("BYDAY", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO")
_NUMBERS = re.compile(r"[+-]?\d{1,3}(,[+-]?\d{1,3}){0,399}")
_WEEKDAYS = re.compile(
    r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)(,([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU))*"
)
_COUNT = re.compile(r"[1-9]\d{0,5}")
_UNTIL = re.compile(r"(\d{8})(T(\d{6})(Z?))?")
_SHAPES = {
    "INTERVAL": re.compile(r"[1-9]\d{0,3}"),
    "COUNT": _COUNT,
    "UNTIL": _UNTIL,
    "BYDAY": _WEEKDAYS,
    "WKST": re.compile("MO|TU|WE|TH|FR|SA|SU"),
    **dict.fromkeys(
        ("BYHOUR", "BYMINUTE", "BYSECOND", "BYMONTH", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO",
         "BYSETPOS"),
        _NUMBERS,
    ),
}  # fmt: skip


class RuleError(ValueError):
    """What is wrong with a rule, as the middle of a sentence."""


class BombError(RuleError):
    """A rule that stands for more events than any calendar of people has."""


def read_rule(text: str) -> dict[str, str]:
    """The parts of a rule. Raises RuleError if it is malformed, BombError if it is too fine."""
    parts: dict[str, str] = {}
    for token in filter(None, text.upper().strip().split(";")):
        name, _, value = token.partition("=")
        if name in parts or (name != "FREQ" and name not in _SHAPES):
            raise RuleError(f"“{token[:40]}” is not understood")
        if name != "FREQ" and not _SHAPES[name].fullmatch(value):
            raise RuleError(f"“{token[:40]}” makes no sense")
        parts[name] = value
    if parts.get("FREQ") in _TOO_FINE:
        raise BombError("it repeats more often than every hour")
    if parts.get("FREQ") not in _PERIODS:
        raise RuleError("it does not say how often it repeats")
    return parts


def bounded(parts: dict[str, str], start: Moment, horizon: datetime) -> str | None:
    """The same rule with an end no later than `horizon`; None if it ends before `start`.

    `start` is the event's own first moment. COUNT becomes the end it leads to, so that a rule
    that never matches is given up at the horizon, not in the year 9999.
    """
    last = _comparable(horizon, start)
    if until := parts.get("UNTIL"):
        last = min(last, _end(until, start))
    if last < _comparable(start, start):
        return None
    kept = {name: value for name, value in parts.items() if name not in ("COUNT", "UNTIL")}
    if count := parts.get("COUNT"):
        occurrences = rrulestr(_text(kept, last, start), dtstart=_as_datetime(start))
        counted = list(islice(occurrences, int(count)))
        if len(counted) == int(count):
            last = counted[-1]
    return _text(kept, last, start)


def steps(parts: dict[str, str], start: Moment, horizon: datetime) -> int:
    """How much work expanding the rule up to `horizon` is at most."""
    last = _comparable(horizon, start)
    if until := parts.get("UNTIL"):
        last = min(last, _end(until, start))
    length = max(last - _comparable(start, start), timedelta())
    frequency = parts["FREQ"]
    periods = length // (_PERIODS[frequency] * int(parts.get("INTERVAL", "1"))) + 1
    each = _DAYS[frequency] if any(name in parts for name in _BY_DAY) else 1
    if frequency == "YEARLY" and "BYMONTH" in parts and each == 1:
        each = 12
    for name in ("BYHOUR", "BYMINUTE", "BYSECOND"):
        each *= len(parts[name].split(",")) if name in parts else 1
    return periods * each


def _text(parts: dict[str, str], last: datetime, start: Moment) -> str:
    rule = ";".join(f"{name}={value}" for name, value in parts.items())
    if not isinstance(start, datetime):
        return f"{rule};UNTIL={last:%Y%m%d}"
    if start.tzinfo is None:
        return f"{rule};UNTIL={last:%Y%m%dT%H%M%S}"
    return f"{rule};UNTIL={last.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _end(until: str, start: Moment) -> datetime:
    """The last moment UNTIL allows, comparable to `start`; a day counts as a whole."""
    match = _UNTIL.fullmatch(until)
    if not match:
        raise RuleError(f"“UNTIL={until[:40]}” makes no sense")
    day, clock, is_utc = match[1], match[3] or "235959", bool(match[4])
    try:
        last = datetime.strptime(day + clock, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        raise RuleError(f"“UNTIL={until[:40]}” makes no sense") from None
    if is_utc:
        return _comparable(last, start)
    zone = start.tzinfo if isinstance(start, datetime) else None
    return last.replace(tzinfo=zone)


def _as_datetime(moment: Moment) -> datetime:
    return moment if isinstance(moment, datetime) else datetime.combine(moment, time.min)


def _comparable(moment: Moment, start: Moment) -> datetime:
    """A moment with a zone exactly if `start` has one."""
    zone = start.tzinfo if isinstance(start, datetime) else None
    plain = _as_datetime(moment)
    if zone is None:
        return plain.replace(tzinfo=None)
    return plain.astimezone(zone) if plain.tzinfo else plain.replace(tzinfo=zone)
