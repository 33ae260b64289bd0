"""How long it takes to say who is on call: `uv run python -m tests.benchmarks.bench_rotation`.

The engine alone, beside the same rotation as calendar events; and many schedules at once with
their database (`DATABASE_URL`, or SQLite in memory).
"""

import sys
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from functools import partial
from time import perf_counter

import recurring_ical_events

from roster.rotation import (
    Definition,
    Layer,
    Override,
    OverrideKind,
    Turns,
    Unit,
    Weekday,
    Window,
    at,
    shifts,
)
from tests.benchmarks.many_schedules import asking_who_is_on_call
from tests.benchmarks.rrule_rotation import calendar_of

YEAR = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
PEOPLE = tuple((name,) for name in ("ana", "bo", "cy", "dee", "eli", "fay", "gus"))
WORKDAYS = (Weekday.MON, Weekday.TUE, Weekday.WED, Weekday.THU, Weekday.FRI)


def usual(started: int = 2020) -> Definition:
    """Weeks as the base, office hours by day above, weekends on top, and 20 overrides."""
    start = datetime(started, 1, 6, 9, tzinfo=UTC)
    layers = (
        Layer(name="base", participants=PEOPLE, start=start, unit=Unit.WEEK),
        Layer(
            name="office",
            participants=PEOPLE[:5],
            start=start,
            unit=Unit.DAY,
            turns=Turns.ACTIVE_DAYS,
            restrictions=(Window(days=WORKDAYS, start=time(9), end=time(17)),),
        ),
        Layer(
            name="weekend",
            participants=PEOPLE[2:],
            start=start,
            unit=Unit.WEEK,
            restrictions=(
                Window(start_day=Weekday.FRI, start=time(17), end_day=Weekday.MON, end=time(9)),
            ),
        ),
    )
    return Definition(time_zone="Europe/London", layers=layers, overrides=_overrides(20))


def days_only() -> Definition:
    """Three layers, all daily and all on call: the most shifts of three daily layers."""
    start = datetime(2020, 1, 6, 9, tzinfo=UTC)
    layers = tuple(
        Layer(
            name=f"layer {first}",
            participants=PEOPLE[first:] + PEOPLE[:first],
            start=start,
            unit=Unit.DAY,
            priority=1,
        )
        for first in (0, 2, 4)
    )
    return Definition(time_zone="Europe/London", layers=layers, overrides=_overrides(20))


def _overrides(count: int) -> tuple[Override, ...]:
    return tuple(
        Override(
            kind=OverrideKind.OVERRIDE,
            person="zoe",
            start=YEAR[0] + timedelta(days=17 * number),
            end=YEAR[0] + timedelta(days=17 * number, hours=20),
        )
        for number in range(count)
    )


def milliseconds(call: Callable[[], object], rounds: int) -> float:
    """The best of several runs: the others tell what else the machine was doing."""
    taken = []
    for _ in range(rounds):
        began = perf_counter()
        call()
        taken.append(perf_counter() - began)
    return min(taken) * 1000


def report(name: str, figure: float) -> None:
    sys.stdout.write(f"{name:<52}{figure:>10.3f} ms\n")


def beside_calendar(started: int, noon: datetime) -> None:
    """The usual rotation, by the engine and as calendar events."""
    definition = usual(started)
    events = calendar_of(tuple(name for (name,) in PEOPLE), started, "Europe/London", 20)

    def expand(start: datetime, end: datetime) -> object:
        return recurring_ical_events.of(events).between(start, end)

    for name, ours, theirs in (
        ("a year", partial(shifts, definition, *YEAR), partial(expand, *YEAR)),
        ("at", partial(at, definition, noon), partial(expand, noon, noon + timedelta(minutes=1))),
    ):
        engine, calendar = milliseconds(ours, 50), milliseconds(theirs, 5)
        report(f"since {started}, {name}: engine", engine)
        report(f"since {started}, {name}: as RRULE events", calendar)
        sys.stdout.write(f"{'':<52}{calendar / engine:>10.0f} times as long\n")


def many(count: int, noon: datetime, past: int = 0) -> None:
    """Who is on call now for many schedules, with the database."""
    name = f"{count} schedules" + (f", {past} ended layers and overrides each" if past else "")
    with asking_who_is_on_call(count, noon, past) as ask:
        report(f"{name}: on call now", milliseconds(ask, 15))


def main() -> None:
    noon = datetime(2026, 6, 10, 12, tzinfo=UTC)
    cold = usual()
    report("first question to a zone (cold), at", milliseconds(partial(at, cold, noon), 1))
    for name, definition in (
        ("usual", usual()),
        ("usual, started 1980", usual(1980)),
        ("three daily", days_only()),
    ):
        count = len(shifts(definition, *YEAR))
        report(
            f"{name}: a year, {count} shifts", milliseconds(partial(shifts, definition, *YEAR), 50)
        )
        report(f"{name}: at", milliseconds(partial(at, definition, noon), 500))
    for started in (2025, 1980):
        beside_calendar(started, noon)
    many(200, noon)
    many(200, noon, past=20)
    many(1000, noon)


if __name__ == "__main__":
    main()
