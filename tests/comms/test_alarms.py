"""Who hears at once of a hole, and of what customers may notice."""

from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import User

from comms.models import Message
from comms.reactions import react
from incidents import escalation
from incidents.announcements import announce_due
from incidents.models import Incident, Role, TimelineEntry
from roster.actors import Actor
from roster.models import EscalationPolicy, Person
from tests.factories.incidents import (
    make_assignment,
    make_incident,
    make_page,
    make_role,
    make_service,
)
from tests.factories.roster import make_person, make_policy, make_schedule, make_team

pytestmark = pytest.mark.django_db

MONITORING = Actor.system("monitoring")


@pytest.fixture
def editor() -> Person:
    login = User.objects.create_superuser("edith")
    return make_person(name="Edith", email="edith@example.com", user=login)


def paged(policy: EscalationPolicy | None, *, at: datetime, **fields: object) -> Incident:
    incident = make_incident(services=[make_service(policy=policy)], **fields)
    escalation.start_escalation(incident, by=MONITORING, at=at)
    escalation.run_due(at=at)
    announce_due(at=at)
    return incident


def told(person: Person, beginning: str) -> list[str]:
    found = Message.objects.filter(person=person, key__startswith=beginning)
    return list(found.order_by("pk").values_list("subject", flat=True))


# --- Holes -------------------------------------------------------------------------------------


def test_nobody_on_call_at_a_step_is_told_to_roster_editors(editor: Person, now: datetime):
    policy = make_policy(make_schedule(), make_person(), name="Checkout")
    incident = paged(policy, at=now)

    assert told(editor, "hole-") == ["Nobody was on call at step 1 of Checkout"]
    message = Message.objects.get(key__startswith="hole-")
    assert message.due_at == now
    assert incident.reference in message.body
    assert incident.title not in message.body


def test_the_same_hole_is_told_once_a_day(editor: Person, now: datetime):
    policy = make_policy(make_schedule(), make_person())
    paged(policy, at=now)
    paged(policy, at=now + timedelta(hours=5))
    assert len(told(editor, "hole-")) == 1

    paged(policy, at=now + timedelta(days=1))

    assert len(told(editor, "hole-")) == 2


def test_hole_in_paging_for_a_private_incident_does_not_name_it(editor: Person, now: datetime):
    incident = paged(make_policy(make_schedule(), make_person()), at=now, is_private=True)

    message = Message.objects.get(key__startswith="hole-")
    assert incident.reference not in message.body + message.subject
    assert message.incident is None


def test_policy_that_reaches_nobody_is_told_as_such(editor: Person, now: datetime):
    boss = make_person(slug="boss")
    policy = make_policy(
        make_schedule(), name="Checkout", fallback_team=make_team(name="Leads", members=[boss])
    )

    paged(policy, at=now)

    assert told(editor, "hole-")[-1] == "Nobody to page: Checkout"
    message = Message.objects.filter(key__startswith="hole-").latest("pk")
    assert "Leads was paged instead" in message.body


def test_service_without_a_policy_is_told(editor: Person, now: datetime):
    paged(None, at=now)

    assert told(editor, "hole-") == ["Nobody to page: no policy"]


def test_people_who_did_not_answer_are_no_hole(editor: Person, now: datetime):
    policy = make_policy(make_person(), repeats=0, fallback_team=make_team(members=[make_person()]))
    paged(policy, at=now)

    escalation.run_due(at=now + timedelta(minutes=5))
    announce_due(at=now + timedelta(minutes=5))

    assert told(editor, "hole-") == []


# --- What customers may notice (R075) ----------------------------------------------------------


@pytest.fixture
def manager() -> Person:
    person = make_person(name="Mia", email="mia@example.com")
    make_role("incident-manager", schedule=make_schedule(person))
    return person


def detected(*, at: datetime, **fields: object) -> Incident:
    incident = make_incident(may_affect_customers=True, **fields)
    entry = TimelineEntry.record(incident, "incident_detected", by=MONITORING, at=at)
    react(TimelineEntry, entry=entry)
    return incident


def test_incident_manager_on_call_hears_before_severity_is_settled(manager: Person, now: datetime):
    incident = detected(at=now)

    assert told(manager, "customers-") == [
        f"{incident.reference} may affect customers: Checkout errors"
    ]
    assert Message.objects.get().due_at == now


def test_incident_that_customers_do_not_notice_is_not_told(manager: Person, now: datetime):
    incident = make_incident()
    entry = TimelineEntry.record(incident, "incident_detected", by=MONITORING, at=now)

    react(TimelineEntry, entry=entry)

    assert not Message.objects.exists()


def test_incident_manager_is_told_once_whatever_follows(manager: Person, now: datetime):
    incident = detected(at=now)
    entry = TimelineEntry.record(incident, "alert_attached", by=MONITORING, at=now)

    react(TimelineEntry, entry=entry)

    assert len(told(manager, "customers-")) == 1


def test_incident_manager_who_was_paged_for_it_knows(manager: Person, now: datetime):
    incident = make_incident(may_affect_customers=True)
    make_page(incident, manager, created_at=now)
    entry = TimelineEntry.record(incident, "incident_detected", by=MONITORING, at=now)

    react(TimelineEntry, entry=entry)

    assert told(manager, "customers-") == []


def test_incident_that_somebody_manages_already_is_theirs(manager: Person, now: datetime):
    incident = make_incident(may_affect_customers=True)
    make_assignment(incident, Role.objects.get(slug="incident-manager"), make_person())
    entry = TimelineEntry.record(incident, "details_changed", by=MONITORING, at=now)

    react(TimelineEntry, entry=entry)

    assert told(manager, "customers-") == []


def test_where_no_incident_manager_is_on_call_the_imoc_hears(now: datetime):
    make_role("incident-manager", schedule=make_schedule())
    imoc = make_person(name="Ian")
    make_role("imoc", schedule=make_schedule(imoc))

    detected(at=now)

    assert len(told(imoc, "customers-")) == 1


def test_private_incident_is_told_without_its_title(manager: Person, now: datetime):
    incident = detected(at=now, is_private=True)

    message = Message.objects.get()
    assert message.subject == f"{incident.reference} may affect customers"
    assert incident.title not in message.body
