"""What the explainer tells, held against what processing really did."""

import json
from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import AnonymousUser, User

from incidents import processing
from incidents.explainer import ALERTS_SHOWN, Explained, Fate, explain_event, explain_pasted
from incidents.models import Alert, AlertEvent, Incident, RoutingMatcher, Severity
from incidents.routing import Outcome
from tests.factories.incidents import make_incident, make_routing_rule, make_service
from tests.factories.maintenance import make_maintenance
from tests.factories.roster import make_person, make_policy
from tests.incidents.paging import Paging, alert, webhook

pytestmark = pytest.mark.django_db


@pytest.fixture
def paging(now: datetime) -> Paging:
    return Paging(make_policy(make_person(name="Ada")), at=now)


def a_rule(**fields):
    """A rule for what has the label team=web."""
    rule = make_routing_rule(**fields)
    RoutingMatcher.objects.create(rule=rule, label="team", operator="equals", value="web")
    return rule


def web(key: str = "a", **fields):
    return alert(key, labels={"team": "web"}, **fields)


def pasted(paging: Paging, user: User, *alerts, **fields) -> list[Explained]:
    body = webhook(*(alerts or [web()]))
    return explain_pasted(paging.integration, body, user=user, at=paging.at, **fields).alerts


def stored(event: AlertEvent, user: User) -> list[Explained]:
    event.refresh_from_db()
    return explain_event(event, user=user, at=event.received_at).alerts


# --- Agreement with what processing does ------------------------------------------------------


def quiet(paging: Paging) -> None:
    a_rule(is_suppressing=True, suppress_reason="Known.")


def was_quiet(paging: Paging) -> None:
    past = paging.at - timedelta(minutes=1)
    a_rule(is_suppressing=True, suppress_reason="Known.", suppress_until=past)


def held(paging: Paging) -> None:
    a_rule(hold_minutes=5)


def elsewhere(paging: Paging) -> None:
    a_rule(service=make_service(), severity=Severity.objects.get(slug="sev4"))


def attached(paging: Paging) -> None:
    a_rule(attach_to=make_incident(severity=Severity.objects.get(slug="sev1")))


def muted(paging: Paging) -> None:
    make_maintenance(paging.service, starts_at=paging.at)


def tagged(paging: Paging) -> None:
    make_maintenance(paging.service, starts_at=paging.at, mode="tag")


def live_already(paging: Paging) -> None:
    paging.send(web("other"))
    paging.tick()
    paging.at += timedelta(minutes=1)


def fires_already(paging: Paging) -> None:
    paging.send(web())
    paging.tick()
    paging.at += timedelta(minutes=1)


def nothing(paging: Paging) -> None:
    pass


@pytest.mark.parametrize(
    ("prepare", "fate"),
    [
        (nothing, Fate.OPENS),
        (quiet, Fate.SUPPRESSED),
        (was_quiet, Fate.OPENS),
        (held, Fate.HELD),
        (elsewhere, Fate.OPENS),
        (attached, Fate.JOINS),
        (muted, Fate.MUTED),
        (tagged, Fate.OPENS),
        (live_already, Fate.JOINS),
        (fires_already, Fate.REPEATS),
    ],
)
def test_pasted_and_stored_are_explained_as_they_are_processed(paging, admin_user, prepare, fate):
    prepare(paging)
    incidents_before = set(Incident.objects.values_list("pk", flat=True))

    [foretold] = pasted(paging, admin_user)
    event = paging.send(web())
    processing.process_due(at=paging.at)
    [told] = stored(event, admin_user)

    row = Alert.objects.get(dedup_key="a")
    assert (foretold.fate, told.fate) == (fate, fate)
    assert told.became == row
    assert (told.became_of, foretold.became) == (row.incident, None)
    for each in (foretold, told):
        assert each.route.service == row.service
        assert each.route.maintenance == row.maintenance
        assert (each.route.suppressed_by, row.incident is None) == (
            row.suppressed_by,
            fate in (Fate.SUPPRESSED, Fate.MUTED, Fate.HELD),
        )
        if fate == Fate.HELD:
            assert each.route.rule == row.held_by
        if fate == Fate.JOINS:
            assert each.incident == row.incident
    opened = set(Incident.objects.values_list("pk", flat=True)) - incidents_before
    assert bool(opened) is (fate == Fate.OPENS)
    if opened:
        assert Incident.objects.get(pk__in=opened).severity == told.route.severity


def test_second_of_a_group_in_one_message_joins_what_the_first_opened(paging, admin_user):
    event = paging.send(web("a"), web("b"))
    paging.tick()

    first, second = stored(event, admin_user)

    assert (first.fate, second.fate) == (Fate.OPENS, Fate.JOINS)
    assert second.incident == paging.incident


@pytest.mark.parametrize("status", ["firing", "resolved"])
def test_nothing_is_written(paging, admin_user, status):
    paging.fire()
    before = [AlertEvent.objects.count(), Alert.objects.count(), len(paging.story())]

    pasted(paging, admin_user, web(status=status))

    assert [AlertEvent.objects.count(), Alert.objects.count(), len(paging.story())] == before


def test_what_resolves_names_what_it_resolves(paging, admin_user):
    paging.fire()
    event = paging.send(alert(status="resolved"))
    paging.at += timedelta(minutes=1)

    [told] = pasted(paging, admin_user, alert(status="resolved"))

    assert (told.fate, told.route, told.firing) == (Fate.RESOLVES, None, paging.alert)
    assert told.incident == paging.incident
    assert event.pk


# --- Rules one by one -------------------------------------------------------------------------


def test_rules_are_told_in_order_with_what_was_found(paging, admin_user):
    other = make_routing_rule(position=1)
    RoutingMatcher.objects.create(rule=other, label="team", operator="equals", value="data")
    ours = a_rule(position=2)

    [told] = pasted(paging, admin_user)

    assert [(each.rule, each.outcome) for each in told.rules] == [
        (other, Outcome.FAILS),
        (ours, Outcome.DECIDES),
    ]
    assert [(check.found, check.holds) for check in told.rules[0].checks] == [("web", False)]


# --- Who is paged -----------------------------------------------------------------------------


def names(told: Explained) -> list[list[str]]:
    return [[each.person.name for each in call.people] for call in told.calls]


def test_who_would_be_paged_at_the_chosen_time(paging, admin_user):
    [told] = pasted(paging, admin_user)

    assert (told.policy, told.calls_from) == (paging.service.policy, paging.at)
    assert names(told)[0] == ["Ada"]


def test_policy_of_the_rule_goes_before_the_services(paging, admin_user):
    a_rule(policy=make_policy(make_person(name="Bo")))

    [told] = pasted(paging, admin_user)

    assert names(told)[0] == ["Bo"]


@pytest.mark.parametrize(
    ("fields", "minutes"),
    [
        ({"hold_minutes": 7}, 7),
        ({"is_suppressing": True, "suppress_reason": "Known."}, None),
        ({"is_suppressing": True, "suppress_reason": "Known.", "suppress_until": 30}, 30),
    ],
)
def test_what_is_silent_pages_when_the_silence_ends(paging, admin_user, fields, minutes):
    if until := fields.get("suppress_until"):
        fields = fields | {"suppress_until": paging.at + timedelta(minutes=until)}
    a_rule(**fields)

    [told] = pasted(paging, admin_user)

    expected = None if minutes is None else paging.at + timedelta(minutes=minutes)
    assert told.calls_from == expected
    assert bool(told.calls) is (minutes is not None)


def test_who_was_paged_is_told_of_a_stored_message(paging, admin_user):
    event = paging.send(web())
    paging.tick()

    [told] = stored(event, admin_user)

    assert [page.person.name for page in told.pages] == ["Ada"]


# --- What may not be seen ---------------------------------------------------------------------


def test_private_incident_is_told_to_nobody_who_may_not_see_it(paging, admin_user, user_with):
    event = paging.send(web())
    paging.tick()
    Incident.objects.update(is_private=True)
    reader = user_with("incidents.view_incident")

    [hidden] = stored(event, reader)
    [shown] = stored(event, admin_user)

    assert (hidden.incident, hidden.became_of, hidden.pages) == (None, None, [])
    assert (shown.became_of, len(shown.pages)) == (paging.incident, 1)


def test_incidents_are_told_to_nobody_without_the_right(paging, user_with):
    event = paging.send(web())
    paging.tick()

    [told] = stored(event, user_with("incidents.view_alertevent"))

    assert (told.became_of, told.pages) == (None, [])
    assert stored(event, AnonymousUser())[0].became_of is None


# --- What cannot be read ----------------------------------------------------------------------


def test_message_that_cannot_be_read_says_why(paging, admin_user):
    found = explain_pasted(paging.integration, b"not json", user=admin_user, at=paging.at)

    assert "not JSON" in found.refusal
    assert found.alerts == []


def test_stored_message_that_cannot_be_read_says_why(paging, admin_user):
    event = paging.send_body(b"[]")

    found = explain_event(event, user=admin_user, at=paging.at)

    assert found.refusal


def test_long_messages_are_cut_and_counted(paging, admin_user):
    body = webhook(*[web(f"key-{number}") for number in range(ALERTS_SHOWN + 3)])

    found = explain_pasted(paging.integration, body, user=admin_user, at=paging.at)

    assert (len(found.alerts), found.not_shown) == (ALERTS_SHOWN, 3)


@pytest.mark.parametrize("count", [1, 5])
def test_queries_do_not_grow_with_alerts_or_rules(
    paging, admin_user, count, django_assert_num_queries
):
    for number in range(count):
        a_rule(service=make_service(policy=paging.service.policy), position=number)
        make_maintenance(paging.service, starts_at=paging.at - timedelta(days=1))
    event = paging.send(*[web(f"key-{number}") for number in range(count)])
    paging.tick()
    event.refresh_from_db()
    assert json.loads(bytes(event.body))

    with django_assert_num_queries(19):
        explain_event(event, user=admin_user, at=event.received_at)
