from datetime import timedelta

import pytest

from incidents.models import Integration
from roster.actors import Actor
from roster.errors import DomainError
from tests.factories.incidents import make_event, make_integration

pytestmark = pytest.mark.django_db

TESTER = Actor.system("tests")


def test_issue_stores_no_key(now):
    integration, key = make_integration()

    rows = [integration, integration.keys.get()]
    stored = [str(getattr(row, field.attname)) for row in rows for field in row._meta.fields]
    assert not any(key in value for value in stored)
    assert key.startswith(integration.key_prefix())
    assert len(key) == 32
    assert Integration.objects.with_key(key, at=now).get() == integration


def test_two_keys_work_while_the_monitor_is_changed_over(now):
    integration, old = make_integration()

    new = integration.rotate_key(by=TESTER, at=now, overlap=timedelta(hours=1))

    def works(key, at):
        return Integration.objects.with_key(key, at=at).exists()

    assert works(old, now)
    assert works(new, now)
    assert not works(old, now + timedelta(hours=1))
    assert works(new, now + timedelta(hours=1))


def test_third_key_ends_the_first_at_once(now):
    integration, first = make_integration()
    second = integration.rotate_key(by=TESTER, at=now + timedelta(minutes=1))

    integration.rotate_key(by=TESTER, at=now + timedelta(minutes=2))

    later = now + timedelta(minutes=2)
    assert not Integration.objects.with_key(first, at=later).exists()
    assert Integration.objects.with_key(second, at=later).exists()


def test_key_of_a_revoked_integration_is_not_replaced(now):
    integration, _ = make_integration(name="Prometheus")
    integration.revoke(at=now)

    with pytest.raises(DomainError) as refusal:
        integration.rotate_key(by=TESTER, at=now)

    assert refusal.value.message == "Prometheus is revoked. Make a new integration."


def test_secret_is_stored_sealed_and_read_back():
    integration, _ = make_integration()

    integration.change_secret("shared with Grafana")

    integration.refresh_from_db()
    assert "Grafana" not in integration.sealed_secret
    assert integration.secret == "shared with Grafana"


def test_revoke_twice_is_refused(now):
    integration, key = make_integration(name="Prometheus")
    integration.revoke(at=now)

    with pytest.raises(DomainError) as refusal:
        integration.revoke(at=now)

    assert refusal.value.message == "Prometheus is revoked already."
    assert not Integration.objects.active().with_key(key, at=now).exists()


def test_event_set_aside_is_retried(now):
    event = make_event(state="set_aside", set_aside_reason="Not JSON", attempts=5)

    event.retry(at=now)

    event.refresh_from_db()
    assert (event.state, event.due_at, event.attempts) == ("received", now, 0)


def test_event_that_waits_is_not_retried(now):
    with pytest.raises(DomainError) as refusal:
        make_event().retry(at=now)

    assert refusal.value.message == "This event is no longer set aside. Reload the page."
