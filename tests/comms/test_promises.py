from datetime import datetime, timedelta

import pytest

from comms.models import AudienceKind, Message, Promise, PromiseState
from comms.promises import check_due, withdraw_all
from incidents.models import Incident, Phase, TimelineEntry
from tests.factories.comms import make_promise, make_update
from tests.factories.incidents import make_assignment, make_incident, make_role, make_severity
from tests.factories.roster import make_person

pytestmark = pytest.mark.django_db

ROLES = ["internal-liaison", "communications-manager", "incident-manager"]


@pytest.fixture
def incident() -> Incident:
    """Diagnosing, with somebody in each role that hears of promises, named by their role."""
    incident = make_incident(phase=Phase.DIAGNOSING, severity=make_severity(2))
    for slug in ROLES:
        make_assignment(incident, make_role(slug), make_person(email=f"{slug}@example.com"))
    return incident


@pytest.fixture
def promise(incident: Incident, now: datetime) -> Promise:
    """An internal update, promised for `now`."""
    return make_promise(incident, promised_for=now, made_at=now - timedelta(minutes=30))


def reminded() -> list[str]:
    messages = Message.objects.order_by("pk")
    return [message.recipient.removesuffix("@example.com") for message in messages]


def minutes(number: int) -> timedelta:
    return timedelta(minutes=number)


def test_reminders_go_to_the_liaison_and_then_further_up(promise: Promise, now: datetime):
    for number in (-6, -5, 0, 4, 5, 10, 29, 30, 60, 600):
        check_due(at=now + minutes(number))

    assert reminded() == [
        "internal-liaison",
        "internal-liaison",
        "communications-manager",
        "incident-manager",
        "incident-manager",
        "incident-manager",
    ]


def test_missed_promise_is_recorded_once(promise: Promise, incident: Incident, now: datetime):
    for number in (0, 5, 10):
        check_due(at=now + minutes(number))

    promise.refresh_from_db()
    assert promise.state == PromiseState.MISSED
    entries = TimelineEntry.objects.filter(incident=incident, kind="promise_missed")
    assert entries.count() == 1


def test_running_twice_at_once_reminds_once(promise: Promise, now: datetime):
    check_due(at=now)
    check_due(at=now)

    assert reminded() == ["internal-liaison"]


def test_after_downtime_one_reminder_goes_to_whom_it_now_concerns(promise: Promise, now: datetime):
    check_due(at=now + minutes(12))
    check_due(at=now + minutes(13))

    assert reminded() == ["incident-manager"]


def test_role_nobody_holds_is_passed_over(promise: Promise, incident: Incident, now: datetime):
    incident.role_assignments.filter(role__slug="internal-liaison").update(ends_at=now)

    check_due(at=now)

    assert reminded() == ["communications-manager"]


def test_author_is_reminded_when_nobody_holds_any_role(now: datetime):
    incident = make_incident(phase=Phase.DIAGNOSING)
    author = make_person(email="author@example.com")
    update = make_update(incident, author=author)
    make_promise(incident, promised_for=now, made_by_update=update)

    check_due(at=now)

    assert reminded() == ["author"]


def test_external_promise_reminds_the_customer_liaison(incident: Incident, now: datetime):
    liaison = make_person(email="customer-liaison@example.com")
    make_assignment(incident, make_role("customer-liaison"), liaison)
    make_promise(incident, kind=AudienceKind.EXTERNAL, promised_for=now)

    check_due(at=now)

    assert reminded() == ["customer-liaison"]


def test_reminder_says_how_late_it_is(promise: Promise, incident: Incident, now: datetime):
    check_due(at=now + minutes(5))

    message = Message.objects.get()
    assert message.subject == f"{incident.reference} internal update overdue"
    assert "It is 5 minutes late." in message.body


def test_nobody_is_reminded_about_an_incident_that_is_over(now: datetime):
    make_promise(make_incident(phase=Phase.RESTORED), promised_for=now)

    check_due(at=now)

    assert not Message.objects.exists()


def test_withdrawing_ends_what_is_open_and_forgives_nothing(incident: Incident, now: datetime):
    missed = make_promise(incident, promised_for=now, state=PromiseState.MISSED)
    kept_open = make_promise(incident, kind=AudienceKind.EXTERNAL, promised_for=now + minutes(60))

    withdraw_all(incident, at=now)

    missed.refresh_from_db()
    kept_open.refresh_from_db()
    assert (missed.state, missed.ended_at) == (PromiseState.MISSED, now)
    assert (kept_open.state, kept_open.ended_at) == (PromiseState.WITHDRAWN, now)
    assert check_due(at=now + minutes(60)) == 0
