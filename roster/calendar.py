"""A calendar of shifts, laid out as weeks of bars: values in, values out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum

from roster import rotation
from roster.models import Person
from roster.oncall import OnCall

GOLDEN_ANGLE = 137.508  # degrees; consecutive numbers get hues far apart


class Tone(StrEnum):
    TURN = "turn"
    OVERRIDE = "override"
    GAP = "gap"


@dataclass(frozen=True)
class Bar:
    """A stretch within one week. `left` and `width` are percent of the week, `lane` from 0."""

    label: str
    why: str
    tone: Tone
    starts_at: datetime
    ends_at: datetime
    left: str
    width: str
    lane: int
    hue: int


@dataclass(frozen=True)
class Week:
    """Seven days from a Monday. `now` is where the present is, in percent, if it is in here."""

    days: list[date]
    bars: list[Bar]
    lanes: int
    now: str | None


@dataclass(frozen=True)
class _Stretch:
    label: str
    why: str
    tone: Tone
    start: datetime
    end: datetime
    hue: int = 0


def hue_of(person: Person) -> int:
    return round(person.pk * GOLDEN_ANGLE) % 360


def monday_of(day: date) -> date:
    return day - timedelta(days=day.weekday())


def midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time.min, tzinfo=zone)


def weeks_of(
    shifts: Sequence[OnCall], first_day: date, count: int, *, zone: tzinfo, now: datetime
) -> list[Week]:
    """`count` weeks from `first_day`, a Monday, with days as the clock of `zone` has them.

    Where nobody is on call there is a gap; so it is where someone inactive would have been to come.
    """
    end_day = first_day + timedelta(weeks=count)
    stretches = [*_turns(shifts, now)]
    covered = [shift.shift for shift in shifts if _counts(shift, now)]
    stretches += [
        _Stretch("Nobody", "gap", Tone.GAP, start, end)
        for start, end in rotation.gaps(covered, midnight(first_day, zone), midnight(end_day, zone))
    ]
    mondays = [first_day + timedelta(weeks=number) for number in range(count)]
    return [_week(stretches, monday, zone, now) for monday in mondays]


def legend_of(weeks: Iterable[Week]) -> dict[str, int]:
    """The hue of everybody who is on call in these weeks."""
    bars = (bar for week in weeks for bar in week.bars if bar.tone != Tone.GAP)
    return {bar.label: bar.hue for bar in bars}


def _counts(shift: OnCall, now: datetime) -> bool:
    return shift.person.is_active or shift.shift.end.timestamp() <= now.timestamp()


def _turns(shifts: Iterable[OnCall], now: datetime) -> Iterable[_Stretch]:
    for each in shifts:
        is_override = each.shift.source.override is not None
        why = "override" if is_override else each.shift.source.layer or ""
        yield _Stretch(
            label=each.person.name if _counts(each, now) else f"{each.person.name} (inactive)",
            why=why,
            tone=Tone.OVERRIDE if is_override else Tone.TURN,
            start=each.shift.start,
            end=each.shift.end,
            hue=hue_of(each.person),
        )


def _week(stretches: list[_Stretch], monday: date, zone: tzinfo, now: datetime) -> Week:
    days = [monday + timedelta(days=number) for number in range(7)]
    opens = midnight(monday, zone).timestamp()
    length = midnight(monday + timedelta(weeks=1), zone).timestamp() - opens
    bars: list[Bar] = []
    free_from: list[float] = []  # by lane
    for stretch in sorted(stretches, key=lambda each: (each.start.timestamp(), each.label)):
        left = max(stretch.start.timestamp() - opens, 0)
        right = min(stretch.end.timestamp() - opens, length)
        if left >= right:
            continue
        lane = next((n for n, free in enumerate(free_from) if free <= left), len(free_from))
        free_from[lane : lane + 1] = [right]
        bars.append(
            Bar(
                label=stretch.label,
                why=stretch.why,
                tone=stretch.tone,
                starts_at=stretch.start.astimezone(UTC),
                ends_at=stretch.end.astimezone(UTC),
                left=_percent(left / length),
                width=_percent((right - left) / length),
                lane=lane,
                hue=stretch.hue,
            )
        )
    elapsed = (now.timestamp() - opens) / length
    is_this_week = 0 <= elapsed < 1
    return Week(days, bars, max(len(free_from), 1), _percent(elapsed) if is_this_week else None)


def _percent(share: float) -> str:
    """As CSS wants it, whatever the language of the page."""
    return f"{100 * share:.3f}%"
