"""Asking people to help, and letting them go."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar, cast

from django import forms
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.utils import timezone
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from incidents.admin import fields
from incidents.admin.desk import Action, has_own_row, register_action
from incidents.assembly import Proposal, assemble, proposals
from incidents.models import (
    Incident,
    Responder,
    Service,
)
from incidents.permissions import may
from incidents.responders import release_all, request_on_call, request_responder, request_team
from roster.actors import Actor
from roster.models import Person, Team


@register_action
class RequestHelp(Action):
    slug = "request"
    heading = "Ask for help"
    button = "Ask"
    permission = "request_responder"
    explanation = "A person, a whole team, or whoever is on call for a service."

    person = fields.PersonField(label="Person", required=False)
    team = fields.one_of(
        "or everyone of a team", Team.objects.order_by("name"), required=False, empty_label="–"
    )
    service = fields.one_of(
        "or the on-call of a service",
        Service.objects.select_related("policy", "owner_team__default_policy").order_by("name"),
        required=False,
        empty_label="–",
    )
    purpose = fields.choice("To", Responder.Purpose.choices)
    area = fields.line("What they look after", required=False, max_length=200)
    message = fields.text("What you need from them", required=False, rows=2)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        asked = [name for name in ("person", "team", "service") if cleaned.get(name)]
        if not self.errors and len(asked) != 1:
            raise forms.ValidationError("Choose a person, or a team, or a service: one of them.")
        return cleaned

    def apply(self, *, by: Actor, at: datetime) -> str:
        words: dict[str, str] = {name: self.cleaned_data[name] for name in ("purpose", "message")}
        if person := self.cleaned_data["person"]:
            area = self.cleaned_data["area"]
            request_responder(self.incident, person, area=area, **words, by=by, at=at)
            return f"{person} is asked to help."
        if team := self.cleaned_data["team"]:
            asked = request_team(self.incident, team, **words, by=by, at=at)
        else:
            asked = request_on_call(
                self.incident, self.cleaned_data["service"], **words, by=by, at=at
            )
        return f"Asked to help: {_names(responder.person for responder in asked)}."


@register_action
class AssembleTeam(Action):
    slug = "assemble"
    heading = "Assemble a team"
    button = "Ask them"
    permission = "request_responder"
    explanation = (
        "Who is on call for the affected services and what these depend on. Each gets a request "
        "of their own, for the area named."
    )

    people = forms.MultipleChoiceField(
        label="Whom", widget=UnfoldAdminCheckboxSelectMultipleWidget, required=False
    )
    message = fields.text("What you need from them", required=False, rows=2)

    def __init__(self, incident: Incident, *args: Any, **kwargs: Any) -> None:  # as Action
        super().__init__(incident, *args, **kwargs)
        self.proposals = {
            str(each.person.pk): each for each in proposals(incident, at=timezone.now())
        }
        choices = [(pk, _proposed(each)) for pk, each in self.proposals.items()]
        cast(forms.MultipleChoiceField, self.fields["people"]).choices = choices
        # A dependency is offered, but waking its people is for a human to decide.
        self.initial["people"] = [
            pk for pk, each in self.proposals.items() if not each.is_dependency
        ]
        if not choices:
            self.fields["people"].help_text = (
                "Nobody is on call for what is affected who is not asked already. Add services to "
                "the incident, or ask people by name."
            )

    def apply(self, *, by: Actor, at: datetime) -> str:
        chosen = [self.proposals[pk] for pk in self.cleaned_data["people"]]
        message = self.cleaned_data["message"]
        asked = assemble(self.incident, chosen, message=message, by=by, at=at)
        return f"Asked to help: {_names(responder.person for responder in asked)}."


def _proposed(each: Proposal) -> str:
    needed = ", which is needed by what is affected" if each.is_dependency else ""
    return f"{each.person}: {each.area}{needed} ({each.why})"


class OfResponder(Action):
    """Something about one engagement. `is_own`: the person concerned may do it too."""

    is_own: ClassVar[bool] = False

    responder = forms.ModelChoiceField(Responder.objects.none(), widget=forms.HiddenInput)

    def __init__(self, incident: Incident, *args: Any, **kwargs: Any) -> None:  # as Action
        super().__init__(incident, *args, **kwargs)
        self.offer("responder", incident.responders.select_related("person"))

    @classmethod
    def allowed(cls, user: AbstractBaseUser | AnonymousUser, incident: Incident) -> bool:
        return super().allowed(user, incident) or (
            cls.is_own and has_own_row(incident.responders, user)
        )

    def clean_responder(self) -> Responder:
        responder = self.cleaned_data["responder"]
        responder.incident = self.incident
        is_theirs = self.is_own and responder.person.user_id == self.user.pk
        if not is_theirs and not may(self.user, self.permission, self.incident):
            raise forms.ValidationError(f"This is for {responder.person.name} to say.")
        return responder


@register_action
class AcknowledgeRequest(OfResponder):
    slug = "acknowledge-request"
    heading = "Answer the request"
    button = "Coming"
    permission = "release_responder"
    is_own = True

    def apply(self, *, by: Actor, at: datetime) -> str:
        self.cleaned_data["responder"].acknowledge(by=by, at=at)
        manager = self.incident.manager()
        direction = f" Ask {manager} for direction." if manager else ""
        return f"{self.cleaned_data['responder'].person} is engaged.{direction}"


@register_action
class DeclineRequest(OfResponder):
    slug = "decline-request"
    heading = "Decline the request"
    button = "Cannot help"
    permission = "release_responder"
    is_own = True

    reason = fields.line("Why", required=False)

    def apply(self, *, by: Actor, at: datetime) -> str:
        responder = self.cleaned_data["responder"]
        responder.decline(reason=self.cleaned_data["reason"], by=by, at=at)
        return f"{responder.person} cannot help."


@register_action
class AskToLeave(OfResponder):
    slug = "leave"
    heading = "Ask to leave"
    button = "Ask to leave"
    permission = "release_responder"
    explanation = "The incident manager is told, and releases you."
    is_own = True

    reason = fields.line("Why", required=False)

    def apply(self, *, by: Actor, at: datetime) -> str:
        responder = self.cleaned_data["responder"]
        responder.ask_to_leave(reason=self.cleaned_data["reason"], by=by, at=at)
        return "The incident manager knows that you want to leave."


@register_action
class Release(OfResponder):
    slug = "release"
    heading = "Release"
    button = "Release"
    permission = "release_responder"

    reason = fields.line("Why", required=False)

    def apply(self, *, by: Actor, at: datetime) -> str:
        responder = self.cleaned_data["responder"]
        responder.release(reason=self.cleaned_data["reason"], by=by, at=at)
        return f"{responder.person} is released."


@register_action
class AskAgain(OfResponder):
    slug = "ask-again"
    heading = "Ask again"
    button = "Ask again"
    permission = "request_responder"

    message = fields.text("What you need from them", required=False, rows=2)

    def apply(self, *, by: Actor, at: datetime) -> str:
        before = self.cleaned_data["responder"]
        message = self.cleaned_data["message"] or before.message
        request_responder(
            self.incident,
            before.person,
            purpose=before.purpose,
            area=before.area,
            message=message,
            by=by,
            at=at,
        )
        return f"{before.person} is asked again."


@register_action
class ReleaseAll(Action):
    slug = "release-all"
    heading = "Release everyone"
    button = "Release"
    permission = "release_responder"
    explanation = "Everyone engaged is thanked and let go, except those you keep."

    keep = fields.some_of("Keep", Responder.objects.none(), fields.RespondersField, required=False)
    reason = fields.line("Why", required=False)

    def __init__(self, incident: Incident, *args: Any, **kwargs: Any) -> None:  # as Action
        super().__init__(incident, *args, **kwargs)
        self.offer("keep", incident.responders.open().select_related("person"))

    def apply(self, *, by: Actor, at: datetime) -> str:
        released = release_all(self.incident, **self.cleaned_data, by=by, at=at)
        return f"Released: {_names(row.person for row in released) or 'nobody'}."


def _names(people: Iterable[Person]) -> str:
    return ", ".join(person.name for person in people)
