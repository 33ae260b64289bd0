"""Answering an invitation from the mail: coming, or sending apologies."""

from datetime import datetime, timedelta
from typing import Any

from django import forms

from comms.facts import moment
from postmortems.models import Invitation
from roster.actors import Actor
from roster.links import LinkPurpose, make_url, register_purpose
from roster.models import Person

ACCEPT = "postmortem.accept"
DECLINE = "postmortem.decline"


class DeclineForm(forms.Form):
    reason = forms.CharField(
        required=False, max_length=500, label="Why (may stay empty)", widget=forms.Textarea
    )


class ReviewAnswer(LinkPurpose[Invitation]):
    """What both answers share: the subject, how long the link holds, and what its page shows."""

    lifetime = timedelta(days=60)
    other: str
    other_label: str

    def load(self, pk: int) -> Invitation | None:
        return (
            Invitation.objects.filter(pk=pk)
            .select_related("person", "postmortem__incident", "postmortem__owner")
            .first()
        )

    def title(self, subject: Invitation) -> str:
        return f"Postmortem review: {subject.postmortem.incident.title}"

    def context(self, subject: Invitation, person: Person) -> dict[str, object]:
        postmortem = subject.postmortem
        return {
            "facts": [
                ("Incident", postmortem.incident.reference),
                ("When", moment(postmortem.review_at, person.time_zone) or "not set yet"),
                ("Led by", postmortem.owner.name if postmortem.owner else "not named yet"),
                ("You are", subject.get_expectation_display()),
                ("Your answer so far", subject.get_state_display()),
            ],
            "links": [(self.other_label, make_url(self.other, subject.pk, person))],
        }

    def done(self, subject: Invitation) -> str | None:
        if subject.state == Invitation.State.EXCUSED:
            return f"You need not come: {subject.reason}"
        return None


class Accept(ReviewAnswer):
    name = ACCEPT
    button = "I will come"
    other, other_label = DECLINE, "I cannot come"

    def perform(
        self,
        subject: Invitation,
        person: Person,
        *args: Any,  # as the base declares them
        at: datetime,
        **answers: Any,
    ) -> str:
        subject.accept(by=Actor.of_person(person), at=at)
        return "Thank you. The owner knows that you come."


class Decline(ReviewAnswer):
    name = DECLINE
    button = "I cannot come"
    form = DeclineForm
    other, other_label = ACCEPT, "I will come after all"

    def perform(
        self,
        subject: Invitation,
        person: Person,
        *args: Any,  # as the base declares them
        at: datetime,
        reason: str = "",
        **answers: Any,
    ) -> str:
        subject.decline(reason=reason, by=Actor.of_person(person), at=at)
        return "Your apologies are noted. You can still correct the draft in writing."


def register_all() -> None:
    register_purpose(Accept())
    register_purpose(Decline())
