from datetime import UTC, date, datetime, time, timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from roster import oncall
from roster.models import Override, Schedule
from tests.factories.roster import make_layer, make_override, make_person, make_schedule

pytestmark = pytest.mark.django_db


def names(schedule: Schedule, at: datetime) -> list[str]:
    return [each.person.slug for each in oncall.on_call([schedule], at)[schedule.pk]]


def test_on_call_is_the_person_whose_turn_it_is(now: datetime) -> None:
    schedule = make_schedule(make_person(slug="ana"), make_person(slug="bo"))

    [found] = oncall.on_call([schedule], now)[schedule.pk]

    assert found.person.slug == "ana"
    assert found.shift.start == datetime(2026, 3, 2, 9, tzinfo=UTC)
    assert found.shift.end == datetime(2026, 3, 9, 9, tzinfo=UTC)
    assert found.shift.source.layer == "Weekly"


def test_on_call_changes_at_the_handoff_instant(now: datetime) -> None:
    schedule = make_schedule(make_person(slug="ana"), make_person(slug="bo"))
    handoff = datetime(2026, 3, 9, 9, tzinfo=UTC)

    assert names(schedule, handoff - timedelta(seconds=1)) == ["ana"]
    assert names(schedule, handoff) == ["bo"]


def test_on_call_is_empty_for_a_schedule_without_layers(now: datetime) -> None:
    assert names(make_schedule(), now) == []


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (Override.Kind.OVERRIDE, ["cy"]),
        (Override.Kind.ADD, ["ana", "cy"]),
        (Override.Kind.REPLACE, ["cy"]),
    ],
)
def test_on_call_obeys_overrides(now: datetime, kind: str, expected: list[str]) -> None:
    ana, cy = make_person(slug="ana"), make_person(slug="cy")
    schedule = make_schedule(ana)
    make_override(
        schedule,
        cy,
        kind=kind,
        replaces=ana if kind == Override.Kind.REPLACE else None,
        starts_at=now,
        ends_at=now + timedelta(hours=1),
    )

    assert names(schedule, now) == expected
    assert names(schedule, now + timedelta(hours=1)) == ["ana"]


def test_on_call_is_nobody_when_the_only_person_is_removed(now: datetime) -> None:
    ana = make_person(slug="ana")
    schedule = make_schedule(ana)
    end = now + timedelta(hours=1)
    make_override(schedule, ana, kind=Override.Kind.REMOVE, starts_at=now, ends_at=end)

    assert names(schedule, now) == []


def test_on_call_leaves_out_inactive_people(now: datetime) -> None:
    schedule = make_schedule()
    layer = make_layer(schedule, make_person(slug="gone", is_active=False))
    layer.participants.create(position=1, person=make_person(slug="ana"))

    assert names(schedule, now) == ["ana"]


@pytest.mark.parametrize(
    ("day", "handoff_in_utc"),
    [
        (date(2026, 3, 28), 9),
        (date(2026, 3, 29), 8),
        (date(2026, 10, 24), 8),
        (date(2026, 10, 25), 9),
    ],
)
def test_handoff_holds_on_the_local_clock_across_daylight_saving(
    day: date, handoff_in_utc: int
) -> None:
    schedule = make_schedule(time_zone="Europe/London")
    make_layer(schedule, make_person(slug="ana"), make_person(slug="bo"), unit="day")
    handoff = datetime.combine(day, time(handoff_in_utc), tzinfo=UTC)

    before, after = names(schedule, handoff - timedelta(minutes=1)), names(schedule, handoff)

    assert sorted(before + after) == ["ana", "bo"]


def test_layer_counts_only_in_its_windows() -> None:
    schedule = make_schedule(time_zone="Europe/London")
    layer = make_layer(schedule, make_person(slug="ana"))
    layer.windows.create(opens_on=4, opens_at=time(17), closes_on=0, closes_at=time(9))

    assert names(schedule, datetime(2026, 3, 7, 12, tzinfo=UTC)) == ["ana"]  # a Saturday
    assert names(schedule, datetime(2026, 3, 9, 9, tzinfo=UTC)) == []  # Monday, 09:00
    assert names(schedule, datetime(2026, 3, 6, 16, 59, tzinfo=UTC)) == []  # Friday, 16:59


def test_layer_has_its_own_zone() -> None:
    schedule = make_schedule(time_zone="UTC")
    ana, bo = make_person(slug="ana"), make_person(slug="bo")
    make_layer(schedule, ana, bo, unit="day", time_zone="Asia/Tokyo")

    assert names(schedule, datetime(2026, 1, 5, 23, 59, tzinfo=UTC)) == ["ana"]
    assert names(schedule, datetime(2026, 1, 6, 0, 0, tzinfo=UTC)) == ["bo"]


def test_higher_layer_hides_a_lower_one(now: datetime) -> None:
    schedule = make_schedule()
    make_layer(schedule, make_person(slug="below"), position=1)
    make_layer(schedule, make_person(slug="above"), position=2)

    assert names(schedule, now) == ["above"]


def test_participants_change_from_their_version_on(now: datetime) -> None:
    schedule = make_schedule(make_person(slug="ana"))
    layer = schedule.layers.get()
    layer.participants.create(effective_at=now, position=1, person=make_person(slug="bo"))

    assert names(schedule, now - timedelta(seconds=1)) == ["ana"]
    assert names(schedule, now) == ["bo"]


def test_people_on_the_same_turn_are_on_call_together(now: datetime) -> None:
    schedule = make_schedule(make_person(slug="ana"))
    schedule.layers.get().participants.create(position=1, person=make_person(slug="bo"))

    assert names(schedule, now) == ["ana", "bo"]


@pytest.mark.parametrize("count", [1, 3])
def test_on_call_takes_five_queries_for_any_number_of_schedules(
    now: datetime, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    schedules = [make_schedule(make_person(), make_person()) for _ in range(count)]

    with django_assert_num_queries(5):
        answers = oncall.on_call(schedules, now)

    assert [len(answers[schedule.pk]) for schedule in schedules] == [1] * count


def test_now_and_next_names_who_follows(now: datetime) -> None:
    schedule = make_schedule(make_person(slug="ana"), make_person(slug="bo"))

    answer = oncall.on_call_now_and_next([schedule], now)[schedule.pk]

    assert [each.person.slug for each in answer.now] == ["ana"]
    assert [(each.person.slug, each.shift.start) for each in answer.next] == [
        ("bo", datetime(2026, 3, 9, 9, tzinfo=UTC))
    ]
    assert answer.gap_from is None


def test_now_and_next_tells_of_a_gap_to_come(now: datetime) -> None:
    schedule = make_schedule(make_person(slug="ana"))
    until = now + timedelta(days=2)
    schedule.layers.update(effective_until=until)

    answer = oncall.on_call_now_and_next([schedule], now)[schedule.pk]

    assert (answer.next, answer.gap_from) == ([], until)


@pytest.mark.parametrize("count", [1, 3])
def test_now_and_next_takes_five_queries_for_any_number_of_schedules(
    now: datetime, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    schedules = [make_schedule(make_person(), make_person()) for _ in range(count)]

    with django_assert_num_queries(5):
        oncall.on_call_now_and_next(schedules, now)


def test_shifts_between_keeps_people_who_have_left_since(now: datetime) -> None:
    schedule = make_schedule(make_person(slug="gone", is_active=False))

    [found] = oncall.shifts_between(schedule, now, now + timedelta(days=1))

    assert (found.person.slug, found.shift.start) == ("gone", now)
