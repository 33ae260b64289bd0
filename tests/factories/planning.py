"""Planning problems in plain values, weighed by the real clock and the real public holidays."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from random import Random
from zoneinfo import ZoneInfo

from roster.burden import burden_of_span
from roster.models import Person
from roster.planning.problem import (
    Candidate,
    Load,
    Place,
    Problem,
    Rotation,
    Rules,
    Turn,
    Why,
    Wish,
)

START = datetime(2026, 11, 2, 9, tzinfo=ZoneInfo("Europe/London"))
MINUTE = timedelta(minutes=1)
WEEK_LOAD = Load(nights=56 * 60, weekends=48 * 60)


def load_of(person: Person, start: datetime, end: datetime) -> Load:
    burden = burden_of_span(person, start, end)
    return Load(
        burden.night_hours // MINUTE, burden.weekend_hours // MINUTE, burden.holiday_hours // MINUTE
    )


def weekly_turns(count: int, start: datetime = START) -> tuple[Turn, ...]:
    moments = [start + timedelta(weeks=number) for number in range(count + 1)]
    return tuple(Turn(begins, ends, ((begins, ends),)) for begins, ends in pairwise(moments))


def make_problem(
    *,
    people: int = 6,
    turns: int = 6,
    rotations: int = 1,
    rules: Rules | None = None,
    blocked: dict[tuple[int, Place], Why] | None = None,
    ledgers: Sequence[Load] = (),
    wishes: Sequence[Wish] = (),
    pinned: dict[Place, int] | None = None,
) -> Problem:
    """People 1, 2, … take weekly turns of 56 night and 48 weekend hours, whoever they are."""
    candidates = tuple(
        Candidate(key, f"Person {key}", ledgers[key - 1] if ledgers else Load())
        for key in range(1, people + 1)
    )
    keys = tuple(person.key for person in candidates)
    weekly = weekly_turns(turns)
    places = [(rotation, turn) for rotation in range(rotations) for turn in range(turns)]
    return Problem(
        rotations=tuple(
            Rotation(number, f"Rotation {number}", keys, weekly) for number in range(rotations)
        ),
        people=candidates,
        turns=turns,
        rules=rules or Rules(),
        blocked=blocked or {},
        loads={(key, place): WEEK_LOAD for key in keys for place in places},
        wishes=tuple(wishes),
        pinned=pinned or {},
    )


COUNTRIES = (("GB", "Europe/London"), ("DE", "Europe/Berlin"), ("US", "America/New_York"))


def real_problem(*, people: int, weeks: int, rotations: int, seed: int = 1) -> Problem:
    """As in life: three countries, holidays, an uneven past, absences and wishes, from a seed."""
    rng = Random(seed)
    homes = [COUNTRIES[rng.choices((0, 1, 2), (6, 3, 1))[0]] for _ in range(people)]
    rows = [
        Person(name=f"P{n}", country=home[0], time_zone=home[1]) for n, home in enumerate(homes)
    ]
    turns = weekly_turns(weeks)
    by_home = {
        home: [load_of(row, turn.starts_at, turn.ends_at) for turn in turns]
        for home, row in dict(zip(homes, rows, strict=True)).items()
    }
    places = [(rotation, turn) for rotation in range(rotations) for turn in range(weeks)]
    candidates = []
    for key in range(people):
        past = rng.choices((2, 3, 4, 5, 6), (1, 2, 3, 2, 1))[0]
        ledger = Load(
            56 * 60 * past,
            48 * 60 * past + 60 * rng.choice((0, 0, 24)),
            60 * rng.choice((0, 24, 48)),
        )
        candidates.append(Candidate(key, f"P{key}", ledger))
    away = {
        (key, (rotation, turn)): Why.AWAY
        for key in range(people)
        for turn in rng.sample(range(weeks), k=max(weeks // 8, 1))
        for rotation in range(rotations)
    }
    keys = tuple(range(people))
    wishes = tuple(
        Wish(
            key,
            rng.random() < 0.7,
            frozenset((rotation, rng.randrange(weeks)) for rotation in range(rotations)),
        )
        for key in rng.sample(keys, k=people // 2)
    )
    return Problem(
        rotations=tuple(Rotation(n, f"Rotation {n}", keys, turns) for n in range(rotations)),
        people=tuple(candidates),
        turns=weeks,
        blocked=away,
        loads={(key, place): by_home[homes[key]][place[1]] for key in keys for place in places},
        wishes=wishes,
    )
