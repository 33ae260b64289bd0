import pytest

from incidents.models import Integration
from roster.errors import DomainError
from tests.factories.incidents import make_event, make_integration

pytestmark = pytest.mark.django_db


def test_issue_stores_no_key():
    integration, key = make_integration()

    integration.refresh_from_db()
    stored = [str(getattr(integration, field.attname)) for field in integration._meta.fields]
    assert not any(key in value for value in stored)
    assert key.startswith(integration.key_prefix)
    assert Integration.objects.with_key(key).get() == integration


def test_rotated_key_works_and_the_old_one_does_not():
    integration, old = make_integration()

    new = integration.rotate_key()

    assert not Integration.objects.with_key(old).exists()
    assert Integration.objects.with_key(new).get() == integration


def test_revoke_twice_is_refused(now):
    integration, key = make_integration(name="Prometheus")
    integration.revoke(at=now)

    with pytest.raises(DomainError) as refusal:
        integration.revoke(at=now)

    assert refusal.value.message == "Prometheus is revoked already."
    assert not Integration.objects.active().with_key(key).exists()


def test_event_set_aside_is_retried(now):
    event = make_event(state="set_aside", set_aside_reason="Not JSON", attempts=5)

    event.retry(at=now)

    event.refresh_from_db()
    assert (event.state, event.due_at, event.attempts) == ("received", now, 0)


def test_event_that_waits_is_not_retried(now):
    with pytest.raises(DomainError) as refusal:
        make_event().retry(at=now)

    assert refusal.value.message == "This event is no longer set aside. Reload the page."
