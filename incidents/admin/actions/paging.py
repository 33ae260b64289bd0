"""Paging the on-call, answering a page, and what whoever has an incident does about it."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.utils.timezone import localtime

from incidents.acknowledgement import PRESETS, confirm, snooze
from incidents.admin import fields
from incidents.admin.desk import Action, has_own_row, register_action
from incidents.escalation import acknowledge_page, decline_page, escalate, start_escalation
from incidents.models import Incident, Page
from incidents.permissions import may
from roster.actors import Actor


@register_action
class PageOnCall(Action):
    slug = "page"
    heading = "Page the on-call"
    button = "Page the on-call"
    permission = "request_responder"
    explanation = "Starts the escalation policy of the affected services at its first step."

    def apply(self, *, by: Actor, at: datetime) -> str:
        start_escalation(self.incident, by=by, at=at)
        return "Paging has begun."


class Paged(Action):
    """For whoever may acknowledge incidents, and for those who were paged for this one."""

    permission = "acknowledge"

    @classmethod
    def allowed(cls, user: AbstractBaseUser | AnonymousUser, incident: Incident) -> bool:
        return super().allowed(user, incident) or has_own_row(incident.pages, user)


class OwnPage(Paged):
    """An answer to a page."""

    page = forms.ModelChoiceField(Page.objects.none(), widget=forms.HiddenInput)

    def __init__(self, incident: Incident, *args: Any, **kwargs: Any) -> None:  # as Action
        super().__init__(incident, *args, **kwargs)
        self.offer("page", incident.pages.select_related("person"))

    def clean_page(self) -> Page:
        page = self.cleaned_data["page"]
        if page.person.user_id != self.user.pk and not may(self.user, "acknowledge", self.incident):
            raise forms.ValidationError(f"This page went to {page.person.name}.")
        return page


@register_action
class AcknowledgePage(OwnPage):
    slug = "acknowledge-page"
    heading = "Acknowledge the page"
    button = "Acknowledge"

    def apply(self, *, by: Actor, at: datetime) -> str:
        acknowledge_page(self.cleaned_data["page"], by=by, at=at, via=by.via)
        return f"{self.incident.reference} is yours. Nobody else is paged."


@register_action
class DeclinePage(OwnPage):
    slug = "decline-page"
    heading = "Decline the page"
    button = "Not me"
    explanation = "The next person is paged at once."

    reason = fields.line("Why", required=False)

    def apply(self, *, by: Actor, at: datetime) -> str:
        page, reason = self.cleaned_data["page"], self.cleaned_data["reason"]
        decline_page(page, by=by, at=at, reason=reason)
        return f"{self.incident.reference} goes to the next person."


@register_action
class Escalate(Paged):
    slug = "escalate"
    heading = "Escalate to the next level"
    button = "Escalate"
    explanation = (
        "The next step of the policy is paged at once; after the last, the fallback."
        " Whoever has the incident keeps it until somebody takes it over."
    )

    reason = fields.line("Why", required=False, max_length=300)

    def apply(self, *, by: Actor, at: datetime) -> str:
        escalate(self.incident, by=by, at=at, reason=self.cleaned_data["reason"])
        return "The next level is paged now."


@register_action
class Snooze(Paged):
    slug = "snooze"
    heading = "Snooze"
    button = "Snooze"
    explanation = (
        "You have it, and nobody is paged until then. After that you are paged again, with whoever"
        " is on call, unless it is over or was declared."
    )

    minutes = fields.choice(
        "For how long",
        [*PRESETS, ("", "Until the time below")],
        required=False,
        initial=PRESETS[0][0],
    )
    until = fields.ComingMomentField(label="Or until", required=False)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not (cleaned.get("minutes") or cleaned.get("until") or self.errors):
            raise forms.ValidationError("Choose for how long, or give the time until which.")
        return cleaned

    def apply(self, *, by: Actor, at: datetime) -> str:
        minutes = int(self.cleaned_data["minutes"] or 0)
        until = self.cleaned_data["until"] or at + timedelta(minutes=minutes)
        snooze(self.incident, until, by=by, at=at)
        return f"{self.incident.reference} is snoozed until {localtime(until):%H:%M %Z}."


@register_action
class StillOnIt(Paged):
    slug = "confirm"
    heading = "Still on it"
    button = "Still on it"
    explanation = "The time without a sign of work begins anew."

    def apply(self, *, by: Actor, at: datetime) -> str:
        confirm(self.incident, by=by, at=at)
        return f"Noted: somebody is on {self.incident.reference}."
