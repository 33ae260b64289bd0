"""Many messages to one person, and how they become few, through a real mail server."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from comms.models import Message, MessageState, Priority
from comms.outbox import bundles, report_undelivered, send_due, sending, withdraw
from comms.outbox.pacing import RATES, WINDOW
from incidents.models import Page, Phase, TimelineEntry
from roster.actors import Actor
from roster.models import Channel, Person
from tests.comms.conftest import MailServer
from tests.factories.comms import make_message, make_page_message
from tests.factories.incidents import make_incident, make_page, make_severity
from tests.factories.roster import make_contact_method, make_person

pytestmark = pytest.mark.django_db

PROVIDER = Actor(person=None, name="Provider", via="api")
EMAIL_RATE = RATES[Channel.EMAIL]


@pytest.fixture
def ada() -> Person:
    return make_person(name="Ada", email="ada@example.com")


def storm(person: Person, number: int, *, at: datetime, **fields: object) -> list[Page]:
    """So many incidents, each of which has just paged this person for the first time."""
    pages = [
        make_page(make_incident(title=f"Storm {each}", **fields), person, created_at=at)
        for each in range(number)
    ]
    for page in pages:
        make_page_message(page, created_at=at)
    return pages


def drain(at: datetime) -> None:
    while send_due(at=at):
        pass


def subjects(mail_server: MailServer, to: str = "ada@example.com") -> list[str]:
    return [str(mail["Subject"]) for mail in mail_server.mails if mail["To"] == to]


def text_of(mail_server: MailServer) -> str:
    part = mail_server.mails[-1].get_body(("plain",))
    assert part
    return str(part.get_content())


# --- A burst of first pages --------------------------------------------------------------------


def test_three_pages_are_three_mails(mail_server: MailServer, ada: Person, now: datetime):
    storm(ada, 3, at=now)

    drain(now)

    assert len(subjects(mail_server)) == 3


def test_burst_of_pages_is_one_mail_that_answers_each(
    mail_server: MailServer, ada: Person, now: datetime
):
    pages = storm(ada, 5, at=now)
    worst = pages[2].incident
    worst.severity = make_severity(1)
    worst.save()

    drain(now)

    assert subjects(mail_server) == [f"5 pages: {worst} and 4 more"]
    said = text_of(mail_server)
    assert said.index(f"{worst.reference} SEV1: Storm 2") < said.index("SEV3")
    assert said.count("/a/page.acknowledge:") == 5
    assert said.index("/a/pages.mine:") < said.index("/a/page.acknowledge:")
    [bundle] = Message.objects.filter(state=MessageState.SENT)
    assert (bundle.priority, bundle.person, bundle.sent_at) == (Priority.FIRST_PAGE, ada, now)
    parts = Message.objects.filter(state=MessageState.BUNDLED, bundle=bundle, due_at=None)
    assert parts.count() == 5


def test_bundle_keeps_no_word_of_what_it_says(mail_server: MailServer, ada: Person, now: datetime):
    storm(ada, 5, at=now, is_private=True)

    drain(now)

    [bundle] = Message.objects.filter(state=MessageState.SENT)
    assert (bundle.subject, bundle.body, bundle.html) == ("5 pages in one", "", "")
    assert "Storm 0" in text_of(mail_server)


def test_bundle_names_a_dozen_and_counts_the_rest(
    mail_server: MailServer, ada: Person, now: datetime
):
    storm(ada, 30, at=now)

    drain(now)

    assert len(subjects(mail_server)) == 1
    assert text_of(mail_server).count("/a/page.acknowledge:") == bundles.SHOWN
    assert f"And {30 - bundles.SHOWN} more, on My pages." in text_of(mail_server)


def test_storm_costs_as_many_queries_as_a_burst(
    mail_server: MailServer,
    ada: Person,
    now: datetime,
    django_assert_num_queries: Callable[..., object],
):
    for person, number in ((ada, 5), (make_person(email="ben@example.com"), 60)):
        storm(person, number, at=now)
        with django_assert_num_queries(13):
            sending._claim(Channel.EMAIL, at=now, limit=20)
        Message.objects.filter(key__startswith="bundle-").update(due_at=None, state="dead")


@pytest.mark.slow
def test_another_person_s_page_does_not_wait_for_the_storm(
    mail_server: MailServer, ada: Person, now: datetime
):
    storm(ada, 300, at=now)
    ben = make_person(email="ben@example.com")
    make_page_message(make_page(person=ben, created_at=now), created_at=now)

    drain(now)

    assert sorted(str(mail["To"]) for mail in mail_server.mails) == [
        "ada@example.com",
        "ben@example.com",
    ]


def test_new_incident_after_the_storm_stands_out(
    mail_server: MailServer, ada: Person, now: datetime
):
    storm(ada, 30, at=now)
    drain(now)
    [page] = storm(ada, 1, at=now)

    drain(now)

    assert subjects(mail_server)[1:] == [str(page.incident)]


def test_new_incident_overtakes_a_batch_in_progress(
    mail_server: MailServer, ada: Person, now: datetime, monkeypatch: pytest.MonkeyPatch
):
    """However slow the provider is: after its turn a batch is given back, and claimed anew."""
    monkeypatch.setattr(sending, "TURN", timedelta())
    for number in range(10):
        make_message(created_at=now, recipient=f"p{number}@example.com")
    send_due(at=now)
    storm(ada, 1, at=now)

    send_due(at=now)

    assert [mail["To"] for mail in mail_server.mails] == ["p0@example.com", "ada@example.com"]
    waiting = Message.objects.filter(state=MessageState.QUEUED, lease_token=None)
    assert waiting.filter(attempts=0, due_at=now).count() == 9


@pytest.mark.slow
def test_storm_that_goes_on_is_bounded_and_late_by_two_seconds_at_most(
    mail_server: MailServer, ada: Person, now: datetime
):
    """Two new incidents each second, until long after the address is full."""
    moment = now
    for _ in range(30):
        storm(ada, 2, at=moment)
        drain(moment)
        moment += timedelta(seconds=1)
    drain(moment + timedelta(seconds=2))

    assert not Message.objects.unsent().exists()
    firsts = EMAIL_RATE // 2  # seconds, until the address is full
    assert len(subjects(mail_server)) <= EMAIL_RATE + (30 - firsts) / 2 + 1
    for part in Message.objects.filter(state=MessageState.BUNDLED).select_related("bundle"):
        assert part.bundle
        assert part.bundle.sent_at
        assert part.bundle.sent_at - part.created_at <= timedelta(seconds=3)


# --- Repeats -----------------------------------------------------------------------------------


def repeat_pages(person: Person, number: int, *, at: datetime) -> None:
    for _ in range(number):
        page = make_page(person=person, created_at=at, pass_number=2)
        make_page_message(page, created_at=at, priority=Priority.PAGE)


def test_first_page_arrives_at_once_in_a_storm_of_repeats(
    mail_server: MailServer, ada: Person, now: datetime
):
    for number in range(EMAIL_RATE):
        make_message(
            created_at=now, person=ada, recipient=ada.email, key=f"m-{number}", sent_at=now,
            state=MessageState.SENT, due_at=None, priority=Priority.PAGE,
        )  # fmt: skip
    repeat_pages(ada, 50, at=now)
    [page] = storm(ada, 1, at=now)

    drain(now)

    assert subjects(mail_server) == [str(page.incident)]


def test_repeats_that_waited_go_as_one_once_there_is_room(
    mail_server: MailServer, ada: Person, now: datetime
):
    repeat_pages(ada, 3, at=now)
    for number in range(EMAIL_RATE):
        make_message(
            created_at=now, person=ada, recipient=ada.email, key=f"m-{number}", sent_at=now,
            state=MessageState.SENT, due_at=None,
        )  # fmt: skip
    drain(now)
    assert subjects(mail_server) == []

    drain(now + WINDOW)

    assert len(subjects(mail_server)) == 3


def test_messages_to_addresses_of_nobody_are_not_counted(mail_server: MailServer, now: datetime):
    for _ in range(EMAIL_RATE + 5):
        make_message(created_at=now, recipient="list@example.com")

    drain(now)

    assert len(mail_server.mails) == EMAIL_RATE + 5


def test_code_that_somebody_waits_for_is_sent_at_once(
    mail_server: MailServer, ada: Person, now: datetime
):
    for number in range(EMAIL_RATE + 1):
        make_message(
            created_at=now, person=ada, recipient=ada.email, key=f"code-{number}",
            is_confidential=True,
        )  # fmt: skip

    drain(now)

    assert len(subjects(mail_server)) == EMAIL_RATE + 1


def test_news_of_what_has_ended_goes_as_one(mail_server: MailServer, ada: Person, now: datetime):
    for number in range(30):
        incident = make_incident(title=f"Storm {number}", phase=Phase.DISMISSED)
        make_message(
            created_at=now, person=ada, recipient=ada.email, key=f"ended-{number}-1-profile",
            priority=Priority.REQUEST, incident=incident, subject=f"{incident.reference} ended",
        )  # fmt: skip

    drain(now)

    [subject] = subjects(mail_server)
    assert subject.startswith("30 messages: ")
    assert "nothing here that you need to answer" in text_of(mail_server)


# --- Answered meanwhile ------------------------------------------------------------------------


def bundled(person: Person, number: int, *, at: datetime) -> list[Page]:
    """Pages whose bundle waits to be sent."""
    pages = storm(person, number, at=at)
    sending._claim(Channel.EMAIL, at=at, limit=20)
    assert Message.objects.filter(state=MessageState.BUNDLED).count() == number
    return pages


def test_part_answered_meanwhile_is_left_out(mail_server: MailServer, ada: Person, now: datetime):
    answered, *_ = bundled(ada, 5, at=now)
    Page.objects.filter(pk=answered.pk).update(state=Page.State.STOPPED, ended_at=now)

    drain(now)

    assert subjects(mail_server)[0].startswith("4 pages: ")
    assert "Storm 0" not in text_of(mail_server)


def test_bundle_of_which_one_is_left_reads_like_that_page(
    mail_server: MailServer, ada: Person, now: datetime
):
    left, *answered = bundled(ada, 5, at=now)
    pks = [page.pk for page in answered]
    Page.objects.filter(pk__in=pks).update(state=Page.State.STOPPED, ended_at=now)

    drain(now)

    assert subjects(mail_server) == [str(left.incident)]
    assert "This page waits for you." in text_of(mail_server)


def test_bundle_of_which_nothing_is_left_is_not_sent(
    mail_server: MailServer, ada: Person, now: datetime
):
    bundled(ada, 5, at=now)
    Page.objects.update(state=Page.State.STOPPED, ended_at=now)

    drain(now)

    assert mail_server.mails == []
    assert Message.objects.get(key__startswith="bundle-").state == MessageState.WITHDRAWN


def test_withdrawing_takes_parts_out_of_a_bundle_and_the_bundle_with_the_last(
    ada: Person, now: datetime
):
    first, *rest = bundled(ada, 4, at=now)
    bundle = Message.objects.get(key__startswith="bundle-")

    assert withdraw(Message.objects.filter(page=first)) == 1
    bundle.refresh_from_db()
    assert bundle.state == MessageState.QUEUED

    assert withdraw(Message.objects.filter(page__in=rest)) == 3
    bundle.refresh_from_db()
    assert (bundle.state, bundle.due_at) == (MessageState.WITHDRAWN, None)


def test_part_of_a_bundle_that_was_sent_is_not_withdrawn(
    mail_server: MailServer, ada: Person, now: datetime
):
    first, *_ = storm(ada, 5, at=now)
    drain(now)

    assert withdraw(Message.objects.filter(page=first)) == 0


def test_backlog_is_collapsed_before_it_is_bundled(
    mail_server: MailServer, ada: Person, now: datetime
):
    """Six passes over one incident during half an hour of downtime are one page, not a bundle."""
    incident = make_incident()
    for pass_number in range(1, 7):
        page = make_page(incident, ada, pass_number=pass_number, created_at=now)
        make_page_message(page, created_at=now, priority=Priority.PAGE)

    drain(now + timedelta(minutes=30))

    assert subjects(mail_server) == [str(incident)]


# --- Crashes and failures ----------------------------------------------------------------------


def test_bundle_of_a_dead_worker_is_repeated_under_its_key(
    mail_server: MailServer, ada: Person, now: datetime
):
    bundled(ada, 5, at=now)
    bundle = Message.objects.get(key__startswith="bundle-")
    sending._claim(Channel.EMAIL, at=now, limit=20)  # and the worker dies while it is sending

    drain(now + sending.LEASE_FOR)

    [mail] = mail_server.mails
    assert mail["Message-ID"] == f"<{bundle.key}@127.0.0.1>"
    bundle.refresh_from_db()
    assert bundle.possibly_sent_twice


def test_page_that_may_have_gone_out_keeps_its_own_key(
    mail_server: MailServer, ada: Person, now: datetime
):
    storm(ada, 5, at=now)
    in_doubt = Message.objects.earliest("pk")
    Message.objects.filter(pk=in_doubt.pk).update(state=MessageState.SENDING)

    drain(now)

    ids = [str(mail["Message-ID"]) for mail in mail_server.mails]
    assert f"<{in_doubt.key}@127.0.0.1>" in ids
    assert len(ids) == 2


def test_each_part_of_a_failed_bundle_is_tried_by_another_way(
    mail_server: MailServer, ada: Person, now: datetime
):
    make_contact_method(ada, address="ada@example.com")
    make_contact_method(ada, address="phone@example.com")
    storm(ada, 5, at=now)
    mail_server.refuse_recipient["ada@example.com"] = "550 no such user"

    drain(now)

    assert subjects(mail_server, "phone@example.com")[0].startswith("5 pages: ")
    assert TimelineEntry.objects.filter(kind="message_failed").count() == 5


# --- Came back ---------------------------------------------------------------------------------


def paged_by_two_ways(person: Person, *, at: datetime) -> Message:
    first = make_contact_method(person, address="first@example.com")
    make_contact_method(person, address="second@example.com")
    page = make_page(person=person, created_at=at)
    return make_page_message(
        page,
        created_at=at,
        key=f"page-{page.pk}-{first.pk}",
        recipient=first.address,
        contact_method=first,
    )


def test_page_that_came_back_is_tried_by_the_next_method(
    mail_server: MailServer, ada: Person, now: datetime
):
    message = paged_by_two_ways(ada, at=now)
    drain(now)
    message.refresh_from_db()

    assert report_undelivered(message, "Handset is off.", by=PROVIDER, at=now)
    drain(now)

    assert [mail["To"] for mail in mail_server.mails] == ["first@example.com", "second@example.com"]
    message.refresh_from_db()
    assert (message.state, message.last_error) == ("dead", "Not delivered: Handset is off.")
    entry = TimelineEntry.objects.get(kind="message_undelivered")
    assert entry.data["error"] == "Handset is off."


def test_page_reported_twice_is_tried_by_another_way_once(
    mail_server: MailServer, ada: Person, now: datetime
):
    message = paged_by_two_ways(ada, at=now)
    drain(now)
    message.refresh_from_db()
    report_undelivered(message, "", by=PROVIDER, at=now)

    assert not report_undelivered(message, "", by=PROVIDER, at=now)

    assert Message.objects.count() == 2
    assert TimelineEntry.objects.filter(kind="message_undelivered").count() == 1


def test_each_page_of_a_bundle_that_came_back_is_tried_by_the_next_method(
    mail_server: MailServer, ada: Person, now: datetime
):
    make_contact_method(ada, address="ada@example.com")
    make_contact_method(ada, address="phone@example.com")
    storm(ada, 5, at=now)
    drain(now)
    bundle = Message.objects.get(state=MessageState.SENT)

    report_undelivered(bundle, "Unknown number.", by=PROVIDER, at=now)
    drain(now)

    assert subjects(mail_server, "phone@example.com")[0].startswith("5 pages: ")
