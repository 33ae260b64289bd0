from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from roster.actors import Actor
from roster.models import EscalationStep, EscalationTarget, Layer, LayerWindow, Override
from tests.factories.roster import (
    make_contact_method,
    make_layer,
    make_override,
    make_person,
    make_policy,
    make_rule,
    make_schedule,
    make_target,
    make_team,
)

pytestmark = pytest.mark.django_db

NOON = datetime.fromisoformat("2026-03-02T12:00Z")
HOUR = timedelta(hours=1)


def make_step() -> EscalationStep:
    return EscalationStep.objects.create(policy=make_policy(), position=1)


def same_address_twice() -> None:
    ana = make_person()
    make_contact_method(ana, address="a@example.com")
    make_contact_method(ana, address="a@example.com")


def same_rule_twice() -> None:
    method = make_contact_method(make_person())
    make_rule(method)
    make_rule(method)


BROKEN: list[Callable[[], object]] = [
    same_address_twice,
    same_rule_twice,
    lambda: make_layer(make_schedule(), length=0),
    lambda: make_layer(make_schedule(), effective_from=NOON, effective_until=NOON),
    lambda: LayerWindow.objects.create(
        layer=make_layer(make_schedule()),
        opens_on=7,
        opens_at="09:00",
        closes_on=0,
        closes_at="1:00",
    ),
    lambda: make_override(make_schedule(), make_person(), starts_at=NOON, ends_at=NOON),
    lambda: make_override(
        make_schedule(), make_person(), kind="replace", starts_at=NOON, ends_at=NOON + HOUR
    ),
    lambda: make_override(
        make_schedule(), make_person(), replaces=make_person(), starts_at=NOON, ends_at=NOON + HOUR
    ),
    lambda: EscalationTarget.objects.create(step=make_step(), kind="person"),
    lambda: make_target(make_step(), make_team(), kind="person"),
    lambda: make_target(make_step(), make_team(), person=make_person()),
]


@pytest.mark.parametrize("break_it", BROKEN)
def test_constraint_refuses_a_row_that_breaks_it(break_it: Callable[[], object]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        break_it()


def test_reachable_methods_are_the_verified_ones_in_order_of_entry() -> None:
    ana = make_person()
    first, second = make_contact_method(ana), make_contact_method(ana)
    make_contact_method(ana, verified=False)

    assert ana.reachable_methods() == [first, second]


def test_reachable_methods_fall_back_to_the_profile() -> None:
    ana = make_person(email="ana@example.com")
    make_contact_method(ana, verified=False)

    [method] = ana.reachable_methods()

    assert method._state.adding  # made up for the moment, not a row
    assert (method.channel, method.address) == ("email", "ana@example.com")


def test_person_without_any_address_has_no_reachable_methods() -> None:
    assert make_person(email="").reachable_methods() == []


def test_actor_of_a_login_is_its_person_where_there_is_one() -> None:
    linked = User.objects.create_user("ana.l")
    unlinked = User.objects.create_user("robot")
    ana = make_person(name="Ana Lima", user=linked)

    assert Actor.of_user(linked) == Actor(person=ana, name="Ana Lima", via="admin")
    assert Actor.of_user(unlinked, via="api") == Actor(person=None, name="robot", via="api")


def test_layer_begins_with_its_first_handoff_in_its_own_zone() -> None:
    schedule = make_schedule(time_zone="Asia/Tokyo")

    layer = Layer.objects.get(pk=make_layer(schedule).pk)

    assert layer.begins_at() == datetime.fromisoformat("2026-01-05T00:00Z")


def test_overrides_within_a_period_touch_it() -> None:
    schedule, ana = make_schedule(), make_person()
    make_override(schedule, ana, starts_at=NOON - HOUR, ends_at=NOON)
    touching = make_override(schedule, ana, starts_at=NOON, ends_at=NOON + HOUR)
    make_override(schedule, ana, starts_at=NOON + HOUR, ends_at=NOON + 2 * HOUR)

    assert list(Override.objects.within(NOON, NOON + HOUR)) == [touching]
