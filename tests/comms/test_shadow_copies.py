"""Copies of pages for those who stand beside the person on call."""

from datetime import UTC, datetime, timedelta

import pytest

from comms.models import Message, Priority
from comms.shadow_copies import copy_page
from incidents import escalation
from incidents.announcements import announce_due
from incidents.models import Incident, Page, TimelineEntry
from incidents.vocabulary import Kind
from roster.actors import Actor
from roster.models import Person, Schedule, Shadowing
from tests.factories.incidents import make_incident, make_service, make_severity
from tests.factories.qualifications import make_shadowing
from tests.factories.roster import make_person, make_policy, make_schedule

pytestmark = pytest.mark.django_db

MONITORING = Actor.system("monitoring")


@pytest.fixture
def ana() -> Person:
    return make_person(name="Ana Silva")


@pytest.fixture
def schedule(ana: Person) -> Schedule:
    return make_schedule(ana, name="Storage")


def page(schedule: Schedule, *, at: datetime, **fields: object) -> Incident:
    service = make_service(policy=make_policy(schedule))
    incident = make_incident(services=[service], severity=make_severity(1), **fields)
    escalation.start_escalation(incident, by=MONITORING, at=at)
    escalation.run_due(at=at)
    announce_due(at=at)
    return incident


def copies() -> list[Message]:
    return list(Message.objects.filter(key__startswith="copy-").order_by("pk"))


def test_shadow_receives_a_copy_without_duty(schedule: Schedule, now: datetime) -> None:
    learner = make_person(name="Lea")
    make_shadowing(schedule, learner, starts_at=now)

    incident = page(schedule, at=now, title="Disks full")

    [message] = copies()
    assert message.person == learner
    assert message.subject == f"Copy: {incident.reference} SEV1: Disks full"
    assert "You shadow Ana Silva, who is on call for Storage." in message.body
    assert "You hold no duty" in message.body
    assert "/a/" not in message.body
    assert (message.priority, message.page, message.incident) == (Priority.DIGEST, None, incident)


def test_shadow_is_never_paged(schedule: Schedule, ana: Person, now: datetime) -> None:
    make_shadowing(schedule, make_person(), starts_at=now)

    page(schedule, at=now)

    assert [row.person for row in Page.objects.all()] == [ana]


def test_mentor_receives_a_copy_of_the_trainee_s_page(
    schedule: Schedule, ana: Person, now: datetime
) -> None:
    mentor = make_person()
    make_shadowing(schedule, mentor, kind=Shadowing.Kind.REVERSE, follows=ana, starts_at=now)

    page(schedule, at=now)

    [message] = copies()
    assert message.person == mentor
    assert "You stand by Ana Silva, who is on call for Storage." in message.body


def test_learner_s_copy_waits_for_the_end_of_quiet_hours_a_mentor_s_does_not(
    schedule: Schedule, ana: Person
) -> None:
    night = datetime(2026, 3, 3, 2, tzinfo=UTC)
    quiet = {"quiet_from": "22:00", "quiet_until": "07:00", "time_zone": "UTC"}
    learner, mentor = make_person(**quiet), make_person(**quiet)
    make_shadowing(schedule, learner)
    make_shadowing(schedule, mentor, kind=Shadowing.Kind.REVERSE, follows=ana)

    page(schedule, at=night)

    due = {message.person: message.due_at for message in copies()}
    assert due == {learner: night + timedelta(hours=5), mentor: night}


def test_nobody_receives_a_copy_who_does_not_stand_beside_this_person(
    schedule: Schedule, now: datetime
) -> None:
    make_shadowing(schedule, make_person(), follows=make_person(), starts_at=now)
    make_shadowing(schedule, make_person(), starts_at=now + timedelta(minutes=1))
    make_shadowing(make_schedule(), make_person(), starts_at=now)

    page(schedule, at=now)

    assert copies() == []


def test_private_incident_is_copied_to_nobody(schedule: Schedule, now: datetime) -> None:
    make_shadowing(schedule, make_person(), starts_at=now)

    page(schedule, at=now, is_private=True)

    assert copies() == []


def test_entry_heard_twice_sends_one_copy(schedule: Schedule, now: datetime) -> None:
    make_shadowing(schedule, make_person(), starts_at=now)
    page(schedule, at=now)

    entry = TimelineEntry.objects.get(kind=Kind.RESPONDER_PAGED)
    copy_page(TimelineEntry, entry)

    assert len(copies()) == 1


def test_page_that_no_schedule_led_to_has_no_copy(now: datetime) -> None:
    ana = make_person()
    make_shadowing(make_schedule(ana), make_person(), starts_at=now)
    incident = make_incident(services=[make_service(policy=make_policy(ana))])
    escalation.start_escalation(incident, by=MONITORING, at=now)
    escalation.run_due(at=now)
    announce_due(at=now)

    assert copies() == []
