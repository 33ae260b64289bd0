"""Saying how confident one felt, from the message that asks."""

from datetime import datetime, timedelta

from django import forms

from roster import confidence
from roster.links import LinkPurpose, register_purpose
from roster.models import Notice, NoticeKind, Person

SCALE = [
    (1, "1: not at all"),
    (2, "2: hardly"),
    (3, "3: with help"),
    (4, "4: mostly"),
    (5, "5: fully"),
]


class RatingForm(forms.Form):
    to_respond = forms.TypedChoiceField(
        label="How confident do you feel to respond?",
        coerce=int,
        choices=SCALE,
        initial=3,
        help_text="Take a page, look, decide what to do first.",
    )
    to_lead = forms.TypedChoiceField(
        label="How confident do you feel to lead?",
        coerce=int,
        choices=SCALE,
        initial=3,
        help_text="Run an incident with others.",
    )
    note = forms.CharField(
        label="What would help you? (may stay empty)", required=False, max_length=500
    )


class RateConfidence(LinkPurpose[Notice]):
    name = "confidence.rate"
    lifetime = timedelta(days=14)
    button = "Send"
    form = RatingForm

    def load(self, pk: int) -> Notice | None:
        asked = Notice.objects.filter(kind=NoticeKind.CONFIDENCE_ASKED)
        return asked.select_related("person").filter(pk=pk).first()

    def title(self, subject: Notice) -> str:
        return "How confident do you feel?"

    def done(self, subject: Notice) -> str | None:
        answered = confidence.has_answered(subject)
        return "You have answered this. Thank you." if answered else None

    def context(self, subject: Notice, person: Person) -> dict[str, object]:
        return {"facts": [("Who sees it", "You, and the roster editors who plan training.")]}

    def perform(
        self,
        subject: Notice,
        person: Person,
        *,
        at: datetime,
        to_respond: int,
        to_lead: int,
        note: str,
    ) -> str:
        confidence.rate(subject, to_respond=to_respond, to_lead=to_lead, note=note, at=at)
        return "Thank you. It stands on your path, and helps to plan what you learn next."


register_purpose(RateConfidence())
