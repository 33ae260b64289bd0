"""Test pages: does a page reach a person, and how fast do they answer (R110, R126)?

A test goes the whole way of a page of high urgency, stage by stage, until it is acknowledged. It
opens no incident and leaves no trace outside this app.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.db.models import Max

from roster import notices, oncall
from roster.actors import Actor
from roster.doorbell import ring
from roster.errors import DomainError
from roster.models import (
    Notice,
    NoticeKind,
    PageTest,
    PageTestCall,
    Person,
    Schedule,
    Team,
    Urgency,
)
from roster.models.reachability import PREFIX
from roster.models.schedules import ENTRY_GRACE
from roster.references import next_number
from roster.watch import prove_people_soon

OWN_TEST = "Does a page reach you?"
OWN_VIA = "announced"
OWN_ANSWER_WITHIN_MINUTES = 15
OWN_AGAIN_AFTER = timedelta(minutes=1)
# Nobody is surprised at three in the morning because Muster was down in the afternoon.
LATE_BY = timedelta(hours=1)


@dataclass(frozen=True)
class Targets:
    """Whom a test pages: who is on call then, all of a team, and people by name."""

    schedules: Collection[Schedule] = ()
    teams: Collection[Team] = ()
    people: Collection[Person] = ()

    def __bool__(self) -> bool:
        return bool(self.schedules or self.teams or self.people)


def plan(
    test: PageTest,
    targets: Targets,
    *,
    by: AbstractBaseUser | AnonymousUser | None,
    at: datetime,
) -> PageTest:
    """Save a new test, to be sent when its time comes. Nobody is told before.

    Refused without anybody to page, and for a time that has passed.
    """
    if not targets:
        text = "Choose whom to page: schedules, teams or people."
        raise DomainError("nobody_to_page", text, {"schedules": [text]})
    if test.starts_at < at - ENTRY_GRACE:
        text = "This has passed. Choose a time to come."
        raise DomainError("in_the_past", text, {"starts_at": [text]})
    with transaction.atomic():
        test.number, test.created_by_id = next_number(PREFIX), by.pk if by else None
        test.save()
        test.schedules.set(targets.schedules)
        test.teams.set(targets.teams)
        test.people.set(targets.people)
        ring("roster.send_page_tests")
    return test


def send_to_oneself(person: Person, *, at: datetime) -> PageTestCall:
    """Page a person at once because they asked for it, and say that it is a test.

    Refused while one sent less than a minute ago waits for its answer.
    """
    recent = person.page_test_calls.filter(test__name=OWN_TEST, sent_at__gt=at - OWN_AGAIN_AFTER)
    if recent.waiting().exists():
        raise DomainError(
            "test_on_its_way", "A test page is on its way. Give it a minute before another."
        )
    with transaction.atomic():
        test = PageTest.objects.create(
            number=next_number(PREFIX),
            name=OWN_TEST,
            is_unannounced=False,
            starts_at=at,
            sent_at=at,
            answer_within_minutes=OWN_ANSWER_WITHIN_MINUTES,
        )
        test.people.add(person)
        [call] = _call(test, {person: OWN_VIA}, at=at)
    return call


def send_due(*, at: datetime, limit: int = 10) -> int:
    """Send the tests whose time has come; answer how many were taken up.

    One that is more than an hour late is cancelled instead: surprises keep their hour.
    """
    due = PageTest.objects.waiting().filter(starts_at__lte=at).order_by("starts_at", "pk")
    tests = list(due[:limit])
    for test in tests:
        if test.starts_at < at - LATE_BY:
            _cancel(test, because="Muster was not running when it was due.", at=at)
        else:
            _send(test, at=at)
    return len(tests)


def _send(test: PageTest, *, at: datetime) -> None:
    with transaction.atomic():
        if not PageTest.objects.waiting().filter(pk=test.pk).update(sent_at=at):
            return
        _call(test, people_of(test, at=at), at=at)


def people_of(test: PageTest, *, at: datetime) -> dict[Person, str]:
    """The active people a test would page at a moment, and by which of its targets."""
    found: dict[Person, str] = {}
    schedules = list(test.schedules.order_by("name"))
    on_call = oncall.on_call(schedules, at) if schedules else {}
    for schedule in schedules:
        for each in on_call[schedule.pk]:
            found.setdefault(each.person, f"on call for {schedule}")
    members = Team.members.through.objects.filter(team__page_tests=test, person__is_active=True)
    for row in members.select_related("person", "team").order_by("team__name", "person__name"):
        found.setdefault(row.person, f"team {row.team}")
    for person in test.people.active().order_by("name"):
        found.setdefault(person, "by name")
    return found


def _call(test: PageTest, people: dict[Person, str], *, at: datetime) -> list[PageTestCall]:
    calls = PageTestCall.objects.bulk_create(
        PageTestCall(test=test, person=person, via=via[:200], sent_at=at)
        for person, via in people.items()
    )
    notices.tell_all(
        Notice(
            key=notice_key(call),
            kind=NoticeKind.PAGE_TEST,
            person=call.person,
            urgency=Urgency.HIGH,
            data={"call": call.pk},
            created_at=at,
            due_at=at,
        )
        for call in calls
    )
    return calls


def notice_key(call: PageTestCall) -> str:
    return f"page-test-{call.pk}"


def cancel(test: PageTest, *, by: Actor, at: datetime) -> None:
    """Call a planned test off. Refused once it was sent or cancelled."""
    if not _cancel(test, because=f"Cancelled by {by.name}.", at=at):
        test.refresh_from_db()
        raise DomainError(
            "page_test_over",
            f"{test.reference} was {test.state.lower()} already. There is nothing to call off.",
        )


def _cancel(test: PageTest, *, because: str, at: datetime) -> int:
    waiting = PageTest.objects.waiting().filter(pk=test.pk)
    return waiting.update(cancelled_at=at, cancelled_because=because[:200])


def acknowledge(call: PageTestCall, *, at: datetime) -> None:
    """Note when the person answered and take back what would still be sent. Once; again is fine."""
    with transaction.atomic():
        answered = PageTestCall.objects.waiting().filter(pk=call.pk).update(acknowledged_at=at)
        if answered:
            notices.withdraw(notice_key(call))
            prove_people_soon([call.person_id], at=at)  # they have practised now
    call.refresh_from_db(fields=["acknowledged_at"])


def last_answered(people: Iterable[Person]) -> dict[int, datetime]:
    """When each person last answered a test page, by id; who never did is missing. One query."""
    calls = PageTestCall.objects.filter(person__in=people, acknowledged_at__isnull=False)
    by_person = calls.order_by().values("person").annotate(last=Max("acknowledged_at"))
    return dict(by_person.values_list("person", "last"))
