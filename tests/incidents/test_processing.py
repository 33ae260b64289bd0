"""What becomes of accepted events."""

from datetime import timedelta

import pytest

from incidents import processing
from incidents.batch import places
from incidents.models import (
    Alert,
    AlertEvent,
    Incident,
    Page,
    Phase,
    RoutingRule,
    Severity,
    TimelineEntry,
)
from roster.errors import DomainError
from tests.factories.roster import make_person, make_policy
from tests.incidents.paging import ADMIN, Paging, alert, webhook

pytestmark = pytest.mark.django_db


@pytest.fixture
def paging(now):
    return Paging(make_policy(make_person(slug="ada")), at=now)


def test_firing_alert_opens_incident_and_pages(paging):
    paging.fire()

    assert (paging.incident.title, paging.incident.phase) == ("Alert a", Phase.DETECTED)
    assert paging.incident.severity.slug == "sev1"
    assert list(paging.incident.services.all()) == [paging.service]
    assert paging.alert.incident == paging.incident
    assert paging.paged() == ["Ada"]
    assert paging.story() == [
        "incident_detected",
        "alert_attached",
        "escalation_started",
        "responder_paged",
    ]


def test_processed_event_is_done(paging):
    event = paging.send(alert())

    paging.tick()

    event.refresh_from_db()
    assert (event.state, event.processed_at, event.due_at) == ("processed", paging.at, None)
    paging.integration.refresh_from_db()
    assert paging.integration.last_event_at == paging.at


def test_repeat_is_counted_and_pages_nobody(paging):
    paging.fire()
    paging.at += timedelta(minutes=1)

    paging.send(alert())
    processing.process_due(at=paging.at)

    assert (paging.alert.count, paging.alert.last_seen_at) == (2, paging.at)
    assert paging.paged() == ["Ada"]
    assert "alert_attached" not in paging.story()[4:]


def test_repeats_within_one_batch_make_one_alert_one_incident_one_page(paging):
    for _ in range(50):
        paging.send(alert())

    paging.tick()

    assert paging.alert.count == 50
    assert (Incident.objects.count(), Page.objects.count()) == (1, 1)


def test_alerts_of_one_group_share_an_incident_with_one_entry(paging):
    paging.fire("a", "b", "c")

    assert Alert.objects.filter(incident=paging.incident).count() == 3
    assert paging.entry("alert_attached").data["count"] == 3
    assert paging.entry("alert_attached").data["title"] == "Alert a and 2 more"


def test_alerts_of_other_groups_make_other_incidents(paging):
    paging.fire("a", group="one")
    paging.fire("b", group="two")

    assert Incident.objects.count() == 2


def test_later_alert_joins_live_incident_without_a_page(paging):
    paging.fire("a")

    paging.fire("b")

    assert paging.incident.alerts.count() == 2
    assert paging.paged() == ["Ada"]


def test_worse_alert_raises_severity_of_undeclared_incident(paging):
    paging.send(alert("a", labels={"severity": "warning"}))
    paging.tick()
    assert paging.incident.severity.slug == "sev4"

    paging.fire("b")

    assert paging.incident.severity.slug == "sev1"


def test_alert_after_incident_ended_opens_another(paging):
    paging.fire()
    paging.incident.dismiss(reason="Noise.", by=ADMIN, at=paging.at)

    paging.fire("b")

    assert Incident.objects.count() == 2


def test_resolved_key_that_fires_again_is_a_new_alert(paging):
    paging.fire()
    paging.at += timedelta(minutes=1)
    paging.resolve()
    paging.at += timedelta(minutes=1)

    paging.fire()

    assert [row.state for row in Alert.objects.order_by("pk")] == ["resolved", "firing"]
    assert [row.phase for row in Incident.objects.order_by("pk")] == ["dismissed", "detected"]
    assert paging.paged() == ["Ada", "Ada"]


def test_resolved_by_itself_dismisses_and_stops_paging(paging):
    paging.fire()
    paging.at += timedelta(minutes=1)

    paging.resolve()

    assert paging.incident.phase == Phase.DISMISSED
    assert paging.waiting() == []
    assert paging.escalation.state == "stopped"
    assert paging.story()[4:] == ["alert_resolved", "escalation_stopped", "incident_dismissed"]
    assert paging.entry("incident_dismissed").text == (
        "All its alerts resolved before anybody declared it."
    )


def test_acknowledged_incident_that_resolves_before_declaration_is_dismissed(paging):
    paging.fire()
    paging.incident.acknowledge(by=ADMIN, at=paging.at)

    paging.resolve()

    assert paging.incident.phase == Phase.DISMISSED


def test_declared_incident_is_not_closed_by_its_alerts(paging):
    paging.fire()
    severity = paging.incident.severity
    paging.incident.declare(
        extent=None, degree=None, severity=severity, reason="Seen.", by=ADMIN, at=paging.at
    )

    paging.resolve()

    assert paging.incident.phase == Phase.MOBILIZING
    assert paging.entry("alert_resolved").data["still_firing"] == 0


def test_incident_stays_while_another_alert_fires(paging):
    paging.fire("a", "b")

    paging.resolve("a")

    assert paging.incident.phase == Phase.DETECTED
    assert paging.waiting() == ["Ada"]
    assert paging.entry("alert_resolved").data["still_firing"] == 1


def test_fired_and_resolved_during_downtime_pages_nobody(paging):
    paging.send(alert())
    paging.at += timedelta(minutes=10)
    paging.send(alert(status="resolved"))

    paging.tick()

    assert paging.incident.phase == Phase.DISMISSED
    assert paging.paged() == []


def test_truncated_notification_is_told_and_resolves_nothing_by_itself(paging):
    paging.fire("a", truncatedAlerts=3)
    assert paging.entry("alerts_truncated").data == {"count": 3}

    paging.resolve("a", truncatedAlerts=2)

    assert paging.incident.phase == Phase.DETECTED


def test_resolve_of_unknown_alert_does_nothing(paging):
    paging.resolve()

    assert Alert.objects.count() == 0
    assert AlertEvent.objects.get().state == "processed"


def test_resolve_of_an_earlier_episode_leaves_alert_firing(paging):
    paging.send(alert(startsAt="2026-03-02T09:59:00Z"))
    paging.tick()
    paging.at += timedelta(seconds=1)

    paging.send(alert(status="resolved", endsAt="2026-03-02T09:30:00Z"))
    paging.tick()

    assert paging.alert.state == "firing"


def test_event_older_than_the_resolution_fires_nothing(paging):
    paging.fire()
    late = paging.send(alert())
    AlertEvent.objects.filter(pk=late.pk).update(due_at=paging.at + timedelta(minutes=5))
    paging.at += timedelta(minutes=1)
    paging.resolve()

    paging.tick(minutes=5)

    assert paging.alert.state == "resolved"
    late.refresh_from_db()
    assert late.state == "processed"


def test_resolve_ends_an_earlier_event_that_another_worker_still_has(paging):
    firing = paging.send(alert())
    AlertEvent.objects.filter(pk=firing.pk).update(leased_until=paging.at + timedelta(seconds=30))
    paging.at += timedelta(seconds=1)
    resolving = paging.send(alert(status="resolved"))

    processing.process_due(at=paging.at)
    resolving.refresh_from_db()
    assert (resolving.state, Alert.objects.count()) == ("processed", 0)

    AlertEvent.objects.filter(pk=firing.pk).update(leased_until=None)
    paging.tick(minutes=0.1)
    assert paging.alert.state == "resolved"
    assert paging.incident.phase == Phase.DISMISSED
    assert paging.paged() == []


def test_suppressed_alert_is_kept_with_its_rule_and_tells_nobody(paging):
    rule = RoutingRule.objects.create(
        name="Test cluster", is_suppressing=True, suppress_reason="Nobody works there."
    )

    paging.fire()

    assert (paging.alert.suppressed_by, paging.alert.incident) == (rule, None)
    assert Incident.objects.count() == 0

    paging.resolve()
    assert paging.alert.state == "resolved"


@pytest.mark.parametrize("body", [b"{", b"[]", b"\x00", b""])
def test_unreadable_event_is_set_aside_with_a_sentence(paging, body):
    event = paging.send_body(body)

    paging.tick()

    event.refresh_from_db()
    assert (event.state, event.due_at) == ("set_aside", None)
    assert event.set_aside_reason.endswith(".")


def test_one_bad_alert_sets_event_aside_and_keeps_the_others(paging):
    event = paging.send(alert("a"), {"status": "on fire"})

    paging.tick()

    event.refresh_from_db()
    assert event.state == "set_aside"
    assert event.set_aside_reason.startswith(
        "1 of 2 alerts could not be read. The other 1 was taken in.\nAlert 2: "
    )
    assert paging.paged() == ["Ada"]


def test_poison_event_holds_up_nobody(paging, monkeypatch):
    def refuse_poison(detections, **fields):
        if any(each.title == "Alert poison" for each in detections):
            raise ArithmeticError
        return detect_all(detections, **fields)

    detect_all = places.detect_all
    monkeypatch.setattr(places, "detect_all", refuse_poison)
    paging.send(alert("a"), group="a")
    poison = paging.send(alert("poison"), group="p")
    paging.send(alert("b"), group="b")

    paging.tick()

    assert sorted(Incident.objects.values_list("title", flat=True)) == ["Alert a", "Alert b"]
    poison.refresh_from_db()
    assert poison.state == "set_aside"
    assert "unexpected ArithmeticError" in poison.set_aside_reason


def test_retry_processes_an_event_that_was_set_aside(paging):
    event = paging.send_body(b"{")
    paging.tick()
    AlertEvent.objects.filter(pk=event.pk).update(body=webhook(alert()))

    processing.retry_event(event, by=ADMIN, at=paging.at)
    paging.tick()

    assert paging.paged() == ["Ada"]
    with pytest.raises(DomainError):
        processing.retry_event(event, by=ADMIN, at=paging.at)


def test_lost_lease_undoes_everything(paging, monkeypatch):
    event = paging.send(alert())
    apply = processing._apply

    def apply_after_somebody_took_it(reads, at):
        AlertEvent.objects.filter(pk=event.pk).update(lease_token=None)
        apply(reads, at)

    monkeypatch.setattr(processing, "_apply", apply_after_somebody_took_it)
    processing.process_due(at=paging.at)

    assert Incident.objects.count() == Alert.objects.count() == TimelineEntry.objects.count() == 0
    event.refresh_from_db()
    assert event.state == "received"


def test_killed_worker_is_made_up_for_after_its_lease(paging):
    event = paging.send(alert())
    AlertEvent.objects.filter(pk=event.pk).update(
        leased_until=paging.at + processing.LEASE_FOR, attempts=1
    )
    paging.tick()
    assert paging.paged() == []

    paging.tick(minutes=1)

    assert paging.paged() == ["Ada"]


def test_no_severity_yet_sets_aside_and_says_what_to_do(paging):
    Severity.objects.all().delete()
    event = paging.send(alert())

    paging.tick()

    event.refresh_from_db()
    assert event.set_aside_reason == (
        "There is no severity to give. Load the reference data, then retry."
    )


@pytest.mark.parametrize("alerts", [1, 60])
def test_batch_of_repeats_takes_constant_queries(paging, django_assert_num_queries, alerts):
    keys = [f"key {number}" for number in range(alerts)]
    paging.fire(*keys)
    paging.send(*[alert(key) for key in keys])

    with django_assert_num_queries(20):
        processing.process_due(at=paging.at)
