from datetime import UTC, datetime, time, timedelta

import pytest

from roster.calendar import facts as calendar_facts
from roster.calendar.spans import Span, Tone, rows_of, spans_of
from roster.models import Override, Schedule, Swap
from roster.models.schedules import LayerWindow
from tests.factories.roster import make_layer, make_override, make_person, make_schedule
from tests.factories.swaps import make_swap, make_time_off

pytestmark = pytest.mark.django_db

START, END = datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 16, tzinfo=UTC)
HANDOFF = datetime(2026, 3, 9, 9, tzinfo=UTC)
NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
DAY = timedelta(days=1)


def board(schedule: Schedule, *, with_time_off: bool = True) -> dict[str, list[Span]]:
    """The spans of March 2 to 16 by the title of their row."""
    facts = calendar_facts.read([schedule], START, END, with_time_off=with_time_off)
    rows = rows_of(schedule, facts)
    spans = spans_of(rows, facts, START, END, NOW)
    return {row.title: [span for span in spans if span.row == row] for row in rows}


def told(spans: list[Span]) -> list[tuple[str, Tone]]:
    return [(span.title, span.tone) for span in sorted(spans, key=lambda span: span.starts_at)]


def test_final_row_stands_first_and_layers_below_by_strength() -> None:
    schedule = make_schedule(make_person())
    make_layer(schedule, make_person(), name="Nights", position=2)

    assert list(board(schedule)) == ["On call", "Overrides and swaps", "Nights", "Weekly"]


def test_layer_shows_its_own_turns_even_where_another_hides_it() -> None:
    ana, bo = make_person(name="Ana"), make_person(name="Bo")
    schedule = make_schedule(ana)
    make_layer(schedule, bo, name="Stronger", position=2)

    rows = board(schedule)

    assert told(rows["On call"]) == [("Bo", Tone.TURN)] * 3
    assert told(rows["Weekly"]) == [("Ana", Tone.TURN)] * 3


def test_successor_shares_the_row_of_the_layer_it_follows() -> None:
    schedule = make_schedule()
    first = make_layer(schedule, make_person(name="Ana"), effective_until=HANDOFF, name="Old")
    make_layer(
        schedule,
        make_person(name="Bo"),
        effective_from=HANDOFF,
        lineage=first.lineage,
        name="New",
    )

    assert [span.title for span in board(schedule)["New"]] == ["Ana", "Ana", "Bo"]


def test_override_is_told_with_who_entered_it_and_why() -> None:
    schedule = make_schedule(make_person(name="Ana"))
    make_override(
        schedule,
        make_person(name="Cy"),
        starts_at=NOW,
        ends_at=NOW + DAY,
        reason="Dentist",
        created_by=make_person(name="Dee"),
    )

    rows = board(schedule)

    assert told(rows["On call"])[:4] == [
        ("Ana", Tone.TURN),
        ("Ana", Tone.TURN),
        ("Cy", Tone.OVERRIDE),
        ("Ana", Tone.TURN),
    ]
    why = ("Override: only Cy is on call. Entered by Dee.", "“Dentist”")
    assert rows["On call"][2].why == rows["Overrides and swaps"][0].why == why


def test_swap_that_was_taken_has_its_own_tone() -> None:
    ana, bo = make_person(name="Ana"), make_person(name="Bo")
    schedule = make_schedule(ana)
    swap = make_swap(schedule, ana, taker=bo, state=Swap.State.TAKEN, taker_confirmed_at=NOW)
    make_override(
        schedule,
        bo,
        kind=Override.Kind.REPLACE,
        replaces=ana,
        swap=swap,
        starts_at=HANDOFF,
        ends_at=HANDOFF + DAY,
    )

    rows = board(schedule)

    assert told(rows["On call"])[2] == ("Bo", Tone.SWAP)
    assert told(rows["Overrides and swaps"]) == [("Bo for Ana", Tone.SWAP)]
    assert rows["On call"][2].why == ("A swap: Bo stands in for Ana.",)


def test_open_offer_marks_the_shift_and_stands_among_the_changes() -> None:
    ana = make_person(name="Ana")
    schedule = make_schedule(ana)
    swap = make_swap(schedule, ana)

    rows = board(schedule)

    assert [span.offer for span in rows["On call"]] == [None, None, swap]
    assert told(rows["Overrides and swaps"]) == [("Ana asks", Tone.OFFER)]


@pytest.mark.parametrize("state", [Swap.State.DECLINED, Swap.State.LAPSED])
def test_swap_that_came_to_nothing_is_not_shown(state: Swap.State) -> None:
    ana = make_person()
    schedule = make_schedule(ana)
    make_swap(schedule, ana, state=state)

    assert board(schedule)["Overrides and swaps"] == []


def test_nobody_where_somebody_must_be_is_a_gap() -> None:
    schedule = make_schedule()

    [gap] = board(schedule)["On call"]

    assert (gap.title, gap.tone, gap.starts_at, gap.ends_at) == ("Nobody", Tone.GAP, START, END)


def test_nobody_outside_the_hours_that_must_be_covered_is_none() -> None:
    schedule = make_schedule(coverage="hours")
    schedule.coverage_windows.create(opens_on=0, opens_at=time(9), closes_on=0, closes_at=time(17))

    assert [(gap.starts_at.day, gap.starts_at.hour) for gap in board(schedule)["On call"]] == [
        (2, 9),
        (9, 9),
    ]


def test_someone_inactive_to_come_is_named_and_leaves_a_gap() -> None:
    schedule = make_schedule(make_person(name="Ana", is_active=False))

    told_now = told(board(schedule)["On call"])

    assert ("Ana (inactive)", Tone.TURN) in told_now
    assert ("Nobody", Tone.GAP) in told_now


def test_time_off_is_where_it_meets_the_shift() -> None:
    ana = make_person()
    schedule = make_schedule(ana, make_person())
    make_time_off(ana, NOW + DAY, NOW + 3 * DAY)
    make_time_off(ana, START - 9 * DAY, START - 8 * DAY)

    away = [span.away for span in board(schedule)["On call"]]

    assert away.count(((NOW + DAY, NOW + 3 * DAY),)) == 1
    assert sum(map(len, away)) == 1


def test_time_off_is_not_even_read_for_those_who_may_not_see_it() -> None:
    ana = make_person()
    schedule = make_schedule(ana)
    make_time_off(ana, NOW, NOW + DAY)

    rows = board(schedule, with_time_off=False)

    assert all(span.away == () for spans in rows.values() for span in spans)


def test_layer_counts_only_in_its_windows() -> None:
    schedule = make_schedule(coverage="none")
    layer = make_layer(schedule, make_person(name="Ana"))
    LayerWindow.objects.create(
        layer=layer, opens_on=1, opens_at=time(9), closes_on=1, closes_at=time(17)
    )

    rows = board(schedule)

    assert [span.starts_at.day for span in rows["Weekly"]] == [3, 10]
    assert [span.starts_at.day for span in rows["On call"]] == [3, 10]
