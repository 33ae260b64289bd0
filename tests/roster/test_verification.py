from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from comms import outbox
from comms.models import Message, MessageState
from roster import notices, verification
from roster.actors import Actor
from roster.errors import DomainError
from roster.models import ContactMethod, ContactVerification, Notice, ScheduleWatch
from tests.comms.conftest import MailServer, mail_server
from tests.factories.roster import make_contact_method, make_person, make_schedule

__all__ = ["mail_server"]  # the fixture

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


@pytest.fixture
def method() -> ContactMethod:
    return make_contact_method(make_person(name="Ana"), address="new@example.com", verified=False)


def sent_code(method: ContactMethod, at: datetime) -> str:
    """Have a code sent and read it where it went: in the message."""
    verification.send_code(method, at=at)
    notices.deliver_due(at=at)
    message = Message.objects.filter(contact_method=method).latest("pk")
    return message.body.split()[0]


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06}"


def refusal(change: Callable[[], object]) -> str:
    with pytest.raises(DomainError) as caught:
        change()
    return caught.value.code


def test_code_goes_to_exactly_this_method_and_its_entry_verifies_it(
    method: ContactMethod, now: datetime
) -> None:
    make_contact_method(method.person)

    code = sent_code(method, now)
    verification.verify(method, f" {code} ", at=now + MINUTE)

    assert len(code) == 6
    assert code.isdecimal()
    assert [message.recipient for message in Message.objects.all()] == ["new@example.com"]
    method.refresh_from_db()
    assert method.verified_at == now + MINUTE
    assert not ContactVerification.objects.exists()


def test_code_is_stored_nowhere_but_in_its_message(method: ContactMethod, now: datetime) -> None:
    code = sent_code(method, now)

    row = ContactVerification.objects.get()
    assert code not in row.code_digest
    assert code not in str(Notice.objects.values_list("data", "key"))
    assert row.expires_at == now + timedelta(minutes=15)


def test_code_is_forgotten_once_it_is_sent(
    method: ContactMethod, now: datetime, mail_server: MailServer
) -> None:
    code = sent_code(method, now)

    outbox.send_due(at=now)

    message = Message.objects.get()
    assert (message.state, message.body, message.html) == (MessageState.SENT, "", "")
    assert code in str(mail_server.mails[0].get_body(("plain",)))


def test_outbox_shows_no_code_to_whoever_reads_it(
    method: ContactMethod, now: datetime, admin_client: Client
) -> None:
    code = sent_code(method, now)
    message = Message.objects.get()

    page = admin_client.get(reverse("admin:comms_message_change", args=[message.pk])).text
    listed = admin_client.get(reverse("admin:comms_message_changelist")).text

    assert "eyes only" in page
    assert code not in page + listed


def test_wrong_code_is_refused_and_says_how_many_tries_are_left(
    method: ContactMethod, now: datetime
) -> None:
    code = sent_code(method, now)

    with pytest.raises(DomainError) as caught:
        verification.verify(method, wrong(code), at=now)

    text = "This is not the code that was sent. 4 more tries."
    assert (caught.value.code, caught.value.fields) == ("wrong_code", {"code": [text]})
    verification.verify(method, code, at=now)
    assert method.verified_at == now


def test_after_five_wrong_tries_the_right_code_is_too_late(
    method: ContactMethod, now: datetime
) -> None:
    code = sent_code(method, now)
    for _ in range(5):
        refusal(lambda: verification.verify(method, wrong(code), at=now))

    assert refusal(lambda: verification.verify(method, code, at=now)) == "no_code"
    method.refresh_from_db()
    assert method.verified_at is None


def test_code_is_good_for_fifteen_minutes(method: ContactMethod, now: datetime) -> None:
    code = sent_code(method, now)

    assert refusal(lambda: verification.verify(method, code, at=now + 15 * MINUTE)) == "no_code"
    verification.verify(method, code, at=now + 15 * MINUTE - timedelta(seconds=1))
    assert method.verified_at


def test_empty_code_is_wrong_even_before_the_message_is_written(
    method: ContactMethod, now: datetime
) -> None:
    verification.send_code(method, at=now)

    assert refusal(lambda: verification.verify(method, "", at=now)) == "wrong_code"


def test_second_code_within_a_minute_is_refused(method: ContactMethod, now: datetime) -> None:
    verification.send_code(method, at=now)

    assert refusal(lambda: verification.send_code(method, at=now + 0.9 * MINUTE)) == (
        "code_just_sent"
    )
    verification.send_code(method, at=now + MINUTE)


def test_sixth_code_within_an_hour_is_refused(method: ContactMethod, now: datetime) -> None:
    for number in range(5):
        verification.send_code(method, at=now + number * 2 * MINUTE)

    assert refusal(lambda: verification.send_code(method, at=now + 30 * MINUTE)) == "too_many_codes"
    verification.send_code(method, at=now + 60 * MINUTE)


def test_new_code_ends_the_one_before(method: ContactMethod, now: datetime) -> None:
    old = sent_code(method, now)
    new = sent_code(method, now + MINUTE)

    if old != new:
        assert refusal(lambda: verification.verify(method, old, at=now + MINUTE)) == "wrong_code"
    verification.verify(method, new, at=now + MINUTE)


def test_code_asked_for_again_before_the_first_was_written_is_sent_once(
    method: ContactMethod, now: datetime
) -> None:
    verification.send_code(method, at=now)
    verification.send_code(method, at=now + MINUTE)

    notices.deliver_due(at=now + MINUTE)

    assert Message.objects.count() == 1


def test_code_of_one_address_does_not_verify_another(method: ContactMethod, now: datetime) -> None:
    code = sent_code(method, now)
    method.address = "victim@example.com"
    method.save()

    assert refusal(lambda: verification.verify(method, code, at=now)) == "wrong_code"


def test_another_address_has_to_be_verified_anew(now: datetime) -> None:
    method = make_contact_method(make_person(), address="old@example.com")

    method.label = "Work"
    method.save()
    kept = method.verified_at
    method.address = "new@example.com"
    method.save(update_fields=["address"])

    method.refresh_from_db()
    assert (kept is not None, method.verified_at) == (True, None)


def test_verified_method_needs_no_code(now: datetime) -> None:
    method = make_contact_method(make_person())

    assert refusal(lambda: verification.send_code(method, at=now)) == "already_verified"
    assert not Notice.objects.exists()


def test_word_of_an_administrator_is_kept_with_its_reason(
    method: ContactMethod, now: datetime
) -> None:
    by = Actor(person=None, name="Root", via="admin")

    assert refusal(lambda: verification.vouch(method, by=by, at=now, reason=" ")) == (
        "reason_missing"
    )
    verification.vouch(method, by=by, at=now, reason="He called back.")

    method.refresh_from_db()
    assert method.verified_at == now
    assert method.history.first().history_change_reason == "Root: He called back."


def test_schedules_of_the_person_are_proven_again(method: ContactMethod, now: datetime) -> None:
    schedule = make_schedule(method.person)
    make_schedule(make_person())

    verification.verify(method, sent_code(method, now), at=now)

    watched = ScheduleWatch.objects.values_list("schedule", "due_at")
    assert list(watched) == [(schedule.pk, now)]
