from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from comms.models import Message
from roster import notices, page_tests, reminders
from roster.models import DutyRecord, HandoffNote, Notice, Person, Schedule
from roster.tasks import remind_shifts
from tests.factories.roster import (
    make_layer,
    make_override,
    make_person,
    make_schedule,
)

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
# Weekly turns begin on Mondays at 09:00; `now` is an hour after one did.
MONDAY = datetime(2026, 3, 9, 9, tzinfo=UTC)


def told() -> list[tuple[str, str]]:
    """Whom, and of the beginning of which shift."""
    rows = Notice.objects.filter(kind="shift_reminder").order_by("pk").select_related("person")
    return [(row.person.name, row.data["starts_at"]) for row in rows]


@pytest.fixture
def people() -> tuple[Person, Person]:
    return make_person(name="Ana", reminder_hours=24), make_person(name="Bo", reminder_hours=2)


@pytest.fixture
def schedule(people: tuple[Person, Person]) -> Schedule:
    """The tenth week is Bo's, the eleventh Ana's."""
    ana, bo = people
    return make_schedule(bo, ana, name="Primary")


def test_each_is_told_as_many_hours_before_as_they_like(schedule: Schedule) -> None:
    assert reminders.remind_due(at=MONDAY - 24 * HOUR - MINUTE) == 0
    assert reminders.remind_due(at=MONDAY - 24 * HOUR) == 1
    assert told() == [("Ana", "2026-03-09T09:00:00+00:00")]

    following = MONDAY + timedelta(weeks=1)
    assert reminders.remind_due(at=following - 2 * HOUR - MINUTE) == 0
    assert reminders.remind_due(at=following - 2 * HOUR) == 1
    assert told()[1:] == [("Bo", "2026-03-16T09:00:00+00:00")]


def test_shift_is_told_once(schedule: Schedule) -> None:
    for minutes in range(0, 24 * 60, 60):
        reminders.remind_due(at=MONDAY - 24 * HOUR + minutes * MINUTE)

    assert len(told()) == 1


def test_who_wants_no_reminder_gets_none(schedule: Schedule, people: tuple[Person, ...]) -> None:
    Person.objects.update(reminder_hours=0)

    assert reminders.remind_due(at=MONDAY) == 0


def test_inactive_people_and_schedules_are_left_alone(
    schedule: Schedule, people: tuple[Person, ...]
) -> None:
    Person.objects.filter(name="Ana").update(is_active=False)
    make_schedule(make_person(), make_person(), is_active=False)

    assert reminders.remind_due(at=MONDAY) == 0


def test_late_reminder_comes_up_to_an_hour_into_the_shift(schedule: Schedule) -> None:
    assert reminders.remind_due(at=MONDAY + HOUR) == 0
    assert reminders.remind_due(at=MONDAY + HOUR - MINUTE) == 1


def test_shift_that_moves_is_told_again_and_one_that_only_gets_shorter_is_not(
    schedule: Schedule, people: tuple[Person, Person], now: datetime
) -> None:
    _, bo = people
    reminders.remind_due(at=MONDAY - 24 * HOUR)

    make_override(schedule, bo, starts_at=MONDAY + 30 * HOUR, ends_at=MONDAY + timedelta(weeks=1))
    assert reminders.remind_due(at=MONDAY - 20 * HOUR) == 0

    make_override(schedule, bo, starts_at=MONDAY - HOUR, ends_at=MONDAY + 3 * HOUR)
    reminders.remind_due(at=MONDAY - 19 * HOUR)

    assert told() == [
        ("Ana", "2026-03-09T09:00:00+00:00"),
        ("Ana", "2026-03-09T12:00:00+00:00"),
    ]


def test_who_stays_on_call_or_is_back_on_the_same_turn_is_not_told(now: datetime) -> None:
    ana = make_person(name="Ana")
    make_schedule(ana)
    assert reminders.remind_due(at=MONDAY - HOUR) == 0

    bo = make_person(name="Bo", reminder_hours=2)
    swapped = make_schedule(ana, make_person(name="Cy", reminder_hours=0))
    tuesday = MONDAY + 7 * 24 * HOUR + 24 * HOUR  # a week of Ana's
    make_override(swapped, bo, starts_at=tuesday, ends_at=tuesday + 2 * HOUR)

    reminders.remind_due(at=tuesday + 1.5 * HOUR)
    assert [name for name, _ in told()] == []  # Ana comes back within half an hour
    reminders.remind_due(at=tuesday + 0.5 * HOUR)
    assert [name for name, _ in told()] == ["Bo"]


def test_working_days_of_one_turn_are_one_shift() -> None:
    ana, bo = make_person(name="Ana", reminder_hours=1), make_person(name="Bo", reminder_hours=1)
    layer = make_layer(make_schedule(), ana, bo)
    for day in range(5):
        layer.windows.create(opens_on=day, opens_at=time(9), closes_on=day, closes_at=time(17))

    for hours in range(24 * 14):
        reminders.remind_due(at=MONDAY - HOUR + hours * HOUR)

    assert told() == [
        ("Bo", "2026-03-09T09:00:00+00:00"),
        ("Ana", "2026-03-16T09:00:00+00:00"),
    ]


def test_reminder_that_quiet_hours_would_hold_back_comes_before_them(
    people: tuple[Person, Person],
) -> None:
    ana, bo = people
    night = {"quiet_from": time(22), "quiet_until": time(9), "time_zone": "UTC"}
    Person.objects.filter(name="Bo").update(**night)
    make_schedule(ana, Person.objects.get(pk=bo.pk))  # the coming week is Bo's

    assert reminders.remind_due(at=MONDAY - 11 * HOUR - 2 * MINUTE) == 0
    assert reminders.remind_due(at=MONDAY - 11 * HOUR - MINUTE) == 1
    assert [name for name, _ in told()] == ["Bo"]


def test_all_schedules_take_the_same_queries(now: datetime, django_assert_num_queries: Any) -> None:
    def rota(number: int) -> None:
        for _ in range(number):
            make_schedule(make_person(), make_person())

    rota(1)
    with django_assert_num_queries(7):
        reminders.remind_due(at=now + timedelta(days=3))
    rota(20)
    with django_assert_num_queries(7):
        reminders.remind_due(at=now + timedelta(days=3))


def test_telling_many_takes_the_same_queries_as_telling_one(
    now: datetime, django_assert_num_queries: Any
) -> None:
    make_schedule(make_person(), make_person())
    with django_assert_num_queries(14):
        assert reminders.remind_due(at=MONDAY - HOUR) == 1
    for _ in range(20):
        make_schedule(make_person(), make_person())
    with django_assert_num_queries(14):
        assert reminders.remind_due(at=MONDAY - HOUR) == 20


# --- In words ------------------------------------------------------------------------------------


def mail(at: datetime) -> Message:
    reminders.remind_due(at=at)
    notices.deliver_due(at=at)
    return Message.objects.latest("pk")


def test_reminder_says_when_after_whom_and_in_the_persons_own_zone(
    schedule: Schedule, people: tuple[Person, Person]
) -> None:
    Person.objects.filter(name="Ana").update(time_zone="America/New_York")
    DutyRecord.objects.create(schedule=schedule, person=people[0], starts_at=MONDAY - 999 * HOUR)

    message = mail(MONDAY - 24 * HOUR)

    # New York changes its clock on the day before.
    assert message.subject == "On call for Primary from Mon 9 Mar, 05:00 EDT"
    assert message.body == (
        "You are on call for Primary, Mon 9 Mar, 05:00 to Mon 16 Mar, 05:00 EDT.\n\n"
        "You take over from Bo."
    )


def test_reminder_repeats_the_handoff_note(
    schedule: Schedule, people: tuple[Person, Person]
) -> None:
    HandoffNote.objects.create(
        schedule=schedule,
        author=people[1],
        handoff_at=MONDAY,
        text="Watch db-3.",
        created_at=MONDAY - 30 * HOUR,
    )

    assert "Bo writes:\n\n> Watch db-3." in mail(MONDAY - 24 * HOUR).body


def test_first_shift_ever_comes_with_the_offer_of_a_test_page(
    schedule: Schedule, people: tuple[Person, Person]
) -> None:
    first = mail(MONDAY - 24 * HOUR).body
    call = page_tests.send_to_oneself(people[0], at=MONDAY)
    page_tests.acknowledge(call, at=MONDAY)
    second = mail(MONDAY + timedelta(weeks=2) - 24 * HOUR).body

    assert "send me a test page: http" in first
    assert "send me a test page" not in second


def test_person_with_a_login_finds_the_calendar(
    schedule: Schedule, people: tuple[Person, Person], admin_user: Any
) -> None:
    Person.objects.filter(name="Ana").update(user=admin_user)

    assert f"/admin/roster/schedule/{schedule.pk}/calendar/" in mail(MONDAY - 24 * HOUR).body


def test_sweep_reminds(schedule: Schedule, clock: Any) -> None:
    clock.move_to(MONDAY - HOUR)

    remind_shifts()
    remind_shifts()

    assert [name for name, _ in told()] == ["Ana"]


def test_shift_across_the_change_of_the_clock_is_told_at_the_right_hour() -> None:
    ana = make_person(name="Ana", reminder_hours=24)
    make_layer(
        make_schedule(time_zone="Europe/London"),
        make_person(reminder_hours=0),
        ana,
        starts_on=date(2026, 3, 28),
        unit="day",
    )
    sunday = datetime(2026, 3, 29, 8, tzinfo=UTC)  # 09:00 in summer time

    reminders.remind_due(at=sunday - 24 * HOUR - MINUTE)
    assert told() == []
    reminders.remind_due(at=sunday - 24 * HOUR)
    assert [name for name, _ in told()] == ["Ana"]
