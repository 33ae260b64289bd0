from datetime import datetime, timedelta

import pytest

from comms import outbox
from comms.content import Content
from comms.models import Message, MessageState, Priority
from comms.outbox import About, Address, compose, enqueue, retry, send_due, sending
from incidents.models import Page, Phase, TimelineEntry
from roster.actors import Actor
from roster.errors import DomainError
from roster.leases import claim
from roster.models import Channel
from tests.comms.conftest import MailServer
from tests.factories.comms import make_message
from tests.factories.incidents import make_incident, make_page
from tests.factories.roster import make_contact_method, make_person

pytestmark = pytest.mark.django_db

RUTH = Actor(person=None, name="Ruth Adeyemi", via="admin")
SOON = timedelta(seconds=1)


def page_message(page: Page, *, at: datetime, **fields: object) -> Message:
    defaults = {
        "key": f"page-{page.pk}-profile",
        "priority": Priority.FIRST_PAGE,
        "recipient": page.person.email,
        "person": page.person,
        "incident": page.incident,
        "page": page,
        "created_at": at,
    }
    return make_message(**{**defaults, **fields})


def sent_to(mail_server: MailServer) -> list[str]:
    return [mail["To"] for mail in mail_server.mails]


# --- Writing -----------------------------------------------------------------------------------


def test_same_key_twice_is_one_message(now: datetime):
    for words in ("first", "second"):
        content = Content("Subject", words)
        to = Address(Channel.EMAIL, "ines@example.com")
        about, priority = About(), Priority.UPDATE
        enqueue([compose(content, to, key="update-1-a", priority=priority, about=about, at=now)])

    assert [message.body for message in Message.objects.all()] == ["first"]


# --- Sending -----------------------------------------------------------------------------------


def test_due_message_is_sent_and_recorded(mail_server: MailServer, now: datetime):
    make_message(created_at=now, recipient="ines@example.com")

    assert send_due(at=now) == 1

    [message] = Message.objects.all()
    assert sent_to(mail_server) == ["ines@example.com"]
    assert message.state == MessageState.SENT
    assert message.sent_at == now
    assert message.due_at is None
    assert message.lease_token is None
    assert message.provider_response == "Accepted by the mail server."


def test_sending_twice_sends_once(mail_server: MailServer, now: datetime):
    make_message(created_at=now)

    send_due(at=now)
    send_due(at=now + timedelta(days=1))

    assert len(mail_server.mails) == 1


def test_message_is_not_sent_before_its_time(mail_server: MailServer, now: datetime):
    make_message(created_at=now, due_at=now + timedelta(minutes=2))

    assert send_due(at=now + timedelta(minutes=1)) == 0
    assert mail_server.mails == []


def test_first_page_overtakes_all_that_waits(mail_server: MailServer, now: datetime):
    for priority in (Priority.DIGEST, Priority.UPDATE, Priority.REQUEST, Priority.PAGE):
        make_message(
            created_at=now - timedelta(hours=1),
            priority=priority,
            recipient=f"{priority.name.lower()}@example.com",
        )
    page = make_page(created_at=now)
    page_message(page, at=now, recipient="first@example.com")

    send_due(at=now)

    assert sent_to(mail_server) == [
        "first@example.com",
        "page@example.com",
        "request@example.com",
        "update@example.com",
        "digest@example.com",
    ]


def test_two_workers_do_not_take_the_same_message(mail_server: MailServer, now: datetime):
    make_message(created_at=now)
    claim(Message.objects.unsent(), at=now, limit=10, lease_for=sending.LEASE_FOR)

    assert send_due(at=now + SOON) == 0
    assert mail_server.mails == []


def test_message_of_a_dead_worker_is_sent_again_under_its_key_and_marked(
    mail_server: MailServer, now: datetime
):
    make_message(created_at=now, key="update-1-a")
    sending._claim(Channel.EMAIL, at=now, limit=10)  # and the worker dies while it is sending

    assert send_due(at=now + sending.LEASE_FOR - SOON) == 0
    assert send_due(at=now + sending.LEASE_FOR) == 1

    [message] = Message.objects.all()
    assert message.state == MessageState.SENT
    assert message.possibly_sent_twice
    assert [mail["Message-ID"] for mail in mail_server.mails] == ["<update-1-a@127.0.0.1>"]


def test_worker_that_died_before_it_began_leaves_no_mark(mail_server: MailServer, now: datetime):
    make_message(created_at=now)
    claim(Message.objects.unsent(), at=now, limit=10, lease_for=sending.LEASE_FOR)

    send_due(at=now + sending.LEASE_FOR)

    assert not Message.objects.get().possibly_sent_twice


# --- Failing -----------------------------------------------------------------------------------


def test_greylisted_message_waits_and_is_sent_later(mail_server: MailServer, now: datetime):
    make_message(created_at=now, recipient="ines@example.com")
    mail_server.refuse_recipient["ines@example.com"] = "450 4.2.0 try again later"

    send_due(at=now)

    message = Message.objects.get()
    assert message.state == MessageState.FAILED
    assert message.due_at is not None
    assert now < message.due_at < now + timedelta(minutes=1)
    assert "450 4.2.0 try again later" in message.last_error

    mail_server.refuse_recipient.clear()
    send_due(at=message.due_at)

    assert Message.objects.get().state == MessageState.SENT


def test_refused_message_is_dead_at_once_and_told_on_the_incident(
    mail_server: MailServer, now: datetime
):
    incident = make_incident()
    make_message(created_at=now, recipient="gone@example.com", incident=incident)
    mail_server.refuse_recipient["gone@example.com"] = "550 no such user"

    send_due(at=now)

    message = Message.objects.get()
    assert message.state == MessageState.DEAD
    assert message.due_at is None
    [entry] = TimelineEntry.objects.filter(incident=incident)
    assert entry.kind == "message_failed"
    assert entry.data["person"] == "gone@example.com"
    assert "550 no such user" in entry.data["error"]


def test_message_that_keeps_failing_is_given_up(mail_server: MailServer, now: datetime):
    mail_server.refuse_data = "451 busy"
    make_message(created_at=now)

    send_due(at=now + outbox.GIVE_UP_AFTER)

    assert Message.objects.get().state == MessageState.DEAD


def test_server_that_is_down_costs_one_attempt_not_one_for_each_message(
    settings: object, mail_server: MailServer, now: datetime
):
    settings.EMAIL_PORT = 1
    for number in range(3):
        make_message(created_at=now, key=f"m-{number}")

    send_due(at=now)

    states = Message.objects.values_list("state", "possibly_sent_twice")
    assert list(states) == [(MessageState.FAILED, False)] * 3


def test_lost_connection_is_tried_again_and_marked(mail_server: MailServer, now: datetime):
    make_message(created_at=now)
    mail_server.hang_up = True

    send_due(at=now)

    message = Message.objects.get()
    assert message.state == MessageState.FAILED
    assert message.possibly_sent_twice


def test_answer_that_comes_after_the_lease_changes_nothing(now: datetime):
    message = make_message(created_at=now)
    _, [slow] = sending._claim(Channel.EMAIL, at=now, limit=1)
    sending._claim(Channel.EMAIL, at=now + sending.LEASE_FOR, limit=1)

    sending._finish(slow, state=MessageState.SENT, sent_at=now)

    message.refresh_from_db()
    assert message.state == MessageState.SENDING


def test_failed_page_is_tried_by_another_method_at_once(mail_server: MailServer, now: datetime):
    person = make_person()
    first = make_contact_method(person, address="first@example.com")
    second = make_contact_method(person, address="second@example.com")
    page = make_page(person=person, created_at=now)
    page_message(
        page,
        at=now,
        key=f"page-{page.pk}-{first.pk}",
        recipient=first.address,
        contact_method=first,
    )
    mail_server.refuse_recipient["first@example.com"] = "550 no such user"

    send_due(at=now)
    send_due(at=now)

    assert sent_to(mail_server) == ["second@example.com"]
    assert Message.objects.get(contact_method=second).key == f"page-{page.pk}-{second.pk}"


def test_failed_page_brings_the_next_stage_forward(mail_server: MailServer, now: datetime):
    person = make_person()
    page = make_page(person=person, created_at=now)
    page_message(page, at=now, key=f"page-{page.pk}-1", recipient="first@example.com")
    page_message(
        page,
        at=now,
        key=f"page-{page.pk}-2",
        recipient="second@example.com",
        due_at=now + timedelta(minutes=5),
    )
    mail_server.refuse_recipient["first@example.com"] = "450 later"

    send_due(at=now)
    send_due(at=now)

    assert sent_to(mail_server) == ["second@example.com"]


# --- Still true --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "phase"),
    [
        (Page.State.ACKNOWLEDGED, Phase.DETECTED),
        (Page.State.STOPPED, Phase.DETECTED),
        (Page.State.PENDING, Phase.DISMISSED),
    ],
)
def test_page_that_is_no_longer_true_is_withdrawn(
    mail_server: MailServer, now: datetime, state: str, phase: str
):
    page = make_page(make_incident(phase=phase), state=state, created_at=now)
    page_message(page, at=now)

    send_due(at=now)

    assert Message.objects.get().state == MessageState.WITHDRAWN
    assert mail_server.mails == []


def test_backlog_of_pages_collapses_to_the_latest(mail_server: MailServer, now: datetime):
    first = make_page(created_at=now)
    again = make_page(first.incident, first.person, pass_number=2, created_at=now)
    for page in (first, again):
        page_message(page, at=now)

    send_due(at=now + timedelta(minutes=30))

    assert list(Message.objects.order_by("pk").values_list("state", flat=True)) == [
        MessageState.WITHDRAWN,
        MessageState.SENT,
    ]


def test_later_page_that_waits_for_its_stage_does_not_put_the_earlier_one_off(
    mail_server: MailServer, now: datetime
):
    first = make_page(created_at=now)
    again = make_page(first.incident, first.person, pass_number=2, created_at=now)
    page_message(first, at=now)
    page_message(again, at=now, due_at=now + timedelta(minutes=5))

    send_due(at=now)

    assert len(mail_server.mails) == 1


# --- Trying again ------------------------------------------------------------------------------


def test_retried_message_is_due_at_once_and_on_record(now: datetime):
    message = make_message(
        created_at=now, state=MessageState.DEAD, due_at=None, incident=make_incident()
    )
    later = now + timedelta(days=2)

    retry(message, by=RUTH, at=later)

    message.refresh_from_db()
    assert (message.state, message.due_at) == (MessageState.QUEUED, later)
    assert message.give_up_at == later + outbox.GIVE_UP_AFTER
    [entry] = TimelineEntry.objects.all()
    assert (entry.kind, entry.actor_name) == ("message_retried", "Ruth Adeyemi")


@pytest.mark.parametrize(
    "state", [MessageState.QUEUED, MessageState.SENDING, MessageState.WITHDRAWN]
)
def test_message_that_has_not_failed_is_not_retried(now: datetime, state: str):
    due_at = None if state == MessageState.WITHDRAWN else now
    message = make_message(created_at=now, state=state, due_at=due_at)

    with pytest.raises(DomainError, match="has not failed"):
        retry(message, by=RUTH, at=now)
