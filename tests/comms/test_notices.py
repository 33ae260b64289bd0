"""From a notice of the roster to messages: once, by the right ways, whoever dies when."""

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Any

import pytest

from comms import outbox
from comms.content import Content
from comms.models import Message, MessageState, Priority
from comms.notices import registry, words_for
from roster import notices
from roster.leases import claim
from roster.models import Notice, NoticeKind, Person, Urgency
from roster.tasks import deliver_notices
from tests.comms.conftest import MailServer
from tests.factories.reachability import make_notice
from tests.factories.roster import make_contact_method, make_person, make_rule

pytestmark = pytest.mark.django_db

KIND = NoticeKind.PLAN_READY
SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def own_words() -> Iterator[None]:
    """Words that need nothing, for a kind the tests borrow."""
    kept = dict(registry._words)

    @words_for(KIND)
    def words(notice: Notice) -> Content | None:
        if notice.data.get("fails"):
            raise ValueError("no words")
        return None if notice.data.get("moot") else Content("News", "The roster is ready.")

    yield
    registry._words.clear()
    registry._words.update(kept)


def tell(person: Person, now: datetime, **fields: Any) -> Notice:
    fields.setdefault("key", "news")
    notices.tell(person, fields.pop("kind", KIND), at=now, **fields)
    return Notice.objects.get(key=fields["key"])


def queued() -> list[tuple[str, datetime | None]]:
    return list(Message.objects.order_by("due_at", "pk").values_list("recipient", "due_at"))


def test_notice_becomes_a_message_and_is_done(now: datetime) -> None:
    notice = tell(make_person(email="ana@example.com"), now)

    assert notices.deliver_due(at=now) == 1

    notice.refresh_from_db()
    assert (notice.due_at, notice.delivered_at, notice.lease_token) == (None, now, None)
    [message] = Message.objects.all()
    assert (message.recipient, message.subject, message.priority) == (
        "ana@example.com",
        "News",
        Priority.DIGEST,
    )
    assert message.notice == notice


def test_told_again_under_the_same_key_is_told_once(now: datetime) -> None:
    person = make_person()
    tell(person, now)
    tell(person, now + SECOND)

    assert notices.deliver_due(at=now + SECOND) == 1
    assert notices.deliver_due(at=now + SECOND) == 0
    assert Message.objects.count() == 1


def test_notice_that_is_not_due_waits(now: datetime) -> None:
    tell(make_person(), now, due_at=now + timedelta(hours=1))

    assert notices.deliver_due(at=now) == 0
    assert notices.deliver_due(at=now + timedelta(hours=1)) == 1


def test_pointless_notice_is_done_without_a_message(now: datetime) -> None:
    notice = tell(make_person(), now, data={"moot": True})

    notices.deliver_due(at=now)

    notice.refresh_from_db()
    assert (notice.delivered_at, Message.objects.count()) == (now, 0)


def test_failing_words_are_tried_again_and_the_others_go_on(now: datetime) -> None:
    failing = tell(make_person(), now, key="a", data={"fails": True})
    tell(make_person(email="bo@example.com"), now, key="b")

    notices.deliver_due(at=now)

    failing.refresh_from_db()
    assert failing.due_at is not None
    assert now < failing.due_at <= now + 2 * SECOND
    assert (failing.last_error, failing.attempts, failing.delivered_at) == ("ValueError", 1, None)
    assert [recipient for recipient, _ in queued()] == ["bo@example.com"]

    Notice.objects.filter(pk=failing.pk).update(data={})
    notices.deliver_due(at=now + 2 * SECOND)

    failing.refresh_from_db()
    assert (failing.delivered_at, failing.last_error) == (now + 2 * SECOND, "")


def test_kind_without_words_stays_due_and_says_so(now: datetime) -> None:
    registry._words.pop(KIND)
    notice = tell(make_person(), now)

    notices.deliver_due(at=now)

    notice.refresh_from_db()
    assert (notice.last_error, notice.delivered_at) == ("KeyError", None)
    assert notice.due_at is not None


def test_worker_killed_in_between_leaves_a_notice_for_the_next(now: datetime) -> None:
    notice = tell(make_person(), now)
    claim(Notice.objects.all(), at=now, limit=1, lease_for=notices.LEASE_FOR)  # and then it dies

    assert notices.deliver_due(at=now + SECOND) == 0
    assert notices.deliver_due(at=now + notices.LEASE_FOR) == 1

    notice.refresh_from_db()
    assert (notice.attempts, notice.delivered_at) == (2, now + notices.LEASE_FOR)
    assert Message.objects.count() == 1


def test_worker_that_slept_through_its_lease_changes_nothing(now: datetime) -> None:
    tell(make_person(), now)
    [slept] = claim(Notice.objects.all(), at=now, limit=1, lease_for=notices.LEASE_FOR)
    later = now + notices.LEASE_FOR
    [taken] = claim(Notice.objects.all(), at=later, limit=1, lease_for=notices.LEASE_FOR)

    notices._deliver(slept, at=later)

    taken.refresh_from_db()
    assert (Message.objects.count(), taken.delivered_at) == (0, None)
    assert taken.lease_token is not None


def test_two_workers_share_the_notices(now: datetime) -> None:
    for number in range(4):
        tell(make_person(), now, key=f"n-{number}")
    theirs = claim(Notice.objects.all(), at=now, limit=2, lease_for=notices.LEASE_FOR)

    assert notices.deliver_due(at=now) == 2
    assert notices.deliver_due(at=now) == 0
    for notice in theirs:
        notices._deliver(notice, at=now)
    assert Message.objects.count() == 4


def test_low_urgency_goes_to_the_first_stage_only(now: datetime) -> None:
    person = make_person()
    mail = make_contact_method(person, address="mail@example.com")
    phone = make_contact_method(person, address="phone@example.com")
    make_rule(mail, urgency=Urgency.LOW, delay_minutes=0)
    make_rule(phone, urgency=Urgency.LOW, delay_minutes=5)

    tell(person, now)
    notices.deliver_due(at=now)

    assert queued() == [("mail@example.com", now)]


def test_high_urgency_goes_the_whole_way(now: datetime) -> None:
    person = make_person()
    make_rule(make_contact_method(person, address="mail@example.com"))
    make_rule(make_contact_method(person, address="phone@example.com"), delay_minutes=5)

    tell(person, now, urgency=Urgency.HIGH)
    notices.deliver_due(at=now)

    assert queued() == [
        ("mail@example.com", now),
        ("phone@example.com", now + timedelta(minutes=5)),
    ]
    assert {message.priority for message in Message.objects.all()} == {Priority.REQUEST}


def test_method_of_its_own_is_the_only_one_used_verified_or_not(now: datetime) -> None:
    person = make_person()
    make_contact_method(person)
    new = make_contact_method(person, address="new@example.com", verified=False)

    tell(person, now, contact_method=new)
    notices.deliver_due(at=now)

    assert queued() == [("new@example.com", now)]


def test_low_urgency_waits_for_the_end_of_quiet_hours(now: datetime) -> None:
    night = {"time_zone": "UTC", "quiet_from": time(9), "quiet_until": time(12)}
    low, high = make_person(email="low@x.example", **night), make_person(**night)
    own = make_person(**night)
    new = make_contact_method(own, address="own@x.example")

    tell(low, now, key="low")
    tell(high, now, key="high", urgency=Urgency.HIGH)
    tell(own, now, key="own", contact_method=new)
    notices.deliver_due(at=now)

    assert queued() == [
        (high.email, now),
        ("own@x.example", now),
        ("low@x.example", now + timedelta(hours=2)),
    ]


def test_withdrawn_notice_is_never_said(now: datetime) -> None:
    tell(make_person(), now)

    notices.withdraw("news")

    assert notices.deliver_due(at=now) == 0
    assert Message.objects.count() == 0


def test_withdrawing_takes_back_the_messages_that_wait_and_keeps_those_sent(
    now: datetime, mail_server: MailServer
) -> None:
    person = make_person()
    make_rule(make_contact_method(person, address="mail@example.com"))
    make_rule(make_contact_method(person, address="phone@example.com"), delay_minutes=5)
    tell(person, now, urgency=Urgency.HIGH)
    notices.deliver_due(at=now)
    outbox.send_due(at=now)

    notices.withdraw("news")

    assert list(Message.objects.order_by("due_at").values_list("state", flat=True)) in (
        [MessageState.SENT, MessageState.WITHDRAWN],
        [MessageState.WITHDRAWN, MessageState.SENT],
    )


def test_withdrawing_while_a_worker_holds_it_makes_that_worker_lose_it(now: datetime) -> None:
    tell(make_person(), now)
    [held] = claim(Notice.objects.all(), at=now, limit=1, lease_for=notices.LEASE_FOR)

    notices.withdraw("news")
    notices._deliver(held, at=now)

    assert Message.objects.count() == 0


def test_withdrawing_what_never_was_does_nothing() -> None:
    notices.withdraw("never")

    assert Notice.objects.count() == 0


def test_sweep_delivers_what_is_due(now: datetime, clock: object) -> None:
    for number in range(3):
        make_notice(make_person(), kind=KIND, created_at=now, key=f"n-{number}")

    deliver_notices()
    deliver_notices()

    assert Message.objects.count() == 3


def test_delivery_takes_the_same_queries_per_notice_whatever_waits(
    now: datetime, django_assert_num_queries: Any
) -> None:
    for number in range(60):
        tell(make_person(), now + timedelta(hours=1), key=f"later-{number}")
    tell(make_person(), now, key="due")

    with django_assert_num_queries(11):  # four of them savepoints
        notices.deliver_due(at=now)
