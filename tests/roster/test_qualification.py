from datetime import UTC, date, datetime, timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from roster import qualification
from roster.actors import Actor
from roster.errors import DomainError
from roster.models import (
    ConfidenceRating,
    QualificationException,
    QualificationGrant,
    ScheduleWatch,
    Shadowing,
)
from roster.qualification import Earned
from tests.factories.qualifications import make_grant, make_qualification, make_shadowing
from tests.factories.roster import make_person, make_schedule

pytestmark = pytest.mark.django_db

TODAY = date(2026, 3, 2)


def test_lacking_names_those_without_a_valid_grant_in_order() -> None:
    training = make_qualification()
    never, expired, later, valid = (make_person(slug=slug) for slug in ("a", "b", "c", "d"))
    make_grant(expired, training, expires_on=TODAY)
    make_grant(later, training, granted_on=TODAY + timedelta(days=1))
    make_grant(valid, training, expires_on=TODAY + timedelta(days=1))

    found = qualification.lacking([later, valid, never, expired], training, TODAY)

    assert found == [later, never, expired]


def test_lacking_names_nobody_where_nothing_is_asked_for(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    person = make_person()

    with django_assert_num_queries(0):
        assert qualification.lacking([person], None, TODAY) == []


def test_check_turns_reads_the_day_in_the_zone_of_the_schedule() -> None:
    training, person = make_qualification(), make_person()
    make_grant(person, training, granted_on=date(2026, 3, 3))
    tokyo = make_schedule(time_zone="Asia/Tokyo", qualification=training)
    london = make_schedule(time_zone="Europe/London", qualification=training)
    late = datetime(2026, 3, 2, 16, tzinfo=UTC)  # the third in Tokyo

    assert qualification.check_turns(tokyo, [person], late) == []
    assert qualification.check_turns(london, [person], late) == [person]


def test_check_turns_lets_a_recent_exception_speak_for_its_schedule(now: datetime) -> None:
    training, person = make_qualification(), make_person()
    here = make_schedule(qualification=training)
    there = make_schedule(qualification=training)
    qualification.allow_exception(
        person,
        training,
        where=str(here),
        schedule=here,
        reason="Ana is ill",
        by=Actor.system("test"),
        at=now,
    )

    assert qualification.check_turns(here, [person], now) == []
    assert qualification.check_turns(there, [person], now) == [person]
    much_later = now + qualification.EXCEPTION_COUNTS_FOR
    assert qualification.check_turns(here, [person], much_later) == [person]


def test_allow_exception_records_who_allowed_it_and_why(now: datetime) -> None:
    training, person, schedule = make_qualification(), make_person(), make_schedule()

    qualification.allow_exception(
        person,
        training,
        where="Database",
        schedule=schedule,
        reason=" Ana is ill ",
        by=Actor(None, "Bo", "admin"),
        at=now,
    )

    row = QualificationException.objects.get()
    assert (row.person, row.where, row.reason) == (person, "Database", "Ana is ill")
    assert (row.allowed_by_name, row.at) == ("Bo", now)


def test_allow_exception_asks_for_a_reason(now: datetime) -> None:
    with pytest.raises(DomainError) as refusal:
        qualification.allow_exception(
            make_person(),
            make_qualification(),
            where="Database",
            schedule=None,
            reason="  ",
            by=Actor.system("test"),
            at=now,
        )

    assert refusal.value.code == "reason_needed"
    assert "reason" in refusal.value.fields
    assert not QualificationException.objects.exists()


@pytest.mark.parametrize(
    ("months", "granted_on", "expires_on"),
    [
        (None, date(2026, 1, 31), None),
        (1, date(2026, 1, 31), date(2026, 2, 28)),
        (12, date(2024, 2, 29), date(2025, 2, 28)),
        (11, date(2026, 1, 15), date(2026, 12, 15)),
        (24, date(2026, 12, 1), date(2028, 12, 1)),
    ],
)
def test_expiry_is_the_same_day_of_a_later_month(
    months: int | None, granted_on: date, expires_on: date | None
) -> None:
    assert qualification.expiry(make_qualification(valid_months=months), granted_on) == expires_on


def test_grant_expires_by_how_long_it_is_valid(now: datetime) -> None:
    training = make_qualification(valid_months=12)

    granted = qualification.grant(make_person(), training, Earned(on=TODAY), at=now)

    assert granted.expires_on == date(2027, 3, 2)


def test_grant_renews_by_another_row(now: datetime) -> None:
    training, person = make_qualification(valid_months=12), make_person()
    qualification.grant(person, training, Earned(on=date(2025, 6, 1)), at=now)

    qualification.grant(person, training, Earned(on=TODAY), at=now)

    rows = QualificationGrant.objects.order_by("granted_on").values_list("expires_on", flat=True)
    assert list(rows) == [date(2026, 6, 1), date(2027, 3, 2)]


def test_grant_refuses_what_is_held_as_long_already(now: datetime) -> None:
    training, person = make_qualification(), make_person()
    qualification.grant(person, training, Earned(on=TODAY), at=now)

    with pytest.raises(DomainError) as refusal:
        qualification.grant(person, training, Earned(on=TODAY), at=now)

    assert refusal.value.code == "already_granted"


def test_grant_has_the_schedules_that_ask_for_it_proven(now: datetime) -> None:
    training = make_qualification()
    asking, other = make_schedule(qualification=training), make_schedule()

    qualification.grant(make_person(), training, Earned(on=TODAY), at=now)

    due = ScheduleWatch.objects.filter(due_at=now).values_list("schedule", flat=True)
    assert set(due) == {asking.pk}
    assert other.pk not in due


def test_path_counts_shifts_watched_and_led_that_are_over(now: datetime) -> None:
    training = make_qualification(shadow_shifts=2, reverse_shadow_shifts=1)
    schedule = make_schedule(qualification=training)
    trainee, mentor = make_person(slug="trainee"), make_person(slug="mentor")
    for day in (1, 2, 5):
        make_shadowing(schedule, trainee, follows=mentor, starts_at=now - timedelta(days=day))
    make_shadowing(schedule, trainee, starts_at=now)  # goes on
    reverse = {"kind": Shadowing.Kind.REVERSE, "follows": trainee}
    make_shadowing(schedule, mentor, starts_at=now - timedelta(days=3), **reverse)
    make_shadowing(make_schedule(), trainee, starts_at=now - timedelta(days=9))

    [step] = qualification.path_of(trainee, now).steps
    [of_mentor] = qualification.path_of(mentor, now).steps

    assert (step.shadowed, step.led, step.is_ready) == (3, 1, True)
    assert (of_mentor.shadowed, of_mentor.led) == (0, 0)


def test_path_asks_for_the_prerequisite_first(now: datetime) -> None:
    first = make_qualification(slug="responder", name="Responder")
    second = make_qualification(slug="lead", name="Lead", requires=first)
    person = make_person()

    before = qualification.path_of(person, now).steps
    make_grant(person, first)
    after = qualification.path_of(person, now).steps

    assert [step.qualification for step in before] == [first, second]
    assert [step.lacks_prerequisite for step in before] == [False, True]
    assert [step.lacks_prerequisite for step in after] == [False, False]
    assert [step.is_ready for step in after] == [False, True]


def test_path_shows_the_grant_that_lasts_longest_and_the_latest_rating(
    now: datetime, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    training, person = make_qualification(), make_person()
    make_grant(person, training, expires_on=date(2027, 1, 1))
    longest = make_grant(person, training, expires_on=date(2028, 1, 1))
    make_grant(person, training, expires_on=date(2026, 2, 1))
    for days, value in ((9, 2), (1, 4)):
        ConfidenceRating.objects.create(
            person=person, to_respond=value, to_lead=value, at=now - timedelta(days=days)
        )

    with django_assert_num_queries(4):
        path = qualification.path_of(person, now)

    assert path.steps[0].held == longest
    assert path.confidence is not None
    assert path.confidence.to_respond == 4
