from datetime import UTC, datetime, time, timedelta

import pytest

from comms.notification import first_stage, stages
from roster.models import Person, Urgency
from tests.factories.roster import make_contact_method, make_person, make_rule

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def plan(
    person: Person, urgency: Urgency = Urgency.HIGH, at: datetime = NOON
) -> list[tuple[int, str]]:
    return [
        (int(stage.delay / timedelta(minutes=1)), stage.address.recipient)
        for stage in stages(person, urgency=urgency, at=at)
    ]


def test_rules_are_followed_in_order_of_their_delay():
    person = make_person()
    make_rule(make_contact_method(person, address="b@example.com"), delay_minutes=5)
    make_rule(make_contact_method(person, address="a@example.com"), delay_minutes=0)

    assert plan(person) == [(0, "a@example.com"), (5, "b@example.com")]


def test_without_rules_every_verified_method_is_used_at_once():
    person = make_person()
    make_contact_method(person, address="a@example.com")
    make_contact_method(person, address="b@example.com")
    make_contact_method(person, address="never-seen@example.com", verified=False)

    assert plan(person) == [(0, "a@example.com"), (0, "b@example.com")]


def test_rules_of_another_urgency_do_not_count():
    person = make_person()
    make_rule(make_contact_method(person, address="a@example.com"), delay_minutes=9, urgency="low")

    assert plan(person) == [(0, "a@example.com")]


def test_rule_whose_method_is_not_verified_is_passed_over():
    person = make_person()
    make_rule(make_contact_method(person, address="no@example.com", verified=False))
    make_rule(make_contact_method(person, address="yes@example.com"), delay_minutes=3)

    assert plan(person) == [(3, "yes@example.com")]


def test_person_without_any_method_is_reached_at_the_profile_address():
    person = make_person(email="ines@example.com")

    [stage] = stages(person, urgency=Urgency.HIGH, at=NOON)

    assert stage.address.recipient == "ines@example.com"
    assert stage.address.method is None
    assert stage.address.slug == "profile"


def test_method_named_twice_is_used_once_at_its_earliest_rule():
    person = make_person()
    method = make_contact_method(person, address="a@example.com")
    make_rule(method, delay_minutes=0)
    make_rule(method, delay_minutes=10)

    assert plan(person) == [(0, "a@example.com")]


def test_first_stage_is_what_comes_first():
    person = make_person()
    make_rule(make_contact_method(person, address="a@example.com"), delay_minutes=2)
    make_rule(make_contact_method(person, address="b@example.com"), delay_minutes=2)
    make_rule(make_contact_method(person, address="c@example.com"), delay_minutes=5)

    found = first_stage(person, urgency=Urgency.HIGH)

    assert [address.recipient for address in found] == ["a@example.com", "b@example.com"]


def with_night(**fields: str) -> Person:
    """Quiet from 22:00 to 07:00 in London; mail at once and phone ten minutes later."""
    person = make_person(
        time_zone="Europe/London", quiet_from=time(22), quiet_until=time(7), **fields
    )
    for address, delay in (("mail@example.com", 0), ("phone@example.com", 10)):
        method = make_contact_method(person, address=address)
        for urgency in Urgency:
            make_rule(method, urgency=urgency, delay_minutes=delay)
    return person


def test_low_urgency_waits_for_the_morning_and_keeps_its_order():
    midnight = NOON + timedelta(hours=12)

    assert plan(with_night(), Urgency.LOW, midnight) == [
        (7 * 60, "mail@example.com"),
        (7 * 60 + 10, "phone@example.com"),
    ]


def test_stage_that_would_fall_into_quiet_hours_waits_alone():
    evening = NOON + timedelta(hours=9, minutes=55)

    assert plan(with_night(), Urgency.LOW, evening) == [
        (0, "mail@example.com"),
        (9 * 60 + 5, "phone@example.com"),
    ]


def test_high_urgency_knows_no_quiet_hours():
    midnight = NOON + timedelta(hours=12)

    assert plan(with_night(), Urgency.HIGH, midnight) == [
        (0, "mail@example.com"),
        (10, "phone@example.com"),
    ]


def test_wait_is_exact_in_the_night_the_clock_goes_forward():
    before = datetime(2026, 3, 28, 23, tzinfo=UTC)

    assert plan(with_night(), Urgency.LOW, before)[0] == (7 * 60, "mail@example.com")
    # 23:00 to 07:00 on the clock, and one of these hours does not exist.
    assert before + timedelta(hours=7) == datetime(2026, 3, 29, 6, tzinfo=UTC)
