"""Who carries how much: before, if today's rotations go on, and by the proposal."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from roster.models import Person
from roster.planning.problem import KINDS, Load, Roster
from roster.planning.reading import Reading
from roster.planning.scoring import Scale

MINUTES = 60


@dataclass(frozen=True)
class Share:
    """One person's nights, weekends and holidays, the past included, in three versions."""

    person: Person
    before: Load
    today: Load
    proposal: Load
    turns: int
    credit: Load


@dataclass(frozen=True)
class Spread:
    """Most minus least of one kind of hours, in hours, in the three versions."""

    kind: str
    before: int
    today: int
    proposal: int


@dataclass(frozen=True)
class Fairness:
    shares: Sequence[Share]
    spreads: Sequence[Spread]
    wishes: int
    wishes_kept: int


def fairness_of(reading: Reading, roster: Roster) -> Fairness:
    """Reads no row. Compared are those who can take a turn at all, as the planner does."""
    problem = reading.problem
    today = _today(reading)
    totals = problem.totals(roster)
    turns = problem.turns_of(roster)
    shares = [
        Share(
            person=reading.people[each.key],
            before=each.ledger,
            today=each.ledger + today[each.key],
            proposal=totals[each.key],
            turns=len(turns.get(each.key, ())),
            credit=each.credit,
        )
        for each in problem.people
    ]
    # Not the scale's own list: places set by hand leave it nobody else there.
    counted = set(Scale(replace(problem, pinned={})).counted)
    compared = [share for share in shares if share.person.pk in counted]
    return Fairness(
        shares=shares,
        spreads=[_spread(kind, compared) for kind in KINDS],
        wishes=len(problem.wishes),
        wishes_kept=sum(problem.is_kept(wish, roster) for wish in problem.wishes),
    )


def _today(reading: Reading) -> dict[int, Load]:
    """What today's rotations would have each carry in the period."""
    found: dict[int, Load] = defaultdict(Load)
    for rotation in reading.problem.rotations:
        start, end = rotation.turns[0].starts_at, rotation.turns[-1].ends_at
        for each in reading.today[rotation.key]:
            person = reading.people.get(each.person.pk)
            if person is None:
                continue
            begins, ends = max(each.shift.start, start), min(each.shift.end, end)
            if begins.timestamp() < ends.timestamp():
                found[person.pk] += reading.load_of(person, [(begins, ends)])
    return found


def _spread(kind: str, shares: Sequence[Share]) -> Spread:
    def between(version: str) -> int:
        minutes = [getattr(getattr(share, version), kind) for share in shares]
        return round((max(minutes) - min(minutes)) / MINUTES) if minutes else 0

    return Spread(kind, between("before"), between("today"), between("proposal"))
