"""Answering a test page, and asking for one."""

from datetime import datetime, timedelta

from django.conf import settings
from django.urls import reverse

from roster import page_tests
from roster.links import LinkPurpose, register_purpose
from roster.models import PageTestCall, Person
from roster.page_test_results import Outcome, answer_of
from roster.templatetags.muster import duration


class AcknowledgeTestPage(LinkPurpose[PageTestCall]):
    """The button in a test page. Its name is part of the address, and gives nothing away."""

    name = "call.acknowledge"
    lifetime = timedelta(days=2)
    button = "I have it"

    def load(self, pk: int) -> PageTestCall | None:
        return PageTestCall.objects.select_related("test", "person").filter(pk=pk).first()

    def title(self, subject: PageTestCall) -> str:
        return subject.test.name

    def done(self, subject: PageTestCall) -> str | None:
        if subject.acknowledged_at is None:
            return None
        answer = answer_of(subject, at=subject.acknowledged_at)
        took = duration(answer.after)
        if answer.outcome == Outcome.LATE:
            asked = f"{subject.test.answer_within_minutes} min were asked for."
            return f"This was a test; nothing is wrong. You answered after {took}; {asked}"
        return f"This was a test; nothing is wrong. You answered after {took}. Thank you."

    def perform(self, subject: PageTestCall, person: Person, *, at: datetime) -> str:
        page_tests.acknowledge(subject, at=at)
        return self.done(subject) or ""

    def onward(self, subject: PageTestCall) -> list[tuple[str, str]]:
        return [("How you are reached", own_page(subject.person))] if subject.person.user_id else []


class SendTestPage(LinkPurpose[Person]):
    """Offered before a first shift: see for yourself that a page reaches you (R110)."""

    name = "person.test-page"
    lifetime = timedelta(days=14)
    button = "Send me a test page"

    def load(self, pk: int) -> Person | None:
        return Person.objects.filter(pk=pk).first()

    def title(self, subject: Person) -> str:
        return "Does a page reach you?"

    def context(self, subject: Person, person: Person) -> dict[str, object]:
        what = "A page goes out at once, by the ways you are paged at night. It says it is a test."
        return {"facts": [("What happens", what)], "links": []}

    def perform(self, subject: Person, person: Person, *, at: datetime) -> str:
        page_tests.send_to_oneself(person, at=at)
        return "It is on its way. Answer it from the message, as you would answer a real page."


def own_page(person: Person) -> str:
    return settings.PUBLIC_URL + reverse("admin:roster_person_change", args=[person.pk])


for _purpose in (AcknowledgeTestPage(), SendTestPage()):
    register_purpose(_purpose)
