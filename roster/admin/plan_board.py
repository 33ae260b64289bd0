"""A proposal as its page shows it: turn by turn beside today's rotation, and person by person."""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from roster.holidays import public_holidays, weekend_of
from roster.models import Person
from roster.planning.accepting import conflicts_of
from roster.planning.checks import Violation
from roster.planning.fairness import Fairness, Share, fairness_of
from roster.planning.problem import KINDS, MINUTES, Place, Roster
from roster.planning.reading import Reading
from roster.planning.results import Result

# A turn as long as this has a weekend anyway: naming it would say nothing.
_WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Cell:
    """One place: who would take it today and by the proposal, and what is wrong with that."""

    schedule_id: int
    schedule: str
    turn: int
    today: str
    person: Person | None
    is_changed: bool
    is_edited: bool
    problems: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """One turn, with the holidays it touches (and the weekend, for turns shorter than a week)."""

    starts_at: datetime
    ends_at: datetime
    notes: tuple[str, ...]
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Board:
    rows: Sequence[Row]
    conflicts: Sequence[Violation]
    fairness: Fairness
    changed: int


def board_of(reading: Reading) -> Board:
    """Reads no row beyond those of the reading."""
    problem = reading.problem
    result = Result.of(reading.plan)
    roster = result.roster(problem.rotations)
    conflicts = conflicts_of(reading)
    edited = set(result.edited(problem.rotations))
    rows = [_row(reading, turn, roster, conflicts, edited) for turn in range(problem.turns)]
    changed = sum(cell.is_changed for row in rows for cell in row.cells)
    return Board(rows, conflicts, fairness_of(reading, roster), changed)


def _row(
    reading: Reading,
    turn: int,
    roster: Roster,
    conflicts: Sequence[Violation],
    edited: set[Place],
) -> Row:
    cells = tuple(
        _cell(reading, (number, turn), roster, conflicts, edited)
        for number in range(len(reading.problem.rotations))
    )
    first = reading.problem.rotations[0].turns[turn]
    return Row(first.starts_at, first.ends_at, tuple(_notes(reading, turn)), cells)


def _cell(
    reading: Reading,
    place: Place,
    roster: Roster,
    conflicts: Sequence[Violation],
    edited: set[Place],
) -> Cell:
    rotation = reading.problem.rotations[place[0]]
    today = _today(reading, place)
    person = reading.people.get(roster.get(place, 0))
    return Cell(
        schedule_id=rotation.key,
        schedule=rotation.name,
        turn=place[1],
        today=" + ".join(today) or "nobody",
        person=person,
        is_changed=[person.name if person else ""] != today,
        is_edited=place in edited,
        problems=tuple(each.text for each in conflicts if place in each.places),
    )


def _today(reading: Reading, place: Place) -> list[str]:
    """Who would be on call, the longest first; those who only touch the turn are left out."""
    rotation = reading.problem.rotations[place[0]]
    turn = rotation.turns[place[1]]
    begins, ends = turn.starts_at.timestamp(), turn.ends_at.timestamp()
    lasts: dict[str, float] = defaultdict(float)
    for each in reading.today[rotation.key]:
        since, until = each.shift.start.timestamp(), each.shift.end.timestamp()
        lasts[each.person.name] += max(min(until, ends) - max(since, begins), 0)
    found = sorted((-seconds, name) for name, seconds in lasts.items() if seconds > 0)
    return [name for seconds, name in found if -seconds * 10 >= ends - begins][:3]


def _notes(reading: Reading, turn: int) -> Iterable[str]:
    cut = reading.problem.rotations[0].turns[turn]
    first, last = cut.starts_at.date(), cut.ends_at.date()
    countries = sorted({person.country for person in reading.people.values() if person.country})
    names: dict[tuple[date, str], list[str]] = defaultdict(list)
    for country in countries:
        for day, name in public_holidays(country, first, last + timedelta(days=1)).items():
            names[day, name].append(country)
    for (day, name), some in sorted(names.items()):
        yield f"{name}, {day:%a %-d %b} ({', '.join(some)})"
    if cut.ends_at - cut.starts_at < _WEEK:
        weekend = weekend_of(countries[0] if len(countries) == 1 else "")
        days = [first + timedelta(days=number) for number in range((last - first).days)]
        if any(day.weekday() in weekend for day in days or [first]):
            yield "Weekend"


VERSIONS = (
    ("before", "Before the period", "var(--color-base-300)"),
    ("today", "With today's rotation", "var(--color-base-500)"),
    ("proposal", "With the proposal", "var(--color-primary-500)"),
)


def charts(fairness: Fairness) -> list[tuple[str, str]]:
    """For each kind of hours that anybody has: its name, and its bars as Chart.js reads them."""
    shares = sorted(fairness.shares, key=lambda share: share.person.name)
    return [
        (kind, json.dumps(_chart(kind, shares)))
        for kind in KINDS
        if any(getattr(share.proposal, kind) or getattr(share.today, kind) for share in shares)
    ]


def _chart(kind: str, shares: Sequence[Share]) -> dict[str, object]:
    return {
        "labels": [share.person.name for share in shares],
        "datasets": [
            {
                "label": label,
                "data": [round(getattr(getattr(each, name), kind) / MINUTES) for each in shares],
                "backgroundColor": colour,
            }
            for name, label, colour in VERSIONS
        ],
    }


CHART_OPTIONS = json.dumps(
    {
        "responsive": True,
        "maintainAspectRatio": False,
        "animation": False,
        "borderRadius": 3,
        "plugins": {"legend": {"display": False}},
        "scales": {
            "x": {"grid": {"display": False}, "ticks": {"color": "#9ca3af", "autoSkip": False}},
            "y": {
                "grid": {"tickWidth": 0},
                "ticks": {"color": "#9ca3af", "maxTicksLimit": 6},
                "beginAtZero": True,
            },
        },
    }
)
