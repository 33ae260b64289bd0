from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from comms.models import Message, MessageState, Priority
from incidents.models import Incident
from roster import notices, page_tests
from roster.actors import Actor
from roster.errors import DomainError
from roster.links import make_url
from roster.models import Notice, NoticeKind, PageTest, PageTestCall, Person
from roster.page_test_results import Outcome, results_of
from roster.page_tests import Targets
from roster.tasks import send_page_tests
from tests.factories.reachability import make_page_test
from tests.factories.roster import (
    make_contact_method,
    make_person,
    make_rule,
    make_schedule,
    make_team,
)

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
BY = Actor(person=None, name="Rosa", via="admin")


def refusal(change: Callable[[], object]) -> str:
    with pytest.raises(DomainError) as caught:
        change()
    return caught.value.code


def called(test: PageTest) -> dict[str, str]:
    return dict(test.calls.order_by("person__name").values_list("person__name", "via"))


def with_stages(**fields: Any) -> Person:
    person = make_person(**fields)
    make_rule(make_contact_method(person, address="mail@example.com"))
    make_rule(make_contact_method(person, address="phone@example.com"), delay_minutes=2)
    return person


# --- To oneself ----------------------------------------------------------------------------------


def test_own_test_goes_the_whole_way_of_a_page(now: datetime) -> None:
    page_tests.send_to_oneself(with_stages(name="Ana"), at=now)
    notices.deliver_due(at=now)

    messages = Message.objects.order_by("due_at")
    assert [(row.recipient, row.due_at, row.priority) for row in messages] == [
        ("mail@example.com", now, Priority.PAGE),
        ("phone@example.com", now + 2 * MINUTE, Priority.PAGE),
    ]
    assert messages[0].subject == "Test page: Does a page reach you?"
    assert "Ana, this is a test page; nothing is wrong." in messages[0].body


def test_answer_takes_back_the_stages_that_wait(now: datetime) -> None:
    call = page_tests.send_to_oneself(with_stages(), at=now)
    notices.deliver_due(at=now)

    page_tests.acknowledge(call, at=now + 12 * SECOND)

    assert call.acknowledged_at == now + 12 * SECOND
    assert {message.state for message in Message.objects.all()} == {MessageState.WITHDRAWN}


def test_answer_before_the_messages_are_written_leaves_none(now: datetime) -> None:
    call = page_tests.send_to_oneself(make_person(), at=now)

    page_tests.acknowledge(call, at=now)
    notices.deliver_due(at=now)

    assert Message.objects.count() == 0


def test_second_answer_changes_nothing(now: datetime) -> None:
    call = page_tests.send_to_oneself(make_person(), at=now)

    page_tests.acknowledge(call, at=now + SECOND)
    page_tests.acknowledge(call, at=now + MINUTE)

    assert call.acknowledged_at == now + SECOND


def test_another_own_test_within_a_minute_is_refused_unless_answered(now: datetime) -> None:
    person = make_person()
    first = page_tests.send_to_oneself(person, at=now)

    assert refusal(lambda: page_tests.send_to_oneself(person, at=now + 59 * SECOND)) == (
        "test_on_its_way"
    )
    page_tests.acknowledge(first, at=now + 59 * SECOND)
    page_tests.send_to_oneself(person, at=now + 59 * SECOND)
    assert PageTestCall.objects.count() == 2


def test_link_in_the_message_answers_it(now: datetime, clock: Any, client: Client) -> None:
    call = page_tests.send_to_oneself(make_person(name="Ana"), at=now - 12 * SECOND)
    url = make_url("call.acknowledge", call.pk, call.person)

    shown = client.get(url).text
    done = client.post(url).text
    again = client.get(url).text

    assert "I have it" in shown
    sentence = "This was a test; nothing is wrong. You answered after 12 s. Thank you."
    assert sentence in done
    assert sentence in again
    call.refresh_from_db()
    assert call.acknowledged_at == now


def test_looking_at_the_link_answers_nothing(now: datetime, clock: Any, client: Client) -> None:
    call = page_tests.send_to_oneself(make_person(), at=now)

    client.get(make_url("call.acknowledge", call.pk, call.person))

    call.refresh_from_db()
    assert call.acknowledged_at is None


def test_person_without_a_login_asks_for_one_by_link(
    now: datetime, clock: Any, client: Client
) -> None:
    person = make_person()

    client.post(make_url("person.test-page", person.pk, person))

    assert [call.person for call in PageTestCall.objects.all()] == [person]


# --- Unannounced ---------------------------------------------------------------------------------


def test_test_pages_who_is_on_call_then_teams_and_people(now: datetime) -> None:
    ana, bo, cy, dee = (make_person(name=name) for name in ("Ana", "Bo", "Cy", "Dee"))
    schedule = make_schedule(bo, ana, name="Primary")
    test = make_page_test(
        starts_at=now,
        schedules=[schedule],
        teams=[make_team(name="Core", members=[cy, make_person(is_active=False)])],
        people=[cy, dee],
    )
    make_schedule(make_person(name="Elsewhere"))

    assert page_tests.send_due(at=now) == 1

    # The ninth week since 5 January: Bo's turn.
    assert called(test) == {
        "Bo": "on call for Primary",
        "Cy": "team Core",
        "Dee": "by name",
    }
    test.refresh_from_db()
    assert (test.sent_at, test.state) == (now, "Sent")


def test_who_is_on_call_is_asked_when_it_is_sent(now: datetime) -> None:
    ana, bo = make_person(name="Ana"), make_person(name="Bo")
    test = make_page_test(starts_at=now + timedelta(days=7), schedules=[make_schedule(ana, bo)])

    page_tests.send_due(at=now + timedelta(days=7))

    assert list(called(test)) == ["Bo"]


def test_nobody_is_told_before_its_time(now: datetime) -> None:
    test = make_page_test(starts_at=now + MINUTE, people=[make_person()])

    assert page_tests.send_due(at=now) == 0
    assert (called(test), Notice.objects.count()) == ({}, 0)


def test_test_run_twice_pages_once(now: datetime) -> None:
    test = make_page_test(starts_at=now, people=[make_person()])
    stale = PageTest.objects.get(pk=test.pk)

    page_tests.send_due(at=now)
    page_tests._send(stale, at=now + SECOND)

    assert (test.calls.count(), Notice.objects.count()) == (1, 1)


def test_unannounced_page_reads_like_a_page_and_opens_no_incident(
    now: datetime, clock: Any, client: Client
) -> None:
    person = make_person(name="Ana")
    test = make_page_test(name="Disk of db-3 is full", starts_at=now, people=[person])

    page_tests.send_due(at=now)
    notices.deliver_due(at=now)

    message = Message.objects.get()
    assert message.subject == "Page: Disk of db-3 is full"
    assert "This needs your acknowledgement." in message.body
    link = make_url("call.acknowledge", test.calls.get().pk, person)
    before = client.get(link).text
    assert "test" not in (message.subject + message.body + link + before).lower()
    assert "This was a test" in client.post(link).text
    assert not Incident.objects.exists()


def test_test_that_is_an_hour_late_is_called_off(now: datetime) -> None:
    late = make_page_test(starts_at=now - timedelta(hours=1, seconds=1), people=[make_person()])
    just = make_page_test(starts_at=now - timedelta(hours=1), people=[make_person()])

    page_tests.send_due(at=now)

    late.refresh_from_db()
    assert (late.sent_at, late.cancelled_at, late.cancelled_because) == (
        None,
        now,
        "Muster was not running when it was due.",
    )
    assert (late.calls.count(), just.calls.count()) == (0, 1)


def test_cancelled_test_is_never_sent(now: datetime) -> None:
    test = make_page_test(starts_at=now + MINUTE, people=[make_person()])

    page_tests.cancel(test, by=BY, at=now)

    assert page_tests.send_due(at=now + MINUTE) == 0
    test.refresh_from_db()
    assert (test.state, test.cancelled_because) == ("Cancelled", "Cancelled by Rosa.")


def test_sent_test_cannot_be_cancelled(now: datetime) -> None:
    test = make_page_test(starts_at=now, people=[make_person()])
    page_tests.send_due(at=now)

    with pytest.raises(DomainError) as caught:
        page_tests.cancel(test, by=BY, at=now)

    assert caught.value.message == (
        f"{test.reference} was sent already. There is nothing to call off."
    )


def test_planning_needs_somebody_to_page_and_a_time_to_come(now: datetime) -> None:
    def draft(starts_at: datetime) -> PageTest:
        return PageTest(name="Drill", starts_at=starts_at)

    someone = Targets(people=[make_person()])
    assert refusal(lambda: page_tests.plan(draft(now), Targets(), by=None, at=now)) == (
        "nobody_to_page"
    )
    yesterday = draft(now - timedelta(days=1))
    assert refusal(lambda: page_tests.plan(yesterday, someone, by=None, at=now)) == "in_the_past"
    assert page_tests.plan(draft(now), someone, by=None, at=now).reference == "PT-1"


def test_sweep_sends_what_is_due(now: datetime, clock: Any) -> None:
    test = make_page_test(starts_at=now, people=[make_person()])

    send_page_tests()
    send_page_tests()

    assert test.calls.count() == 1


def test_sending_takes_the_same_queries_for_thirty_people_as_for_one(
    now: datetime, django_assert_num_queries: Any
) -> None:
    make_page_test(starts_at=now, people=[make_person()], schedules=[make_schedule(make_person())])
    people = [make_person() for _ in range(30)]
    make_page_test(
        starts_at=now + MINUTE,
        people=people,
        schedules=[make_schedule(person) for person in people[:5]],
    )

    for moment in (now, now + MINUTE):
        with django_assert_num_queries(14):
            page_tests.send_due(at=moment)


# --- Results -------------------------------------------------------------------------------------


def test_results_name_the_quick_the_late_and_the_missing(now: datetime) -> None:
    names = ("Ana", "Bo", "Cy", "Dee")
    people = {name: make_person(name=name) for name in names}
    test = make_page_test(starts_at=now, people=list(people.values()), answer_within_minutes=10)
    page_tests.send_due(at=now)
    test.refresh_from_db()
    for name, minutes in (("Bo", 4), ("Ana", 2), ("Cy", 12)):
        call = test.calls.get(person=people[name])
        page_tests.acknowledge(call, at=now + minutes * MINUTE)

    results = results_of(test, at=now + 10 * MINUTE)

    assert [
        (answer.call.person.name, answer.outcome, answer.after, answer.share)
        for answer in results.answers
    ] == [
        ("Ana", Outcome.IN_TIME, 2 * MINUTE, 20),
        ("Bo", Outcome.IN_TIME, 4 * MINUTE, 40),
        ("Cy", Outcome.LATE, 12 * MINUTE, 100),
        ("Dee", Outcome.MISSED, None, 100),
    ]
    assert results.median == 4 * MINUTE
    assert results.counts == {
        Outcome.IN_TIME: 2,
        Outcome.LATE: 1,
        Outcome.WAITING: 0,
        Outcome.MISSED: 1,
    }


def test_person_who_has_time_left_is_waited_for(now: datetime) -> None:
    test = make_page_test(starts_at=now, people=[make_person()], answer_within_minutes=10)
    page_tests.send_due(at=now)

    [answer] = results_of(test, at=now + 5 * MINUTE).answers

    assert (answer.outcome, answer.share) == (Outcome.WAITING, 50)


def test_results_take_one_query(now: datetime, django_assert_num_queries: Any) -> None:
    test = make_page_test(starts_at=now, people=[make_person() for _ in range(5)])
    page_tests.send_due(at=now)

    with django_assert_num_queries(1):
        results_of(test, at=now)


def test_last_answer_of_each_person(now: datetime) -> None:
    ana, bo = make_person(), make_person()
    page_tests.acknowledge(page_tests.send_to_oneself(ana, at=now), at=now + SECOND)
    page_tests.send_to_oneself(bo, at=now)

    assert page_tests.last_answered([ana, bo]) == {ana.pk: now + SECOND}
    assert Notice.objects.filter(kind=NoticeKind.PAGE_TEST).count() == 2
