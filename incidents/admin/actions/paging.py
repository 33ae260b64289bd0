"""Paging the on-call, and answering a page."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

from incidents.admin import fields
from incidents.admin.desk import Action, has_own_row, register_action
from incidents.escalation import acknowledge_page, decline_page, start_escalation
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


class OwnPage(Action):
    """An answer to a page: the paged person's, or that of whoever may acknowledge incidents."""

    permission = "acknowledge"

    page = forms.ModelChoiceField(Page.objects.none(), widget=forms.HiddenInput)

    def __init__(self, incident: Incident, *args: Any, **kwargs: Any) -> None:  # as Action
        super().__init__(incident, *args, **kwargs)
        self.offer("page", incident.pages.select_related("person"))

    @classmethod
    def allowed(cls, user: AbstractBaseUser | AnonymousUser, incident: Incident) -> bool:
        return super().allowed(user, incident) or has_own_row(incident.pages, user)

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
