"""What people receive when something happens to an incident, from the timeline to the mail."""

from datetime import datetime, timedelta

import pytest

from comms.models import Message, MessageState, Priority, Promise, PromiseState, Update, UpdateState
from comms.outbox import send_due
from comms.reactions import react
from incidents import escalation
from incidents.announcements import announce_due
from incidents.models import Acknowledgement, Incident, Page, Phase, Responder, TimelineEntry
from incidents.responders import request_responder
from incidents.roles import assign_role
from roster.actors import Actor
from roster.models import Person
from tests.comms.conftest import MailServer
from tests.factories.comms import make_audience, make_page_message, make_promise, make_template
from tests.factories.incidents import (
    make_assignment,
    make_incident,
    make_page,
    make_responder,
    make_role,
    make_service,
    make_severity,
    make_severity_rule,
)
from tests.factories.roster import make_contact_method, make_person, make_policy, make_rule

pytestmark = pytest.mark.django_db

MONITORING = Actor.system("monitoring")
HOUR = timedelta(hours=1)


@pytest.fixture
def ines() -> Person:
    return make_person(name="Ines Okafor", email="ines@example.com")


@pytest.fixture
def ruth() -> Actor:
    return Actor.of_person(make_person(name="Ruth Adeyemi", email="ruth@example.com"), via="admin")


def page(person: Person, *, at: datetime, **fields: object) -> Incident:
    """An incident of a service whose policy pages `person`, paged at `at`."""
    service = make_service(
        name="Checkout", policy=make_policy(person), runbook_url="https://wiki.example.com/checkout"
    )
    incident = make_incident(services=[service], severity=make_severity(1), **fields)
    escalation.start_escalation(incident, by=MONITORING, at=at)
    escalation.run_due(at=at)
    announce_due(at=at)
    return incident


def messages(**filters: object) -> list[Message]:
    return list(Message.objects.filter(**filters).order_by("pk"))


def states() -> list[str]:
    return [message.state for message in messages()]


# --- Pages -------------------------------------------------------------------------------------


def test_page_tells_what_is_wrong_and_how_to_answer(ines: Person, now: datetime):
    incident = page(ines, at=now, title="Checkout errors")

    [message] = messages()
    paged = Page.objects.get()
    assert message.key == f"page-{paged.pk}-profile"
    assert message.recipient == "ines@example.com"
    assert message.priority == Priority.FIRST_PAGE
    assert (message.page, message.incident, message.due_at) == (paged, incident, now)
    assert message.subject == f"{incident.reference} SEV1: Checkout errors"
    for words in (
        "Checkout",
        "Severity: SEV1",
        "https://wiki.example.com/checkout",
        "/a/page.acknowledge:",
        "/a/page.decline:",
    ):
        assert words in message.body
    assert "/a/page.acknowledge:" in message.html


def test_page_announced_twice_is_sent_once(ines: Person, now: datetime):
    page(ines, at=now)

    for entry in TimelineEntry.objects.all():
        react(TimelineEntry, entry=entry)

    assert len(messages()) == 1


def test_page_is_staged_by_the_person_s_rules(ines: Person, now: datetime):
    for delay, address in ((0, "push@example.com"), (5, "phone@example.com")):
        make_rule(make_contact_method(ines, address=address), delay_minutes=delay)

    page(ines, at=now)

    assert [(message.recipient, message.due_at) for message in messages()] == [
        ("push@example.com", now),
        ("phone@example.com", now + timedelta(minutes=5)),
    ]


def test_acknowledging_withdraws_what_is_left(ines: Person, now: datetime):
    page(ines, at=now)

    escalation.acknowledge_page(Page.objects.get(), by=Actor.of_person(ines), at=now, via="link")
    announce_due(at=now)

    assert states() == [MessageState.WITHDRAWN]


def test_repeated_page_waits_behind_first_ones(ines: Person, now: datetime):
    first = make_page(person=ines, created_at=now)
    again = make_page(first.incident, ines, pass_number=2, created_at=now)
    entry = TimelineEntry.record(
        again.incident, "responder_paged", by=MONITORING, at=now, data={"page": again.pk}
    )

    react(TimelineEntry, entry=entry)

    assert [message.priority for message in messages()] == [Priority.PAGE]


def test_page_already_answered_needs_no_message(ines: Person, now: datetime):
    answered = make_page(person=ines, created_at=now, state=Page.State.STOPPED)
    entry = TimelineEntry.record(
        answered.incident, "responder_paged", by=MONITORING, at=now, data={"page": answered.pk}
    )

    react(TimelineEntry, entry=entry)

    assert messages() == []


@pytest.mark.parametrize("body", ["{% if %}", "Look at {{ incident.title }}."])
def test_page_is_sent_with_its_links_whatever_its_template_says(
    ines: Person, now: datetime, body: str
):
    make_template(purpose="page", subject="Page", body=body)

    page(ines, at=now)

    [message] = messages()
    assert "/a/page.acknowledge:" in message.body
    assert "/a/page.decline:" in message.body


def test_incident_that_ended_by_itself_is_told_to_whom_a_page_reached(ines: Person, now: datetime):
    incident = page(ines, at=now)
    Message.objects.update(state=MessageState.SENT, sent_at=now, due_at=None)

    incident.dismiss(reason="All alerts have resolved.", by=MONITORING, at=now)
    announce_due(at=now)

    [told] = messages(page__isnull=True)
    assert told.recipient == "ines@example.com"
    assert told.subject == f"{incident.reference} ended: Checkout errors"
    assert "All alerts have resolved." in told.body


def test_incident_that_ended_before_the_page_left_is_told_to_nobody(ines: Person, now: datetime):
    incident = page(ines, at=now)

    incident.dismiss(reason="All alerts have resolved.", by=MONITORING, at=now)
    announce_due(at=now)

    assert states() == [MessageState.WITHDRAWN]


def test_page_after_a_lapsed_acknowledgement_says_why(ines: Person, now: datetime):
    incident = make_incident()
    held = Acknowledgement.stand(incident, by=Actor.of_person(ines), at=now)
    Acknowledgement.objects.filter(pk=held.pk).finish(Acknowledgement.End.EXPIRED, at=now)
    again = make_page(incident, make_person(time_zone="Europe/Berlin"), created_at=now + HOUR)
    entry = TimelineEntry.record(
        incident, "responder_paged", by=MONITORING, at=now + HOUR, data={"page": again.pk}
    )

    react(TimelineEntry, entry=entry)

    [message] = messages()
    assert "Ines Okafor had it; no sign of work since 2 Mar 2026, 11:00 CET." in message.body


def test_page_after_a_snooze_says_so(ines: Person, now: datetime):
    incident = make_incident()
    Acknowledgement.stand(incident, by=Actor.of_person(ines), at=now, until=now + HOUR)
    Acknowledgement.objects.all().finish(Acknowledgement.End.EXPIRED, at=now + HOUR)
    again = make_page(incident, make_person(time_zone="UTC"), created_at=now + HOUR)
    entry = TimelineEntry.record(
        incident, "responder_paged", by=MONITORING, at=now + HOUR, data={"page": again.pk}
    )

    react(TimelineEntry, entry=entry)

    [message] = messages()
    assert "Ines Okafor had snoozed it until 2 Mar 2026, 11:00 UTC." in message.body


def test_page_leads_to_all_that_waits_for_the_person(ines: Person, now: datetime):
    page(ines, at=now)

    [message] = messages()
    assert message.body.index("/a/page.acknowledge:") < message.body.index("/a/pages.mine:")


def test_page_of_somebody_who_left_is_withdrawn(ines: Person, now: datetime):
    page(ines, at=now)
    Person.objects.filter(pk=ines.pk).update(is_active=False)

    send_due(at=now)

    assert states() == [MessageState.WITHDRAWN]


def test_backlog_of_half_an_hour_is_one_page_by_each_way(
    ines: Person, now: datetime, mail_server: MailServer
):
    """Several steps and passes were due while nothing ran: they run, and one page is sent."""
    for delay, address in ((0, "push@example.com"), (5, "phone@example.com")):
        make_rule(make_contact_method(ines, address=address), delay_minutes=delay)
    incident = page(ines, at=now)
    for minutes in range(5, 31, 5):
        escalation.run_due(at=now + timedelta(minutes=minutes))
    later = now + timedelta(minutes=36)
    announce_due(at=later)

    while send_due(at=later):
        pass

    assert Page.objects.filter(incident=incident, person=ines).count() > 1
    assert sorted(str(mail["To"]) for mail in mail_server.mails) == [
        "phone@example.com",
        "push@example.com",
    ]


def test_whoever_was_paged_by_a_bundle_hears_that_it_ended(
    ines: Person, now: datetime, mail_server: MailServer
):
    pages = [make_page(make_incident(), ines, created_at=now) for _ in range(5)]
    for each in pages:
        make_page_message(each, created_at=now)
    while send_due(at=now):
        pass
    incident = pages[0].incident

    incident.dismiss(reason="It was a test.", by=MONITORING, at=now)
    announce_due(at=now)

    [told] = messages(key__startswith="ended-")
    assert told.person == ines


# --- Responders and roles ----------------------------------------------------------------------


def test_request_says_who_asks_for_what_and_where(ines: Person, ruth: Actor, now: datetime):
    incident = make_incident(phase=Phase.DIAGNOSING, bridge_url="https://meet.example.com/142")

    request_responder(
        incident, ines, purpose="investigate", message="Look at the pool?", by=ruth, at=now
    )
    announce_due(at=now)

    [message] = messages()
    assert message.priority == Priority.REQUEST
    assert message.subject.startswith(incident.reference)
    for words in (
        "Ruth Adeyemi",
        "Investigate",
        "Look at the pool?",
        "https://meet.example.com/142",
        "/a/responder.acknowledge:",
        "/a/responder.decline:",
    ):
        assert words in message.body


def test_answer_withdraws_the_rest_of_the_request(ines: Person, ruth: Actor, now: datetime):
    incident = make_incident(phase=Phase.DIAGNOSING)
    responder = request_responder(incident, ines, by=ruth, at=now)
    announce_due(at=now)

    responder.acknowledge(by=Actor.of_person(ines), at=now)
    announce_due(at=now)

    assert states() == [MessageState.WITHDRAWN]


def test_reminder_is_a_message_of_its_own(ines: Person, now: datetime):
    responder = make_responder(person=ines)
    for kind in ("responder_requested", "responder_reminded"):
        entry = TimelineEntry.record(
            responder.incident, kind, by=MONITORING, at=now, data={"responder": responder.pk}
        )
        react(TimelineEntry, entry=entry)

    first, reminder = messages()
    assert "still needs your help" not in first.subject
    assert "still needs your help" in reminder.subject


def test_released_responder_is_thanked_and_told_whom_to_write_to(
    ines: Person, ruth: Actor, now: datetime
):
    responder = make_responder(person=ines, state=Responder.State.ACKNOWLEDGED)

    responder.release(reason="The fix holds.", by=ruth, at=now)
    announce_due(at=now)

    [message] = messages()
    assert "Thank you for your help. If something comes up, write to Ruth Adeyemi." in message.body
    assert "The fix holds." in message.body


def test_manager_hears_of_a_wish_to_leave_and_decides_on_the_incident(
    ines: Person, ruth: Actor, now: datetime
):
    incident = make_incident(phase=Phase.DIAGNOSING)
    make_assignment(incident, make_role("incident-manager"), ruth.person)
    responder = make_responder(incident, ines, state=Responder.State.ACKNOWLEDGED)

    responder.ask_to_leave(by=Actor.of_person(ines), at=now, reason="My shift ends.")
    announce_due(at=now)

    [message] = messages(person=ruth.person)
    assert message.subject.startswith(incident.reference)
    assert "Ines Okafor" in message.body
    assert "My shift ends." in message.body
    assert incident.get_absolute_url() in message.body


def test_new_role_holder_is_told_unless_they_took_it_themselves(
    ines: Person, ruth: Actor, now: datetime
):
    incident = make_incident(phase=Phase.DIAGNOSING)
    scribe = make_role("scribe", name="Scribe", checklist="Join the bridge\nNote decisions")

    assign_role(incident, scribe, ines, by=ruth, at=now)
    assign_role(incident, make_role("deputy"), ines, by=Actor.of_person(ines), at=now)
    announce_due(at=now)

    [message] = messages()
    assert message.subject == f"{incident.reference} you are now Scribe: Checkout errors"
    assert "- Join the bridge" in message.body


# --- Stakeholders ------------------------------------------------------------------------------


def declare(incident: Incident, *, by: Actor, at: datetime, rank: int = 2) -> None:
    severity = make_severity(rank)
    extent, degree = make_severity_rule(severity)
    incident.declare(extent=extent, degree=degree, by=by, at=at)
    announce_due(at=at)


def test_declaring_tells_those_who_asked_to_be_told_and_promises_the_next(
    ines: Person, ruth: Actor, now: datetime
):
    make_severity(2, internal_update_minutes=30)
    make_audience(ines, name="Executives", told_at_declare=True)
    make_audience(make_person(), name="Others")
    incident = make_incident()

    declare(incident, by=ruth, at=now)

    update = Update.objects.get()
    assert (update.state, update.author_name) == (UpdateState.SENT, "Ruth Adeyemi")
    [message] = messages(update=update)
    assert message.recipient == "ines@example.com"
    assert "An incident was declared: Checkout errors." in message.body
    assert Promise.objects.get().promised_for == now + timedelta(minutes=30)


def test_declaring_announced_twice_tells_once(ines: Person, ruth: Actor, now: datetime):
    make_audience(ines, told_at_declare=True)
    incident = make_incident()
    declare(incident, by=ruth, at=now)

    entry = TimelineEntry.objects.get(incident=incident, kind="incident_declared")
    react(TimelineEntry, entry=entry)

    assert Update.objects.count() == 1


def test_declaring_is_fine_when_nobody_asked_to_be_told(ruth: Actor, now: datetime):
    declare(make_incident(), by=ruth, at=now)

    assert not Update.objects.exists()


def test_worse_severity_tells_those_it_now_concerns_and_nobody_twice(
    ines: Person, ruth: Actor, now: datetime
):
    board = make_audience(
        addresses="board@example.com", told_at_declare=True, min_severity=make_severity(1)
    )
    make_audience(ines, told_at_declare=True)
    incident = make_incident()
    declare(incident, by=ruth, at=now)

    incident.change_severity(make_severity(1), reason="It spreads.", by=ruth, at=now)
    announce_due(at=now)

    assert [message.recipient for message in messages(update__isnull=False)] == [
        "ines@example.com",
        "board@example.com",
    ]
    assert list(Update.objects.latest("pk").audiences.all()) == [board]


def test_restoring_withdraws_promises_and_drafts_the_last_update(
    ines: Person, ruth: Actor, now: datetime
):
    make_audience(ines, name="Executives", told_at_declare=True)
    incident = make_incident()
    declare(incident, by=ruth, at=now)
    promise = make_promise(incident, kind="external", promised_for=now + timedelta(hours=1))
    incident.advance(Phase.DIAGNOSING, by=ruth, at=now, override_reason="Just me.")

    incident.restore(summary="Rolled back.", by=ruth, at=now)
    announce_due(at=now)

    promise.refresh_from_db()
    assert promise.state == PromiseState.WITHDRAWN
    draft = Update.objects.get(state=UpdateState.DRAFT)
    assert draft.is_last
    assert [audience.name for audience in draft.audiences.all()] == ["Executives"]


def test_private_incident_is_told_to_nobody_outside_it(ines: Person, ruth: Actor, now: datetime):
    make_audience(ines, addresses="all@example.com", told_at_declare=True)

    declare(make_incident(is_private=True), by=ruth, at=now)

    assert messages(update__isnull=False) == []
