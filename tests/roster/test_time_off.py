from datetime import UTC, date, datetime, timedelta

import pytest

from roster import time_off
from roster.errors import DomainError
from roster.models import ScheduleWatch, TimeOff
from tests.factories.availability import make_calendar, make_time_off
from tests.factories.roster import make_layer, make_override, make_person, make_schedule

pytestmark = pytest.mark.django_db

MORNING = datetime(2026, 3, 9, 9, tzinfo=UTC)


def test_whole_days_follow_the_clock_of_the_person():
    starts_at, ends_at = time_off.whole_days(
        make_person(time_zone="Europe/London"), date(2026, 3, 28), date(2026, 3, 29)
    )

    assert starts_at.astimezone(UTC) == datetime(2026, 3, 28, tzinfo=UTC)
    assert ends_at.astimezone(UTC) == datetime(2026, 3, 29, 23, tzinfo=UTC)


def test_entering_has_the_person_s_schedules_proven(now):
    ana = make_person()
    schedule = make_schedule(ana)
    make_schedule(make_person())

    row = time_off.enter(ana, MORNING, MORNING + timedelta(days=1), note=" Dentist ", at=now)

    assert TimeOff.objects.get() == row
    assert row.note == "Dentist"
    assert list(ScheduleWatch.objects.values_list("schedule", "due_at")) == [(schedule.pk, now)]


@pytest.mark.parametrize(
    ("starts_at", "ends_at", "named"),
    [
        (MORNING, MORNING, "ends_at"),
        (MORNING, MORNING - timedelta(days=1), "ends_at"),
        (MORNING - timedelta(days=30), MORNING - timedelta(days=20), "ends_at"),
        (MORNING - timedelta(days=800), MORNING, "starts_at"),
        (MORNING, MORNING + timedelta(days=3000), "starts_at"),
        (MORNING, MORNING + timedelta(days=1500), "ends_at"),
    ],
)
def test_entering_names_the_field_at_fault(now, starts_at, ends_at, named):
    with pytest.raises(DomainError) as refusal:
        time_off.enter(make_person(), starts_at, ends_at, at=now)

    assert list(refusal.value.fields) == [named]
    assert not TimeOff.objects.exists()


def test_entering_the_same_twice_is_refused(now):
    ana = make_person(name="Ana")
    time_off.enter(ana, MORNING, MORNING + timedelta(days=3), at=now)

    with pytest.raises(DomainError, match=r"^Ana is away then already\."):
        time_off.enter(ana, MORNING + timedelta(days=1), MORNING + timedelta(days=2), at=now)


def test_withdrawing_before_it_begins_leaves_nothing(now):
    row = make_time_off(make_person(), starts_at=now + timedelta(hours=1))

    time_off.withdraw(row, at=now)

    assert not TimeOff.objects.exists()


def test_withdrawing_midway_ends_it_now(now):
    row = make_time_off(make_person(), starts_at=now - timedelta(hours=1))

    time_off.withdraw(row, at=now)

    assert TimeOff.objects.get().ends_at == now


def test_withdrawing_what_is_over_is_refused(now):
    row = make_time_off(make_person(), starts_at=now - timedelta(days=9))

    with pytest.raises(DomainError, match=r"^This time off is over"):
        time_off.withdraw(row, at=now)


def test_what_was_read_from_a_calendar_is_changed_there(now):
    ana = make_person()
    row = make_time_off(ana, calendar=make_calendar(ana, name="HR"), calendar_uid="1")

    with pytest.raises(DomainError, match="read from the calendar “HR”"):
        time_off.withdraw(row, at=now)
    with pytest.raises(DomainError, match="read from the calendar “HR”"):
        time_off.change(row, starts_at=MORNING, ends_at=row.ends_at, note="", at=now)


def test_clashes_are_the_shifts_within_time_off(now):
    ana, bo = make_person(), make_person()
    schedule = make_schedule(ana, bo)  # ana: 2 to 9 March
    row = make_time_off(ana, starts_at=now, ends_at=MORNING + timedelta(days=14))

    found = time_off.clashes_of(ana, [row], at=now)

    assert [(each.schedule, each.starts_at, each.ends_at) for each in found[row.pk]] == [
        (schedule, now, MORNING),
        (schedule, MORNING + timedelta(days=7), MORNING + timedelta(days=14)),
    ]


def test_stand_ins_are_free_people_of_the_rotation(now):
    ana, bo, cy = make_person(name="Ana"), make_person(name="Bo"), make_person(name="Cy")
    schedule = make_schedule(ana, bo, cy, rest_hours=0)
    row = make_time_off(ana, starts_at=MORNING, ends_at=MORNING + timedelta(days=30))
    first = time_off.clashes_of(ana, [row], at=now)[row.pk][0]
    make_time_off(cy, starts_at=first.starts_at)

    clashes = time_off.with_stand_ins([first])

    assert [(each.schedule, each.shifts, each.stand_ins) for each in clashes] == [
        (schedule, 1, [bo])
    ]


def test_shifts_in_a_row_are_one_clash(now):
    ana = make_person()
    schedule = make_schedule()
    make_layer(schedule, ana, unit="day")
    row = make_time_off(ana, starts_at=MORNING, ends_at=MORNING + timedelta(days=3))

    clashes = time_off.with_stand_ins(time_off.clashes_of(ana, [row], at=now)[row.pk])

    assert [(each.starts_at, each.ends_at, each.shifts) for each in clashes] == [
        (MORNING, MORNING + timedelta(days=3), 3)
    ]


def test_schedules_with_a_person_count_layers_and_overrides_to_come(now):
    ana, bo = make_person(), make_person()
    turns, covered, over, gone = (make_schedule(bo) for _ in range(4))
    turns.layers.get().participants.update(person=ana)
    make_override(covered, ana, starts_at=now, ends_at=now + timedelta(days=1))
    make_override(over, ana, starts_at=now - timedelta(days=2), ends_at=now)
    gone.layers.update(effective_until=now)
    gone.layers.get().participants.update(person=ana)
    make_schedule(ana, is_active=False)

    assert time_off.schedules_with(ana, now) == [turns.pk, covered.pk]


@pytest.mark.parametrize("rows", [1, 3])
def test_clashes_cost_a_constant_number_of_queries(now, django_assert_num_queries, rows):
    ana = make_person()
    for _ in range(rows):
        make_schedule(ana, make_person())
    away = [make_time_off(ana, starts_at=MORNING + timedelta(days=n)) for n in range(rows)]

    with django_assert_num_queries(8):
        time_off.clashes_of(ana, away, at=now)
