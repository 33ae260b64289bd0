"""What is forgotten, when, and what stays."""

from datetime import timedelta

import pytest

from incidents import retention
from incidents.models import Alert, AlertEvent, Change, IntakeRefusal
from incidents.retention import prune
from tests.factories.incidents import make_alert, make_event, make_integration

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def processed(received_at, **fields) -> AlertEvent:
    return make_event(
        state="processed", due_at=None, processed_at=received_at, received_at=received_at, **fields
    )


def aside(received_at, **fields) -> AlertEvent:
    return make_event(
        state="set_aside", due_at=None, set_aside_reason="?", received_at=received_at, **fields
    )


def test_processed_events_are_kept_for_the_days_that_settings_say(now, settings):
    settings.EVENT_RETENTION_DAYS = 7
    integration = make_integration()[0]
    processed(now - 7 * DAY - timedelta(seconds=1), integration=integration)
    young = processed(now - 7 * DAY, integration=integration)

    assert prune(at=now) == 1

    assert list(AlertEvent.objects.all()) == [young]


def test_waiting_events_are_never_forgotten(now):
    waiting = make_event(received_at=now - 400 * DAY)

    assert prune(at=now) == 0

    assert AlertEvent.objects.get() == waiting


def test_events_set_aside_are_kept_for_ninety_days(now):
    integration = make_integration()[0]
    aside(now - 91 * DAY, integration=integration)
    young = aside(now - 89 * DAY, integration=integration)

    assert prune(at=now) == 1

    assert AlertEvent.objects.get() == young


def test_alert_outlives_its_event(now):
    event = processed(now - 40 * DAY)
    alert = make_alert(integration=event.integration, last_event=event)

    prune(at=now)

    assert Alert.objects.get() == alert
    assert Alert.objects.get().last_event is None


def test_changes_and_refusals_are_kept_for_ninety_days(now):
    event = processed(now - 40 * DAY)
    integration, service = event.integration, event.integration.service
    for key, days in (("old", 91), ("young", 89)):
        at = now - days * DAY
        Change.objects.create(
            integration=integration, key=key, title="Deployed", at=at, received_at=at,
            service=service, event=event,
        )  # fmt: skip
        IntakeRefusal.objects.create(
            integration=integration, hour=at, status=400, code=key, message="No.", last_at=at
        )

    assert prune(at=now) == 3

    assert Change.objects.get().key == "young"
    assert Change.objects.get().event is None
    assert IntakeRefusal.objects.get().code == "young"


def test_a_run_forgets_everything_in_bounded_batches(now, monkeypatch):
    monkeypatch.setattr(retention, "ROWS_PER_TRANSACTION", 2)
    integration = make_integration()[0]
    for days in range(31, 36):
        processed(now - days * DAY, integration=integration)

    assert [prune(at=now) for _ in range(4)] == [2, 2, 1, 0]


def test_nothing_to_forget_takes_a_query_an_integration(now, django_assert_num_queries):
    event = processed(now)
    make_integration(service=event.integration.service)

    with django_assert_num_queries(1 + 2 + 3):
        prune(at=now)
