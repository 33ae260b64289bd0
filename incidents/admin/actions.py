"""Everything a person can do to an incident, each with its form. Declaring has its own module."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar, cast

from django import forms
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.http import QueryDict

from incidents.admin import fields
from incidents.admin.desk import Action, register_action
from incidents.escalation import acknowledge_page, decline_page, start_escalation
from incidents.models import (
    Incident,
    Page,
    Phase,
    Responder,
    Role,
    RoleAssignment,
    Service,
    Severity,
)
from incidents.permissions import may
from incidents.phases import ALLOWED_BACK_FROM
from incidents.responders import release_all, request_on_call, request_responder, request_team
from incidents.roles import assign_role, end_role, fill_roles_from_roster
from roster.actors import Actor
from roster.models import Person, Team

# Those that people correct, in the order in which they happen.
MILESTONES = {
    "impact_began_at": "Impact began",
    "detected_at": "Detected",
    "acknowledged_at": "Acknowledged",
    "declared_at": "Declared",
    "cause_found_at": "Cause found",
    "restored_at": "Restored",
    "closed_at": "Closed",
}


def override() -> forms.CharField:
    """Asked for only once something was found missing (`Action.asks_override`)."""
    return fields.text("Go on without, because", required=False, rows=2)


# --- The way through the phases -------------------------------------------------------------


@register_action
class Acknowledge(Action):
    slug = "acknowledge"
    heading = "Acknowledge"
    button = "Acknowledge: I am on it"
    permission = "acknowledge"
    explanation = "You become the first responder, and nobody else is paged."

    def apply(self, *, by: Actor, at: datetime) -> str:
        self.incident.acknowledge(by=by, at=at)
        return f"You are on {self.incident.reference}. Nobody else is paged."


@register_action
class Advance(Action):
    slug = "advance"
    heading = "Move on"
    button = "Move on"
    permission = "advance"

    phase = forms.ChoiceField(
        choices=[(phase.value, phase.label) for phase in (Phase.DIAGNOSING, Phase.RESTORING)],
        widget=forms.HiddenInput,
    )
    note = fields.text("What was found or done", required=False)
    override_reason = override()

    def apply(self, *, by: Actor, at: datetime) -> str:
        self.incident.advance(**self.cleaned_data, by=by, at=at)
        return f"{self.incident.reference} is {self.incident.get_phase_display().lower()}."


@register_action
class Restore(Action):
    slug = "restore"
    heading = "Service is restored"
    button = "Restored"
    permission = "restore"
    explanation = "Customers are no longer affected. What is left is to learn from it."

    summary = fields.text("What brought service back")

    def apply(self, *, by: Actor, at: datetime) -> str:
        self.incident.restore(**self.cleaned_data, by=by, at=at)
        return f"{self.incident.reference} is restored."


@register_action
class StartLearning(Action):
    slug = "learn"
    heading = "Start learning"
    button = "Start learning"
    permission = "advance"
    explanation = "The response is over; the postmortem is being written."

    def apply(self, *, by: Actor, at: datetime) -> str:
        self.incident.start_learning(by=by, at=at)
        return f"{self.incident.reference} is in its learning phase."


@register_action
class Close(Action):
    slug = "close"
    heading = "Close the incident"
    button = "Close"
    permission = "close"
    explanation = "Everyone still engaged is released and told."

    summary = fields.text("What happened, in a line", required=False)
    override_reason = override()

    def __init__(self, incident: Incident, *args: Any, **kwargs: Any) -> None:  # as Action
        super().__init__(incident, *args, **kwargs)
        self.initial.setdefault("summary", incident.summary)

    def apply(self, *, by: Actor, at: datetime) -> str:
        self.incident.close(**self.cleaned_data, by=by, at=at)
        return f"{self.incident.reference} is closed."


@register_action
class Dismiss(Action):
    slug = "dismiss"
    heading = "This is no incident"
    button = "Dismiss"
    permission = "dismiss"
    explanation = "Paging stops, and everyone engaged is released and told."

    reason = fields.text("Why it is none")

    def apply(self, *, by: Actor, at: datetime) -> str:
        self.incident.dismiss(**self.cleaned_data, by=by, at=at)
        return f"{self.incident.reference} is dismissed."


@register_action
class Reopen(Action):
    slug = "reopen"
    heading = "Go back a phase"
    button = "Go back"
    permission = "advance"
    explanation = "For a fix that did not hold, or a decision that was wrong."

    phase = fields.choice("Back to", Phase.choices)
    reason = fields.text("Why")

    def __init__(self, incident: Incident, *args: Any, **kwargs: Any) -> None:  # as Action
        super().__init__(incident, *args, **kwargs)
        earlier = [
            (phase.value, phase.label)
            for phase in Phase
            if incident.phase in ALLOWED_BACK_FROM.get(phase, ())
        ]
        self.fields["phase"] = fields.choice("Back to", earlier)

    def apply(self, *, by: Actor, at: datetime) -> str:
        self.incident.reopen(**self.cleaned_data, by=by, at=at)
        return f"{self.incident.reference} is back at {self.incident.get_phase_display().lower()}."


@register_action
class ChangeSeverity(Action):
    slug = "severity"
    heading = "Change the severity"
    button = "Change it"
    permission = "classify"
    explanation = "A worse severity fills the roles it requires, from the roster."

    severity = fields.one_of("Severity", Severity.objects.all(), empty_label=None)
    reason = fields.text("Why", rows=2)

    def __init__(self, incident: Incident, *args: Any, **kwargs: Any) -> None:  # as Action
        super().__init__(incident, *args, **kwargs)
        self.initial.setdefault("severity", incident.severity_id)

    def apply(self, *, by: Actor, at: datetime) -> str:
        severity = self.cleaned_data["severity"]
        self.incident.change_severity(severity, reason=self.cleaned_data["reason"], by=by, at=at)
        return f"{self.incident.reference} is {severity} now."


# --- Paging ---------------------------------------------------------------------------------


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
        return super().allowed(user, incident) or _is_in(incident.pages, user)

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


# --- Roles ----------------------------------------------------------------------------------


@register_action
class AssignRole(Action):
    slug = "assign-role"
    heading = "Assign a role"
    button = "Assign"
    permission = "assign_role"
    explanation = "A role with one holder is handed over; both names stay on record."

    role = fields.one_of("Role", Role.objects.all(), empty_label=None)
    person = fields.PersonField(label="Person")
    note = fields.text("Handover note", required=False, rows=2)

    def apply(self, *, by: Actor, at: datetime) -> str:
        role, person = self.cleaned_data["role"], self.cleaned_data["person"]
        assign_role(self.incident, role, person, note=self.cleaned_data["note"], by=by, at=at)
        return f"{person} is {role.name.lower()}."


@register_action
class EndRole(Action):
    slug = "end-role"
    heading = "End a role"
    button = "End it"
    permission = "assign_role"

    assignment = fields.one_of("Holder", RoleAssignment.objects.none(), empty_label=None)
    note = fields.text("Note", required=False, rows=2)

    def __init__(self, incident: Incident, *args: Any, **kwargs: Any) -> None:  # as Action
        super().__init__(incident, *args, **kwargs)
        current = incident.role_assignments.current().select_related("role", "person")
        self.offer("assignment", current)

    def apply(self, *, by: Actor, at: datetime) -> str:
        assignment = self.cleaned_data["assignment"]
        assignment.incident = self.incident
        end_role(assignment, note=self.cleaned_data["note"], by=by, at=at)
        return f"{assignment.person} is no longer {assignment.role.name.lower()}."


@register_action
class FillRoles(Action):
    slug = "fill-roles"
    heading = "Fill roles from the roster"
    button = "Fill from the roster"
    permission = "assign_role"
    explanation = "Every required role that nobody holds goes to whoever is on call for it."

    def apply(self, *, by: Actor, at: datetime) -> str:
        filled = fill_roles_from_roster(self.incident, by=by, at=at)
        names = [f"{row.person} is {row.role.name.lower()}" for row in filled]
        return f"{', '.join(names)}." if names else "Nobody is on call for the roles left open."


# --- Responders -----------------------------------------------------------------------------


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
            request_responder(self.incident, person, **words, by=by, at=at)
            return f"{person} is asked to help."
        if team := self.cleaned_data["team"]:
            asked = request_team(self.incident, team, **words, by=by, at=at)
        else:
            asked = request_on_call(
                self.incident, self.cleaned_data["service"], **words, by=by, at=at
            )
        return f"Asked to help: {_names(responder.person for responder in asked)}."


class OfResponder(Action):
    """Something about one engagement. `is_own`: the person concerned may do it too."""

    is_own: ClassVar[bool] = False

    responder = forms.ModelChoiceField(Responder.objects.none(), widget=forms.HiddenInput)

    def __init__(self, incident: Incident, *args: Any, **kwargs: Any) -> None:  # as Action
        super().__init__(incident, *args, **kwargs)
        self.offer("responder", incident.responders.select_related("person"))

    @classmethod
    def allowed(cls, user: AbstractBaseUser | AnonymousUser, incident: Incident) -> bool:
        return super().allowed(user, incident) or (cls.is_own and _is_in(incident.responders, user))

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
            self.incident, before.person, purpose=before.purpose, message=message, by=by, at=at
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


# --- The record -----------------------------------------------------------------------------


@register_action
class Note(Action):
    slug = "note"
    heading = "Add a note"
    button = "Add note"
    permission = "note"

    text = fields.text("Note", rows=2)
    happened_at = fields.MomentField(label="When it happened", required=False)

    def apply(self, *, by: Actor, at: datetime) -> str:
        self.incident.note(**self.cleaned_data, by=by, at=at)
        return "Noted."


@register_action
class Edit(Action):
    slug = "edit"
    heading = "Edit the details"
    button = "Save"
    permission = "edit"

    title = fields.line("Title", max_length=300)
    customer_impact = fields.text("Customer impact: who notices, and what", required=False)
    summary = fields.text("Summary", required=False)
    workaround = fields.text("Workaround", required=False, rows=2)
    suspected_cause = fields.text("Suspected cause", required=False, rows=2)
    confirmed_cause = fields.text("Confirmed cause", required=False, rows=2)
    services = fields.some_of("Services", Service.objects.order_by("name"), required=False)
    bridge_url = fields.address("Bridge (call)")
    chat_url = fields.address("Chat room")
    ticket_url = fields.address("Ticket")
    is_private = fields.flag("Private: seen only by those who work on it")

    def __init__(self, incident: Incident, *args: Any, **kwargs: Any) -> None:  # as Action
        super().__init__(incident, *args, **kwargs)
        texts = [name for name in self.fields if name != "services"]
        self.initial = {name: getattr(incident, name) for name in texts}
        self.initial["services"] = list(incident.services.all())
        for field in self.fields.values():
            # The form carries what it was opened with, so that only what this person changed is
            # written, and a change that somebody else made meanwhile is seen.
            field.show_hidden_initial = True

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for name in self.changed_data:
            if name in cleaned and (now := self._changed_meanwhile(name)) is not None:
                self.add_error(name, f"Somebody else has changed this meanwhile to “{now}”.")
        return cleaned

    def _changed_meanwhile(self, name: str) -> object | None:
        """What another person made of a text since this form was opened; None if nothing."""
        now = self.initial[name]
        hidden = self.add_initial_prefix(name)
        if not isinstance(now, str) or _lines(self.data.get(hidden, "")) == _lines(now):
            return None
        data = cast(QueryDict, self.data).copy()
        data[hidden] = now
        self.data = data
        return now

    def apply(self, *, by: Actor, at: datetime) -> str:
        changed = {name: self.cleaned_data[name] for name in self.changed_data}
        self.incident.edit(**changed, by=by, at=at)
        return "Saved." if changed else "Nothing was changed."


@register_action
class CorrectMilestone(Action):
    slug = "milestone"
    heading = "Correct a moment"
    button = "Correct it"
    permission = "edit"
    explanation = "The old moment stays on record beside the new one."

    name = fields.choice("Which", list(MILESTONES.items()))
    moment = fields.MomentField(label="When it really was")
    reason = fields.line("How you know")

    def __init__(self, incident: Incident, *args: Any, **kwargs: Any) -> None:  # as Action
        super().__init__(incident, *args, **kwargs)
        if "moment" not in self.initial and self.initial.get("name") in MILESTONES:
            self.initial["moment"] = getattr(incident, self.initial["name"])

    def apply(self, *, by: Actor, at: datetime) -> str:
        self.incident.correct_milestone(**self.cleaned_data, by=by, at=at)
        return f"“{MILESTONES[self.cleaned_data['name']]}” is corrected."


def _is_in(rows: Any, user: AbstractBaseUser | AnonymousUser) -> bool:  # a related manager
    """Whether one of the rows, pages or responders of an incident, is this user's own.

    Several actions ask the same of one request, so the answer is remembered on the user object, as
    Django does with permissions.
    """
    known: dict[tuple[type, int], bool] = vars(user).setdefault("_rows_on_incidents", {})
    key = (rows.model, rows.instance.pk)
    if key not in known:
        known[key] = rows.filter(person__user=user.pk, person__user__isnull=False).exists()
    return known[key]


def _names(people: Iterable[Person]) -> str:
    return ", ".join(person.name for person in people)


def _lines(text: str) -> list[str]:
    """Browsers send their own line ends."""
    return text.strip().splitlines()
