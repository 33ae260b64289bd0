from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import Client

from comms.notices.registry import words_of
from incidents.models import Page
from roster import confidence
from roster.errors import DomainError
from roster.models import (
    ConfidenceRating,
    DutyRecord,
    Notice,
    NoticeKind,
    Person,
    Schedule,
    Shadowing,
)
from tests.factories.incidents import make_incident
from tests.factories.qualifications import make_shadowing
from tests.factories.roster import make_person, make_schedule

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def served(person: Person, schedule: Schedule, *, until: datetime) -> DutyRecord:
    return DutyRecord.objects.create(
        schedule=schedule, person=person, starts_at=until - 24 * HOUR, ends_at=until
    )


def paged(person: Person, at: datetime) -> None:
    Page.objects.create(
        person=person, incident=make_incident(), step_position=1, pass_number=1, created_at=at
    )


def asked() -> list[Person]:
    rows = Notice.objects.filter(kind=NoticeKind.CONFIDENCE_ASKED).select_related("person")
    return [row.person for row in rows.order_by("pk")]


def test_learner_is_asked_after_shadowing_and_the_trainee_after_leading(now: datetime) -> None:
    schedule, learner, trainee, mentor = make_schedule(), *(make_person() for _ in range(3))
    day_before = {"starts_at": now - 25 * HOUR, "ends_at": now - HOUR}
    make_shadowing(schedule, learner, **day_before)
    make_shadowing(schedule, mentor, kind=Shadowing.Kind.REVERSE, follows=trainee, **day_before)

    assert confidence.ask_due(at=now) == 2
    assert set(asked()) == {learner, trainee}


def test_shadowing_that_goes_on_or_ended_long_ago_is_not_asked_about(now: datetime) -> None:
    make_shadowing(make_schedule(), make_person(), starts_at=now - HOUR)
    make_shadowing(make_schedule(), make_person(), starts_at=now - 48 * HOUR)

    assert confidence.ask_due(at=now) == 0


def test_shift_with_pages_is_asked_about_and_a_quiet_one_is_not(now: datetime) -> None:
    schedule, busy, quiet, earlier = make_schedule(), *(make_person() for _ in range(3))
    for person in (busy, quiet, earlier):
        served(person, schedule, until=now)
    paged(busy, now - HOUR)
    paged(earlier, now - 30 * HOUR)

    assert confidence.ask_due(at=now) == 1
    assert asked() == [busy]


def test_nobody_is_asked_twice_or_within_a_week(now: datetime) -> None:
    schedule, person = make_schedule(), make_person()
    for days in (0, 3, 7):
        served(person, schedule, until=now + timedelta(days=days))
        paged(person, now + timedelta(days=days) - HOUR)

    counts = [confidence.ask_due(at=now + timedelta(days=days)) for days in (0, 0, 3, 7)]

    assert counts == [1, 0, 0, 1]


def test_nobody_who_left_is_asked(now: datetime) -> None:
    make_shadowing(
        make_schedule(), make_person(is_active=False), starts_at=now - 2 * HOUR, ends_at=now
    )

    assert confidence.ask_due(at=now) == 0


@pytest.fixture
def question(now: datetime) -> Notice:
    person, schedule = make_person(name="Ana"), make_schedule(name="Storage")
    make_shadowing(schedule, person, starts_at=now - 2 * HOUR, ends_at=now)
    confidence.ask_due(at=now)
    return Notice.objects.select_related("person").get()


def rate(notice: Notice, at: datetime) -> None:
    confidence.rate(notice, to_respond=4, to_lead=2, note="More drills", at=at)


def test_answer_is_kept_once(question: Notice, now: datetime) -> None:
    rate(question, now)

    with pytest.raises(DomainError) as refusal:
        rate(question, now + HOUR)

    row = ConfidenceRating.objects.get()
    assert refusal.value.code == "rated_already"
    assert (row.person, row.schedule) == (question.person, Schedule.objects.get())
    assert (row.to_respond, row.to_lead, row.note, row.at) == (4, 2, "More drills", now)


def test_question_is_answered_by_its_link(
    question: Notice, now: datetime, client: Client, clock: Callable[..., object]
) -> None:
    content = words_of(question)
    assert content is not None
    assert content.subject == "How confident did you feel on Storage?"
    url = next(word for word in content.text.split() if "/a/" in word)

    shown = client.get(url)
    before = ConfidenceRating.objects.count()
    answered = client.post(url, {"to_respond": "5", "to_lead": "3", "note": ""})
    again = client.get(url)

    assert "How confident do you feel to lead?" in shown.content.decode()
    assert before == 0
    assert "Thank you." in answered.content.decode()
    assert "You have answered this." in again.content.decode()
    row = ConfidenceRating.objects.get()
    assert (row.to_respond, row.to_lead) == (5, 3)


def test_answer_out_of_scale_is_refused(
    question: Notice, client: Client, clock: Callable[..., object]
) -> None:
    content = words_of(question)
    assert content is not None
    url = next(word for word in content.text.split() if "/a/" in word)

    client.post(url, {"to_respond": "6", "to_lead": "3"})

    assert not ConfidenceRating.objects.exists()


def test_question_answered_meanwhile_is_not_sent(question: Notice, now: datetime) -> None:
    rate(question, now)

    assert words_of(question) is None
