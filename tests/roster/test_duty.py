"""What really was on call, as the sweep writes it down."""

from datetime import UTC, datetime, time, timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from roster import duty
from roster.duty import record_due
from roster.layer_changes import LayerChange, change_layer
from roster.models import DutyRecord, Override, Schedule, ScheduleWatch
from roster.oncall import definitions
from roster.rotation import Definition
from tests.factories.roster import make_layer, make_override, make_person, make_schedule

pytestmark = pytest.mark.django_db

# Ana's first week ends on Monday 2026-01-12 09:00, and Bo's begins.
HANDOFF = datetime(2026, 1, 12, 9, tzinfo=UTC)
HALF_MINUTE = timedelta(seconds=30)
HOUR = timedelta(hours=1)

Line = tuple[str, datetime, datetime | None]


def records(schedule: Schedule) -> list[Line]:
    rows = DutyRecord.objects.filter(schedule=schedule).order_by("starts_at", "pk")
    return [(row.person.slug, row.starts_at, row.ends_at) for row in rows.select_related("person")]


def record(*moments: datetime) -> None:
    for moment in moments:
        record_due(at=moment)


def weekly() -> Schedule:
    return make_schedule(make_person(slug="ana"), make_person(slug="bo"))


def test_first_sight_begins_the_record_now() -> None:
    schedule = weekly()

    record(HANDOFF - HOUR, HANDOFF - HOUR + HALF_MINUTE)

    assert records(schedule) == [("ana", HANDOFF - HOUR, None)]


def test_quiet_steps_leave_the_record_running() -> None:
    schedule = weekly()

    record(*(HANDOFF - HOUR + step * HALF_MINUTE for step in range(10)))

    assert records(schedule) == [("ana", HANDOFF - HOUR, None)]


def test_handoff_is_recorded_at_its_instant_and_not_at_the_sweeps() -> None:
    schedule = weekly()

    record(HANDOFF - HOUR, HANDOFF - timedelta(seconds=13), HANDOFF + timedelta(seconds=17))

    assert records(schedule) == [
        ("ana", HANDOFF - HOUR, HANDOFF),
        ("bo", HANDOFF, None),
    ]


def test_step_at_the_very_handoff_ends_there() -> None:
    schedule = weekly()

    record(HANDOFF - HOUR, HANDOFF, HANDOFF + HALF_MINUTE)

    assert records(schedule) == [
        ("ana", HANDOFF - HOUR, HANDOFF),
        ("bo", HANDOFF, None),
    ]


def test_record_says_why() -> None:
    schedule = weekly()
    layer = schedule.layers.get()
    override = make_override(
        schedule, make_person(slug="cy"), starts_at=HANDOFF - HOUR, ends_at=HANDOFF + HOUR
    )

    record(HANDOFF - 2 * HOUR, HANDOFF)

    first, second = DutyRecord.objects.order_by("starts_at")
    assert (first.layer_name, first.lineage, first.turn) == ("Weekly", layer.lineage, 0)
    assert (second.override, second.lineage, second.turn) == (override, None, None)


def test_catches_up_after_downtime() -> None:
    schedule = weekly()
    week = timedelta(days=7)

    record(HANDOFF - HOUR, HANDOFF + 2 * week + HOUR)

    assert records(schedule) == [
        ("ana", HANDOFF - HOUR, HANDOFF),
        ("bo", HANDOFF, HANDOFF + week),
        ("ana", HANDOFF + week, HANDOFF + 2 * week),
        ("bo", HANDOFF + 2 * week, None),
    ]


def test_each_turn_of_one_person_is_a_record() -> None:
    schedule = make_schedule(make_person(slug="ana"))

    record(HANDOFF - HOUR, HANDOFF + HOUR)

    assert records(schedule) == [("ana", HANDOFF - HOUR, HANDOFF), ("ana", HANDOFF, None)]


def test_people_on_call_together_have_a_record_each() -> None:
    schedule = weekly()
    make_override(
        schedule,
        make_person(slug="cy"),
        kind=Override.Kind.ADD,
        starts_at=HANDOFF - HOUR,
        ends_at=HANDOFF + HOUR,
    )

    record(HANDOFF - 2 * HOUR, HANDOFF - HALF_MINUTE, HANDOFF + 2 * HOUR)

    assert records(schedule) == [
        ("ana", HANDOFF - 2 * HOUR, HANDOFF),
        ("cy", HANDOFF - HOUR, HANDOFF + HOUR),
        ("bo", HANDOFF, None),
    ]


def test_past_stays_as_it_was_recorded_when_the_rotation_is_rewritten() -> None:
    schedule = weekly()
    record(HANDOFF - HOUR, HANDOFF + HOUR)

    schedule.layers.update(starts_on="2026-01-06")
    record(HANDOFF + HOUR + HALF_MINUTE)

    assert records(schedule) == [
        ("ana", HANDOFF - HOUR, HANDOFF),
        ("bo", HANDOFF, HANDOFF + HOUR),
        ("ana", HANDOFF + HOUR, None),
    ]


def test_edit_is_recorded_at_its_moment() -> None:
    schedule = weekly()
    cy = make_person(slug="cy")
    record(HANDOFF - HOUR)

    change_layer(
        schedule.layers.get(),
        LayerChange(participants=[(1, cy)]),
        takes_effect_at=HANDOFF - HOUR / 2,
    )
    record(HANDOFF - HOUR / 4)

    assert records(schedule) == [
        ("ana", HANDOFF - HOUR, HANDOFF - HOUR / 2),
        ("cy", HANDOFF - HOUR / 2, None),
    ]


def test_override_taken_back_ends_its_record() -> None:
    schedule = weekly()
    override = make_override(
        schedule, make_person(slug="cy"), starts_at=HANDOFF - HOUR, ends_at=HANDOFF + HOUR
    )
    record(HANDOFF - HOUR, HANDOFF - HOUR / 2)

    override.withdraw(at=HANDOFF - HOUR / 3)
    record(HANDOFF - HOUR / 4)

    assert records(schedule) == [
        ("cy", HANDOFF - HOUR, HANDOFF - HOUR / 3),
        ("ana", HANDOFF - HOUR / 3, None),
    ]


def test_gap_leaves_nobody_on_record() -> None:
    schedule = make_schedule()
    make_layer(schedule, make_person(slug="ana"), effective_until=HANDOFF)

    record(HANDOFF - HOUR, HANDOFF + HOUR, HANDOFF + 2 * HOUR)

    assert records(schedule) == [("ana", HANDOFF - HOUR, HANDOFF)]


def test_inactive_schedule_ends_where_it_was_last_recorded() -> None:
    schedule = weekly()
    record(HANDOFF - HOUR, HANDOFF - HOUR / 2)

    Schedule.objects.update(is_active=False)
    record(HANDOFF, HANDOFF + HOUR)

    assert records(schedule) == [("ana", HANDOFF - HOUR, HANDOFF - HOUR / 2)]


def test_schedule_back_in_use_is_recorded_from_then_on() -> None:
    schedule = weekly()
    record(HANDOFF - 2 * HOUR, HANDOFF - HOUR)
    Schedule.objects.update(is_active=False)
    record(HANDOFF)

    Schedule.objects.update(is_active=True)
    record(HANDOFF + HOUR, HANDOFF + 2 * HOUR)

    assert records(schedule) == [
        ("ana", HANDOFF - 2 * HOUR, HANDOFF - HOUR),
        ("bo", HANDOFF + HOUR, None),
    ]


def test_person_who_left_is_not_on_record() -> None:
    schedule = weekly()
    ana = schedule.layers.get().participants.order_by("position")[0].person
    assert ana
    record(HANDOFF - HOUR, HANDOFF - HOUR / 2)

    ana.is_active = False
    ana.save()
    record(HANDOFF + HOUR)

    assert records(schedule) == [
        ("ana", HANDOFF - HOUR, HANDOFF - HOUR / 2),
        ("bo", HANDOFF, None),
    ]


def test_step_repeated_at_once_finds_nothing_to_do() -> None:
    weekly()
    assert record_due(at=HANDOFF) == 1

    assert record_due(at=HANDOFF + timedelta(seconds=1)) == 0


def test_limit_takes_those_furthest_behind_first() -> None:
    behind, ahead = make_schedule(), make_schedule()
    for schedule, since in ((ahead, HANDOFF), (behind, HANDOFF - HOUR)):
        ScheduleWatch.objects.create(schedule=schedule, duty_recorded_until=since)

    record_due(at=HANDOFF + HOUR, limit=1)

    recorded = dict(ScheduleWatch.objects.values_list("schedule_id", "duty_recorded_until"))
    assert recorded == {behind.pk: HANDOFF + HOUR, ahead.pk: HANDOFF}


def test_worker_that_comes_second_writes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other worker records between this one's reading and its writing."""
    schedule = weekly()
    record(HANDOFF - HOUR)

    def overtaken(
        schedules: list[Schedule], start: datetime, end: datetime
    ) -> dict[int, Definition]:
        monkeypatch.undo()
        record(HANDOFF + HALF_MINUTE)
        return definitions(schedules, start, end)

    monkeypatch.setattr(duty, "definitions", overtaken)

    assert record_due(at=HANDOFF + HOUR) == 0
    assert records(schedule) == [("ana", HANDOFF - HOUR, HANDOFF), ("bo", HANDOFF, None)]


@pytest.mark.parametrize("count", [1, 3])
def test_quiet_step_takes_as_many_queries_for_many_schedules(
    count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(count):
        make_schedule(make_person())
    record(HANDOFF - HOUR, HANDOFF - HOUR / 2)

    # Schedules, records, four for the definitions, people, savepoint, watches, its release.
    with django_assert_num_queries(10):
        record_due(at=HANDOFF - HOUR / 2 + HALF_MINUTE)


@pytest.mark.parametrize("count", [1, 3])
def test_handoff_takes_as_many_queries_for_many_schedules(
    count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(count):
        make_schedule(make_person(), make_person())
    record(HANDOFF - HOUR, HANDOFF - HALF_MINUTE)

    with django_assert_num_queries(12):
        record_due(at=HANDOFF + HALF_MINUTE)


def test_hour_that_comes_twice_is_on_record_once_and_in_full() -> None:
    """London's clock goes back at 01:00 UTC on 25 October 2026; turns are hours there."""
    ana, bo = make_person(slug="ana"), make_person(slug="bo")
    schedule = make_schedule(time_zone="Europe/London")
    make_layer(schedule, ana, bo, unit="hour", starts_on="2026-10-25", handoff_time=time(0))
    midnight = datetime(2026, 10, 24, 23, tzinfo=UTC)

    record(midnight, midnight + HOUR / 2, midnight + 2.5 * HOUR, midnight + 3.5 * HOUR)

    assert records(schedule) == [
        ("ana", midnight, midnight + HOUR),
        ("bo", midnight + HOUR, midnight + 3 * HOUR),
        ("ana", midnight + 3 * HOUR, None),
    ]
