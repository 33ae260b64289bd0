"""The engine held against the walking oracle, and against itself, on random schedules."""

from contextlib import suppress
from datetime import UTC, datetime, time, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from roster.rotation import (
    Definition,
    Edit,
    Entry,
    Layer,
    ListedShift,
    Override,
    OverrideKind,
    Turns,
    Unit,
    Weekday,
    Window,
    at,
    shifts,
)
from tests.roster.minute_oracle import Stretch, stretch_of, walk

GRAIN = timedelta(minutes=15)
RECENT = datetime(2026, 6, 1, tzinfo=UTC)
PEOPLE = ("ana", "bo", "cy", "dee", "eli")
# Zones, and moments near which their clocks change (the last: none of them).
CHANGES = (
    (("Europe/London", "Europe/Berlin"), datetime(2026, 3, 29, 1, tzinfo=UTC)),
    (("Europe/London", "Africa/Casablanca"), datetime(2026, 10, 25, 1, tzinfo=UTC)),
    (("America/New_York", "Europe/London"), datetime(2026, 3, 8, 7, tzinfo=UTC)),
    (("America/New_York", "America/St_Johns"), datetime(2026, 11, 1, 6, tzinfo=UTC)),
    (("Australia/Lord_Howe", "Australia/Sydney"), datetime(2026, 4, 4, 15, tzinfo=UTC)),
    (("Australia/Lord_Howe", "Pacific/Chatham"), datetime(2026, 10, 3, 15, tzinfo=UTC)),
    (("Pacific/Apia", "Pacific/Fakaofo"), datetime(2011, 12, 30, 10, tzinfo=UTC)),
    (("America/Sao_Paulo", "America/Asuncion"), datetime(2017, 10, 15, 3, tzinfo=UTC)),
    (("America/Sao_Paulo", "America/Havana"), datetime(2018, 2, 18, 2, tzinfo=UTC)),
    (("Asia/Beirut", "Africa/Cairo"), datetime(2026, 3, 28, 22, tzinfo=UTC)),
    (("Antarctica/Troll", "Asia/Gaza"), datetime(2026, 3, 29, 1, tzinfo=UTC)),
    (("America/Santiago", "America/Asuncion"), datetime(2026, 4, 5, 3, tzinfo=UTC)),
    (("America/Santiago", "Africa/Casablanca"), datetime(2026, 9, 6, 4, tzinfo=UTC)),
    (("Africa/Casablanca", "Africa/El_Aaiun"), datetime(2026, 2, 15, 2, tzinfo=UTC)),
    (("Africa/Casablanca", "Atlantic/Azores"), datetime(2026, 3, 22, 2, tzinfo=UTC)),
    (("Asia/Kathmandu", "Asia/Kolkata"), datetime(1985, 12, 31, 18, 30, tzinfo=UTC)),
    (("Pacific/Kwajalein", "Pacific/Majuro"), datetime(1993, 8, 21, 12, tzinfo=UTC)),
    (("UTC", "Asia/Kolkata", "Asia/Kathmandu"), datetime(2026, 2, 28, 23, tzinfo=UTC)),
)

thorough = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])


def moments(around: datetime, low: int, high: int) -> st.SearchStrategy[datetime]:
    """Moments on the grain from `low` to `high` days away."""
    steps = st.integers(low * 96, high * 96)
    return steps.map(lambda step: around + step * GRAIN)


@st.composite
def periods(draw: st.DrawFn, around: datetime, longest: int) -> tuple[datetime, datetime]:
    start = draw(moments(around, -4, 3))
    return start, start + draw(st.integers(1, longest * 96)) * GRAIN


clocks = st.builds(time, st.integers(0, 23), st.sampled_from((0, 0, 15, 30, 45)))
weekdays = st.sampled_from(Weekday)
windows = st.one_of(
    st.builds(
        Window,
        start=clocks,
        end=clocks,
        days=st.lists(weekdays, unique=True, max_size=6).map(tuple),
    ),
    st.builds(Window, start=clocks, end=clocks, start_day=weekdays, end_day=weekdays),
)
entries = st.one_of(
    st.sampled_from(PEOPLE).map(lambda person: (person,)),
    st.lists(st.sampled_from(PEOPLE), unique=True, max_size=3).map(tuple),
)
rotations = st.lists(entries, min_size=1, max_size=5).map(tuple)
lengths = {
    Unit.HOUR: (1, 2, 3, 5, 8, 12, 36),
    Unit.DAY: (1, 2, 3),
    Unit.WEEK: (1,),
    Unit.MONTH: (1,),
}


@st.composite
def layers(draw: st.DrawFn, name: str, zones: tuple[str, ...], around: datetime) -> Layer:
    start = draw(moments(around, -12, 3))
    since = draw(st.none() | moments(around, -9, 3))
    unit = draw(st.sampled_from(Unit))
    edits = st.builds(Edit, moments(around, -9, 6), st.lists(entries, max_size=4).map(tuple))
    return Layer(
        name=name,
        participants=draw(rotations),
        start=start,
        unit=unit,
        length=draw(st.sampled_from(lengths[unit])),
        time_zone=draw(st.none() | st.sampled_from(zones)),
        priority=draw(st.none() | st.integers(0, 2)),
        effective_from=since,
        effective_until=draw(st.none() | moments(around, -2, 8)),
        turns=draw(st.sampled_from(Turns)),
        restrictions=draw(st.just(()) | st.lists(windows, max_size=3).map(tuple)),
        edits=tuple(draw(st.lists(edits, max_size=3))),
    )


@st.composite
def overrides(draw: st.DrawFn, around: datetime) -> Override:
    kind = draw(st.sampled_from(OverrideKind))
    start, end = draw(periods(around, 4))
    people = st.sampled_from((*PEOPLE, "zoe"))
    if kind == OverrideKind.TEMPORARY:
        listed = [(draw(people), *draw(periods(around, 2))) for _ in range(draw(st.integers(0, 3)))]
        return Override(
            kind=kind, start=start, end=end, shifts=tuple(ListedShift(*each) for each in listed)
        )
    replaces = draw(people) if kind == OverrideKind.REPLACE else None
    return Override(kind=kind, start=start, end=end, person=draw(people), replaces=replaces)


@st.composite
def questions(draw: st.DrawFn) -> tuple[Definition, datetime, datetime]:
    zones, around = draw(st.sampled_from(CHANGES))
    names = ("low", "middle", "high")[: draw(st.integers(1, 3))]
    definition = Definition(
        time_zone=draw(st.sampled_from(zones)),
        layers=tuple(draw(layers(name, zones, around)) for name in names),
        overrides=tuple(draw(st.lists(overrides(around), max_size=4))),
    )
    return definition, *draw(periods(around, 6))


def answered(definition: Definition, start: datetime, end: datetime) -> list[Stretch]:
    return [stretch_of(shift) for shift in shifts(definition, start, end)]


@pytest.mark.slow
@thorough
@given(questions())
def test_shifts_are_those_a_walk_through_the_clock_finds(
    question: tuple[Definition, datetime, datetime],
) -> None:
    definition, start, end = question

    assert answered(definition, start, end) == walk(definition, start, end, grain=15)


@pytest.mark.slow
@thorough
@given(questions(), st.integers(0, 6 * 24 * 60 - 1))
def test_at_is_the_answer_of_any_period_around_it(
    question: tuple[Definition, datetime, datetime], minute: int
) -> None:
    definition, start, end = question
    moment = start + timedelta(minutes=minute) % (end - start)

    whole = [stretch_of(shift) for shift in at(definition, moment)]

    clipped = [
        Stretch(each.person, max(each.start, start), min(each.end, end), each.reason)
        for each in whole
    ]
    around = [each for each in answered(definition, start, end) if each.start <= moment < each.end]
    assert clipped == sorted(around, key=lambda each: each.person)


@pytest.mark.slow
@thorough
@given(questions(), st.integers(0, 6 * 24 * 60 - 1))
def test_at_gives_shifts_whole(
    question: tuple[Definition, datetime, datetime], minute: int
) -> None:
    definition, start, _ = question
    moment = start + timedelta(minutes=minute)

    whole = [stretch_of(shift) for shift in at(definition, moment)]

    far = timedelta(days=40)
    around = [
        each
        for each in answered(definition, moment - far, moment + far)
        if each.start <= moment < each.end
    ]
    assert whole == sorted(around, key=lambda each: each.person)


@pytest.mark.slow
@thorough
@given(questions(), st.integers(0, 6 * 24 * 60 - 1))
def test_splitting_a_period_changes_nothing(
    question: tuple[Definition, datetime, datetime], minute: int
) -> None:
    definition, start, end = question
    cut = start + timedelta(minutes=minute) % (end - start)

    parts = answered(definition, start, cut) + answered(definition, cut, end)

    assert _joined(parts) == answered(definition, start, end)


@given(rotations, st.sampled_from((Unit.DAY, Unit.WEEK)), st.integers(1, 2000), periods(RECENT, 6))
def test_age_of_a_rotation_changes_only_the_numbers_of_its_turns(
    participants: tuple[Entry, ...], unit: Unit, rounds: int, period: tuple[datetime, datetime]
) -> None:
    turn = timedelta(days=1 if unit == Unit.DAY else 7)
    start = RECENT - timedelta(days=10)

    def people(since: datetime) -> list[tuple[str, datetime, datetime]]:
        rotation = Layer(name="", participants=participants, start=since, unit=unit)
        found = shifts(Definition(time_zone="UTC", layers=(rotation,)), *period)
        return [(shift.person, shift.start, shift.end) for shift in found]

    assert people(start - rounds * len(participants) * turn) == people(start)


@given(
    st.integers(28, 31),
    st.integers(1, 14),
    st.integers(-40, 40),
    st.sampled_from(("Europe/London", "America/Santiago", "Asia/Kathmandu")),
)
def test_month_counted_from_a_late_day_does_not_drift(
    day: int, length: int, turn: int, zone: str
) -> None:
    noon = datetime(2026, 1, day, 12, tzinfo=ZoneInfo(zone))
    rotation = Layer(
        name="",
        participants=(("ana",), ("bo",), ("cy",)),
        start=noon,
        unit=Unit.MONTH,
        length=length,
        effective_from=datetime(1971, 1, 1, tzinfo=UTC),
    )

    def due(turn: int) -> datetime:
        """Found by trying the days of the month from the start's own downwards."""
        years, month = divmod(turn * length, 12)
        for each in range(day, 0, -1):
            with suppress(ValueError):
                return noon.replace(year=2026 + years, month=month + 1, day=each)
        raise AssertionError

    [shift] = at(Definition(time_zone=zone, layers=(rotation,)), due(turn))

    assert (shift.start, shift.end) == (due(turn), due(turn + 1))
    assert (shift.person, shift.source.turn) == (("ana", "bo", "cy")[turn % 3], turn)


def _joined(stretches: list[Stretch]) -> list[Stretch]:
    def reason(each: Stretch) -> tuple[str, str]:
        return each.person, repr(each.reason)

    joined: list[Stretch] = []
    for _, group in groupby(sorted(stretches, key=lambda e: (*reason(e), e.start)), key=reason):
        for each in group:
            if joined and reason(joined[-1]) == reason(each) and joined[-1].end == each.start:
                joined[-1] = Stretch(each.person, joined[-1].start, each.end, each.reason)
            else:
                joined.append(each)
    return sorted(joined, key=lambda each: (each.start, each.person))
