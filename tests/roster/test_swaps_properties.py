"""Whatever is swapped: nothing changes outside, and nothing is lost inside."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from roster import oncall, swaps
from roster.actors import Actor
from roster.errors import DomainError
from roster.models import Layer, Person, Schedule, Swap
from roster.swaps.parts import own_shifts
from tests.factories.roster import make_layer, make_person, make_schedule

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

NOW = datetime(2026, 3, 20, 12, 0, tzinfo=UTC)  # clocks in London go forward on the 29th
END = NOW + timedelta(days=30)
STEP = timedelta(minutes=30)
SYSTEM = Actor.system("test")

layers = st.fixed_dictionaries(
    {
        "unit": st.sampled_from([Layer.Unit.HOUR, Layer.Unit.DAY, Layer.Unit.WEEK]),
        "length": st.integers(1, 3),
        "handoff_time": st.times(min_value=time(0), max_value=time(23, 30)).map(
            lambda moment: moment.replace(minute=moment.minute // 30 * 30, second=0, microsecond=0)
        ),
    }
)
# Which shift of the coming ones, of whom, against which, and how much of it.
wishes = st.lists(
    st.tuples(
        st.integers(0, 40), st.integers(0, 3), st.booleans(), st.floats(0, 0.5), st.floats(0.5, 1)
    ),
    min_size=1,
    max_size=5,
)


@contextmanager
def rolled_back() -> Iterator[None]:
    """Each example has the database for itself."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def by_the_half_hour(schedule: Schedule) -> dict[datetime, frozenset[str]]:
    """Who is on call at each half hour: everything here changes on those."""
    shifts = [
        (each.person.slug, each.shift.start.astimezone(UTC), each.shift.end.astimezone(UTC))
        for each in oncall.shifts_between(schedule, NOW - timedelta(days=10), END)
    ]
    moments = [NOW - timedelta(days=10) + STEP * number for number in range(40 * 48)]
    return {
        moment: frozenset(slug for slug, start, end in shifts if start <= moment < end)
        for moment in moments
    }


def wish(
    schedule: Schedule, people: list[Person], asked: tuple[int, int, bool, float, float]
) -> swaps.Proposal | None:
    number, other, is_exchange, since, until = asked
    definition = oncall.definition_of(schedule, NOW, END)
    coming = [each for each in own_shifts(definition, NOW, END) if each.starts_at >= NOW]
    if len(coming) < 2:
        return None
    shift = coming[number % len(coming)]
    taker = people[other % len(people)]
    theirs = [each for each in coming if each.person == taker.slug]
    length = shift.ends_at - shift.starts_at
    start, end = (shift.starts_at + length * share // STEP * STEP for share in (since, until))
    returned = theirs[number % len(theirs)] if theirs and is_exchange else None
    return swaps.Proposal(
        schedule=schedule,
        giver=next(person for person in people if person.slug == shift.person),
        starts_at=start,
        ends_at=end,
        other=taker,
        in_return=(returned.starts_at, returned.ends_at) if returned else None,
        despite=True,
    )


def swapped(before: frozenset[str], swap: Swap, moment: datetime) -> frozenset[str]:
    """Who should be on call then, worked out without the engine."""
    parts = [(swap.giver, swap.taker, swap.starts_at, swap.ends_at)]
    if swap.return_starts_at:
        parts.append((swap.taker, swap.giver, swap.return_starts_at, swap.return_ends_at))
    for giver, taker, start, end in parts:
        if start <= moment < end and giver.slug in before:
            assert taker.slug not in before
            return before - {giver.slug} | {taker.slug}
    return before


@given(layers, wishes, st.booleans())
@settings(max_examples=30, deadline=None)
def test_a_swap_changes_its_spans_only_and_conserves_coverage(
    layer: dict[str, object], asked: list[tuple[int, int, bool, float, float]], has_windows: bool
) -> None:
    with rolled_back():
        people = [make_person(slug=slug) for slug in ("ana", "bo", "cy", "di")]
        schedule = make_schedule(time_zone="Europe/London")
        make_layer(schedule, *people[:2], starts_on=date(2026, 3, 1))
        upper = make_layer(schedule, *people[1:], starts_on=date(2026, 3, 2), position=2, **layer)
        if has_windows:
            for day in range(5):
                upper.windows.create(
                    opens_on=day, opens_at=time(18), closes_on=day + 1, closes_at=time(6)
                )
        done: list[tuple[Swap, dict[datetime, frozenset[str]]]] = []
        for each in asked:
            proposal = wish(schedule, people, each)
            before = by_the_half_hour(schedule)
            known = {swap for swap, _ in done}
            try:
                swap = proposal and swaps.arrange(proposal, by=SYSTEM, at=NOW)
            except DomainError:
                swap = None
            swap = None if swap in known else swap  # the same again is the one that stands
            after = by_the_half_hour(schedule)
            if swap:
                expected = {at: swapped(crew, swap, at) for at, crew in before.items()}
                done.append((swap, before))
            else:
                expected = before
            assert after == expected
        swaps.follow_edits(schedule, at=NOW)
        assert by_the_half_hour(schedule) == after
        for swap, before in reversed(done):
            swaps.give_back(swap, by=SYSTEM, at=NOW)
            swaps.follow_edits(schedule, at=NOW)
            assert by_the_half_hour(schedule) == before
