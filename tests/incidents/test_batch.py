"""What messages do beside opening and ending alerts: answers, remarks, rules, outcomes, storms."""

from datetime import timedelta

import pytest

from incidents import alert_watch, processing
from incidents.batch.tally import Tally, in_short
from incidents.intake import own
from incidents.models import (
    Alert,
    AlertEvent,
    AlertWord,
    Change,
    Escalation,
    Heartbeat,
    Incident,
    Phase,
    TimelineEntry,
)
from incidents.vocabulary import sentence
from tests.factories.incidents import make_routing_rule
from tests.factories.roster import make_person, make_policy
from tests.incidents.paging import ADMIN, Paging, alert

pytestmark = pytest.mark.django_db


@pytest.fixture
def paging(now):
    return Paging(make_policy(make_person(slug="ada")), at=now)


# --- Answers and remarks from the monitor's side --------------------------------------------------


def test_acknowledging_at_the_monitor_takes_the_incident_and_stops_paging(paging):
    paging.fire()

    event = paging.say("a", "acknowledge", actor="Kim")

    assert paging.incident.acknowledged_by_name == "Kim (Prometheus)"
    assert paging.waiting() == []
    assert event.outcome == "1 alert acknowledged"


def test_acknowledgement_without_a_name_is_the_integrations(paging):
    paging.fire()

    paging.say("a", "acknowledge")

    assert paging.incident.acknowledged_by_name == "Prometheus"


def test_acknowledgement_of_nothing_that_fires_is_dropped(paging):
    event = paging.say("a", "acknowledge")
    paging.at += timedelta(seconds=1)
    paging.fire()

    assert event.outcome == "1 alert acknowledged that does not fire"
    assert paging.incident.acknowledged_at is None
    assert paging.paged() == ["Ada"]


def test_acknowledgement_after_a_colleague_changes_nothing(paging):
    paging.fire()
    paging.incident.acknowledge(by=ADMIN, at=paging.at)

    paging.say("a", "acknowledge", actor="Kim")

    assert paging.incident.acknowledged_by_name == "Administrator"


def test_acknowledged_in_the_batch_that_opens_it_pages_nobody(paging):
    body = own.body_of(
        own.OwnAlert("a", "trigger", title="A"), own.OwnAlert("a", "acknowledge", actor="Kim")
    )
    send(paging, body)

    assert paging.incident.acknowledged_by_name == "Kim (Prometheus)"
    assert paging.paged() == []


def test_what_fires_after_an_answered_alert_ended_is_paged_even_in_one_batch(paging):
    paging.say("a")
    paging.say("a", "acknowledge", actor="Kim")
    paging.at += timedelta(minutes=1)
    ended, again = (own.OwnAlert("a", action, title="A") for action in ("resolve", "trigger"))

    send(paging, own.body_of(ended), own.body_of(again))

    assert [row.phase for row in Incident.objects.order_by("pk")] == ["dismissed", "detected"]
    assert paging.paged() == ["Ada", "Ada"]


def test_text_with_an_answer_is_noted_once(paging):
    paging.fire()

    for _ in range(2):
        paging.say("a", "acknowledge", actor="Kim", text="On it.")

    note = paging.entry("note_added")
    assert (note.actor_name, note.text) == ("Kim (Prometheus)", "On it.")


def test_text_with_an_end_is_noted_on_what_it_ends(paging):
    paging.fire()

    paging.say("a", "resolve", actor="Kim", text="Restarted it.")

    assert paging.entry("note_added").text == "Restarted it."
    assert paging.incident.phase == Phase.DISMISSED


def send(paging: Paging, *bodies: bytes, **fields: object) -> AlertEvent:
    for body in bodies:
        event = AlertEvent.objects.create(
            integration=paging.integration,
            received_at=paging.at,
            due_at=paging.at,
            body=body,
            **{"origin": AlertEvent.Origin.MUSTER} | fields,
        )
    paging.tick()
    event.refresh_from_db()
    return event


# --- What rules ask for ---------------------------------------------------------------------------


def test_rule_gives_policy_urgency_and_says_that_customers_may_notice(paging):
    night = make_policy(make_person(slug="ben"), name="Night")
    make_routing_rule(policy=night, urgency="low", may_affect_customers=True)

    paging.fire()

    incident = paging.incident
    assert (incident.policy, incident.urgency) == (night, "low")
    assert incident.may_affect_customers
    assert paging.paged() == ["Ben"]


def test_what_showed_it_stands_on_the_incident(paging):
    paging.fire()

    assert (paging.incident.source, paging.incident.evidence) == (
        Incident.Source.MONITORING,
        "Prometheus: Alert a",
    )


def test_alert_after_the_time_of_its_group_opens_another_incident(paging):
    make_routing_rule(group_minutes=10)
    paging.fire("a")
    paging.tick(minutes=10)
    paging.fire("b")
    assert Incident.objects.count() == 1

    paging.tick(minutes=1)
    paging.fire("c")

    first, second = Incident.objects.order_by("pk")
    assert (first.grouping_key, first.phase) == ("", Phase.DETECTED)
    assert second.alerts.get().dedup_key == "c"


def test_rule_attaches_to_an_incident_while_that_is_live(paging):
    paging.fire("a", group="other")
    wanted = paging.incident
    make_routing_rule(attach_to=wanted)

    paging.fire("b", group="another")
    assert wanted.alerts.count() == 2

    wanted.dismiss(reason="Noise.", by=ADMIN, at=paging.at)
    paging.fire("c", group="another")
    assert Incident.objects.exclude(pk=wanted.pk).get().alerts.get().dedup_key == "c"


def test_rule_that_declares_goes_on_paging(paging):
    make_routing_rule(name="Outage", declares=True)

    paging.fire()

    incident = paging.incident
    assert (incident.phase, incident.declared_by_name) == (Phase.MOBILIZING, "Rule Outage")
    assert incident.acknowledged_at is None
    assert paging.waiting() == ["Ada"]

    paging.resolve()
    assert paging.incident.phase == Phase.MOBILIZING


def test_rule_that_declares_an_incident_that_is_paging_goes_on_paging(paging):
    paging.fire("a")
    paging.at += timedelta(seconds=1)
    make_routing_rule(declares=True)

    paging.fire("b")
    paging.tick(minutes=1)

    assert paging.incident.phase == Phase.MOBILIZING
    assert paging.escalation.state == "running"


def test_first_alert_that_expires_or_ends_at_once_is_not_declared(paging):
    make_routing_rule(declares=True)
    paging.send(alert())
    paging.at += timedelta(seconds=1)
    paging.send(alert(status="resolved"))

    paging.tick()

    assert paging.incident.phase == Phase.DISMISSED


# --- What became of an event, in words ------------------------------------------------------------


def test_outcome_counts_what_alerts_came_to(paging):
    paging.fire("a", "b")
    event = paging.send(alert("a"), alert("b", status="resolved"), alert("c"), alert("d"))

    paging.tick()

    event.refresh_from_db()
    assert event.outcome == "1 alert repeated, 1 resolved, 2 fired"


def test_outcome_names_the_rule_that_suppresses(paging):
    make_routing_rule(name="Staging", is_suppressing=True, suppress_reason="Nobody works there.")
    event = paging.send(alert())

    paging.tick()

    event.refresh_from_db()
    assert event.outcome == "1 alert suppressed by rule Staging"


def test_outcome_of_a_damaged_event_says_what_was_kept(paging):
    event = paging.send(alert("a"), {"status": "on fire"})

    paging.tick()

    event.refresh_from_db()
    assert (event.state, event.outcome) == ("set_aside", "1 alert fired")


def test_outcome_is_the_remark_of_what_asks_for_nothing():
    assert Tally().words("Maintenance only") == "Maintenance only"
    assert Tally().words() == "It asks for nothing"


def test_outcome_counts_other_things_in_the_plural():
    tally = Tally()
    tally.other("change", 2)
    tally.other("ping")

    assert tally.words() == "2 changes, 1 ping"


@pytest.mark.parametrize(
    ("seconds", "words"), [(-1, "0 s"), (40, "40 s"), (120, "2 min"), (7200, "2 h")]
)
def test_how_long_it_lasted(now, seconds, words):
    assert in_short(now, now + timedelta(seconds=seconds)) == words


def test_changes_and_pings_are_kept(paging):
    paging.integration.kind = "pagerduty"
    paging.integration.save()
    change = b'{"routing_key": "k", "payload": {"summary": "Deployed 1.2"}}'

    event = send(paging, change, origin=AlertEvent.Origin.MONITOR, call="v2/change/enqueue")

    assert event.outcome == "1 change"
    assert Change.objects.get().title == "Deployed 1.2"
    assert not Heartbeat.objects.exists()


# --- A storm stays readable -----------------------------------------------------------------------


def test_timeline_speaks_of_alerts_once_a_minute_after_a_few(paging):
    for number in range(20):
        paging.at += timedelta(seconds=1)
        paging.fire(f"key {number}")
    assert paging.story().count("alert_attached") == 3
    assert (paging.incident.alerts.count(), paging.incident.alerts_untold) == (20, 17)

    paging.tick(minutes=1)

    assert paging.entry("alerts_summed").data == {"count": 17, "firing": 20, "total": 20}
    assert sentence(paging.entry("alerts_summed")) == (
        "More alerts came or went (17): 20 of 20 still fire."
    )
    assert paging.incident.alerts_untold == 0


def test_end_of_a_storm_is_told_at_once_with_what_was_not_told(paging):
    keys = [f"key {number}" for number in range(5)]
    for key in keys:
        paging.fire(key)
    for key in keys:
        paging.resolve(key)

    story = [kind for kind in paging.story() if kind.startswith("alert")]
    assert story == ["alert_attached"] * 3 + ["alerts_summed", "alert_resolved"]
    assert paging.entry("alerts_summed").data == {"count": 6, "firing": 0, "total": 5}
    assert paging.incident.phase == Phase.DISMISSED
    paging.tick(minutes=2)
    assert paging.incident.alerts_untold == 0


@pytest.mark.slow
def test_10_000_alerts_of_one_cause_are_one_incident_and_one_page(paging):
    for start in range(0, 10_000, 100):
        paging.send(*[alert(f"key {number}") for number in range(start, start + 100)])

    paging.tick()

    assert paging.incident.alerts.count() == 10_000
    assert paging.paged() == ["Ada"]
    assert len(paging.story()) < 10


# --- After a while without an engine --------------------------------------------------------------


def test_what_fired_and_resolved_while_stopped_pages_nobody(paging):
    """The end waits behind what is more important, and is taken later."""
    paging.send(alert())
    paging.at += timedelta(minutes=10)
    AlertEvent.objects.filter(pk=paging.send(alert(status="resolved")).pk).update(importance=2)
    paging.at += timedelta(minutes=20)

    processing.process_due(at=paging.at, limit=1)
    assert Escalation.objects.get().waits_for_backlog
    paging.tick()

    assert paging.paged() == []
    assert paging.incident.phase == Phase.DISMISSED


def test_what_still_fires_after_30_minutes_without_an_engine_is_paged_once(paging):
    for _ in range(3):
        paging.send(alert())
        paging.at += timedelta(minutes=10)

    paging.tick()

    assert paging.paged() == ["Ada"]


# --- Order, with what other tests cannot reach ----------------------------------------------------


def test_copy_from_a_twin_after_the_end_only_counts(paging):
    began = "2026-03-02T09:59:00Z"
    paging.fire_since(began)
    paging.at += timedelta(minutes=1)
    paging.send(alert(status="resolved", startsAt=began, endsAt="2026-03-02T10:00:30Z"))
    paging.tick()
    paging.at += timedelta(seconds=20)

    paging.fire_since(began)

    assert (paging.alert.state, paging.alert.count) == ("resolved", 2)
    assert AlertEvent.objects.latest("pk").outcome == "1 alert came late and was only counted"


def test_old_beginning_told_again_well_after_the_end_fires(paging):
    """Alertmanager cut off from Prometheus resolves, and then tells of the old beginning."""
    began = "2026-03-02T09:59:00Z"
    paging.fire_since(began)
    paging.at += timedelta(minutes=1)
    paging.send(alert(status="resolved", startsAt=began, endsAt="2026-03-02T10:00:30Z"))
    paging.tick()
    paging.at += timedelta(minutes=6)

    paging.fire_since(began)

    assert paging.paged() == ["Ada", "Ada"]


def test_copy_of_a_dated_trigger_without_a_dated_end_only_counts(paging):
    paging.integration.kind = "pagerduty"
    paging.integration.save()
    began = paging.at
    paging.say("a", started_at=began)
    paging.at += timedelta(minutes=5)
    paging.say("a", "resolve")
    paging.at += timedelta(minutes=5)

    paging.say("a", started_at=began)

    assert (paging.alert.state, paging.alert.count) == ("resolved", 2)


def test_clock_days_ahead_is_not_believed(paging):
    paging.say("a", started_at=paging.at + timedelta(days=2))
    paging.at += timedelta(minutes=1)

    paging.say("a", "resolve", ended_at=paging.at)

    assert paging.alert.state == "resolved"


def test_words_that_came_early_are_forgotten_after_a_while(paging):
    paging.resolve("a")
    assert AlertWord.objects.count() == 1

    paging.tick(minutes=61)

    assert not AlertWord.objects.exists()


def test_end_before_its_alert_opens_and_ends_it_without_a_page(paging):
    paging.integration.kind = "pagerduty"
    paging.integration.save()
    at = paging.at
    paging.say("a", "resolve", ended_at=at)
    paging.say("a", started_at=at - timedelta(seconds=5))

    assert paging.alert.state == "resolved"
    assert (paging.incident.phase, paging.paged()) == (Phase.DISMISSED, [])


# --- Cost -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("alerts", [1, 15])
def test_batch_of_new_incidents_takes_constant_queries(paging, django_assert_num_queries, alerts):
    for number in range(alerts):
        paging.send(alert(f"key {number}"), group=f"group {number}")

    with django_assert_num_queries(51):
        processing.process_due(at=paging.at)
    assert Incident.objects.count() == alerts


@pytest.mark.parametrize("alerts", [1, 15])
def test_batch_of_ends_takes_constant_queries(paging, django_assert_num_queries, alerts):
    keys = [f"key {number}" for number in range(alerts)]
    paging.fire("stays", *keys)
    for key in keys:
        paging.send(alert(key, status="resolved"))

    with django_assert_num_queries(25):
        processing.process_due(at=paging.at)
    assert Alert.objects.firing().get().dedup_key == "stays"


def test_timelines_that_have_nothing_untold_cost_one_question(paging, django_assert_num_queries):
    paging.fire()

    with django_assert_num_queries(3):
        alert_watch.look_again(at=paging.at)
    assert TimelineEntry.objects.count() == 4
