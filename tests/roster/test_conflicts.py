from datetime import UTC, datetime, time, timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from roster.conflicts import Conflict, conflicts_between, conflicts_if
from roster.models import FindingKind
from tests.factories.roster import make_override, make_person, make_schedule
from tests.factories.swaps import make_time_off

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
WEEK = timedelta(weeks=1)


def told(found: list[Conflict]) -> list[tuple[FindingKind, str, datetime, datetime]]:
    return [(each.kind, each.text, each.starts_at, each.ends_at) for each in found]


def test_conflicts_between_finds_a_shift_during_time_off(now: datetime) -> None:
    ana = make_person(name="Ana")
    schedule = make_schedule(ana, name="Payments")
    make_time_off(ana, now - HOUR, now + HOUR)
    make_time_off(ana, now, now + 2 * HOUR)
    make_time_off(make_person(), now, now + HOUR)

    found = conflicts_between([schedule], now, now + WEEK)

    assert told(found) == [
        (
            FindingKind.TIME_OFF,
            "Ana is on call for Payments during time off.",
            now,
            now + 2 * HOUR,
        )
    ]


def test_conflicts_between_finds_one_person_on_two_primary_schedules(now: datetime) -> None:
    ana = make_person(name="Ana")
    payments, search = make_schedule(ana, name="Payments"), make_schedule(name="Search")
    make_override(search, ana, starts_at=now, ends_at=now + HOUR)

    found = conflicts_between([search, payments], now - HOUR, now + WEEK)

    assert told(found) == [
        (
            FindingKind.TWO_PRIMARIES,
            "Ana is on call for Payments and Search at once.",
            now,
            now + HOUR,
        )
    ]


@pytest.mark.parametrize("change", [{"is_primary": False}, {"is_active": False}])
def test_conflicts_between_allows_a_second_schedule_that_does_not_compete(
    now: datetime, change: dict[str, bool]
) -> None:
    ana = make_person()
    payments, search = make_schedule(ana), make_schedule(**change)
    make_override(search, ana, starts_at=now, ends_at=now + HOUR)

    assert conflicts_between([search, payments], now, now + WEEK) == []


def test_conflicts_between_finds_too_little_rest_across_schedules(now: datetime) -> None:
    ana = make_person(name="Ana")
    payments = make_schedule(name="Payments", rest_hours=8)
    search = make_schedule(name="Search", rest_hours=0, is_primary=False)
    make_override(payments, ana, starts_at=now, ends_at=now + HOUR)
    make_override(search, ana, starts_at=now + 4.5 * HOUR, ends_at=now + 6 * HOUR)

    found = conflicts_between([payments, search], now + 4.5 * HOUR, now + WEEK)

    assert told(found) == []

    found = conflicts_between([payments, search], now + 4 * HOUR, now + WEEK)

    assert told(found) == [
        (
            FindingKind.NO_REST,
            "Ana has 3 h 30 min of rest between Payments and Search; 8 h is asked for.",
            now + HOUR,
            now + 4.5 * HOUR,
        )
    ]


@pytest.mark.parametrize("pause", [0, 8])
def test_conflicts_between_allows_touching_shifts_and_enough_rest(
    now: datetime, pause: int
) -> None:
    ana = make_person()
    schedule = make_schedule(rest_hours=8)
    make_override(schedule, ana, starts_at=now, ends_at=now + HOUR)
    starts_at = now + HOUR + pause * HOUR
    make_override(schedule, ana, starts_at=starts_at, ends_at=starts_at + HOUR)

    assert conflicts_between([schedule], now, now + WEEK) == []


def test_conflicts_between_counts_rest_from_the_last_duty_that_ends(now: datetime) -> None:
    ana = make_person()
    long, brief = make_schedule(), make_schedule(is_primary=False)
    make_override(long, ana, starts_at=now, ends_at=now + 10 * HOUR)
    make_override(brief, ana, starts_at=now + HOUR, ends_at=now + 2 * HOUR)
    make_override(long, ana, starts_at=now + 18 * HOUR, ends_at=now + 20 * HOUR)

    assert conflicts_between([long, brief], now, now + WEEK) == []


def test_conflicts_between_does_not_ask_for_rest_within_one_turn(now: datetime) -> None:
    schedule = make_schedule(make_person())
    layer = schedule.layers.get()
    for day in range(5):
        for opens, closes in ((9, 12), (13, 17)):
            layer.windows.create(
                opens_on=day, opens_at=time(opens), closes_on=day, closes_at=time(closes)
            )

    assert conflicts_between([schedule], now, now + timedelta(days=5)) == []


def test_conflicts_between_compares_moments_in_the_hour_that_comes_twice() -> None:
    ana = make_person()
    london = {"time_zone": "Europe/London", "rest_hours": 0}
    one, two = make_schedule(**london), make_schedule(**london)
    first = datetime(2026, 10, 25, 0, 10, tzinfo=UTC)
    make_override(one, ana, starts_at=first, ends_at=first + 0.5 * HOUR)
    make_override(two, ana, starts_at=first + HOUR, ends_at=first + 2 * HOUR)

    assert conflicts_between([one, two], first - HOUR, first + WEEK) == []


def test_conflicts_if_names_what_stands_against_it(now: datetime) -> None:
    bo = make_person(name="Bo")
    schedule, search = make_schedule(make_person(), name="Payments"), make_schedule(name="Search")
    make_override(search, bo, starts_at=now, ends_at=now + HOUR)
    make_override(search, bo, starts_at=now + 5 * HOUR, ends_at=now + 6 * HOUR)
    make_time_off(bo, now + HOUR, now + 2 * HOUR)

    found = conflicts_if(bo, schedule, now, now + 2 * HOUR)

    assert told(found) == [
        (
            FindingKind.TWO_PRIMARIES,
            "Bo is on call for Payments and Search at once.",
            now,
            now + HOUR,
        ),
        (
            FindingKind.TIME_OFF,
            "Bo is on call for Payments during time off.",
            now + HOUR,
            now + 2 * HOUR,
        ),
        (
            FindingKind.NO_REST,
            "Bo has 3 h of rest between Payments and Search; 8 h is asked for.",
            now + 2 * HOUR,
            now + 5 * HOUR,
        ),
    ]


def test_conflicts_if_leaves_out_what_is_wrong_anyway(now: datetime) -> None:
    bo = make_person()
    schedule, search = make_schedule(make_person()), make_schedule(bo)
    make_time_off(bo, now + 10 * HOUR, now + 12 * HOUR)
    make_override(
        make_schedule(), bo, starts_at=now + 3 * HOUR, ends_at=now + 4 * HOUR
    )  # against their own shift

    found = conflicts_if(bo, schedule, now, now + HOUR)

    assert [(each.kind, each.other) for each in found] == [
        (FindingKind.TWO_PRIMARIES, max(schedule, search, key=lambda each: each.name))
    ]


def test_conflicts_if_reports_being_on_call_there_already(now: datetime) -> None:
    ana = make_person(name="Ana")
    schedule = make_schedule(ana, name="Payments", is_primary=False)

    [found] = conflicts_if(ana, schedule, now, now + HOUR)

    assert (found.kind, found.text) == (
        FindingKind.TWO_PRIMARIES,
        "Ana is on call for Payments already.",
    )


def test_conflicts_if_forgets_what_is_given_in_return(now: datetime) -> None:
    ana, bo = make_person(), make_person()
    schedule = make_schedule(ana, bo)
    handoff = datetime(2026, 3, 9, 9, tzinfo=UTC)
    giving = [(schedule, handoff, handoff + WEEK)]

    # Without the last hour of Ana's week Bo would have an hour's rest before the next.
    kept = conflicts_if(bo, schedule, now + 8 * HOUR, handoff - HOUR)
    given = conflicts_if(bo, schedule, now + 8 * HOUR, handoff - HOUR, giving=giving)

    assert [each.kind for each in kept] == [FindingKind.NO_REST]
    assert given == []


@pytest.mark.parametrize("count", [1, 3])
def test_conflicts_between_needs_a_constant_number_of_queries(
    now: datetime, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    people = [make_person() for _ in range(count)]
    schedules = [make_schedule(*people) for _ in range(count)]
    make_time_off(people[0], now, now + HOUR)

    with django_assert_num_queries(6):
        conflicts_between(schedules, now, now + 10 * WEEK)


@pytest.mark.parametrize("count", [1, 3])
def test_conflicts_if_needs_a_constant_number_of_queries(
    now: datetime, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    people = [make_person() for _ in range(count)]
    schedules = [make_schedule(*people) for _ in range(count)]

    with django_assert_num_queries(7):
        conflicts_if(people[0], schedules[0], now, now + WEEK)
