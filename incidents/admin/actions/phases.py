"""The way of an incident through its phases, and its severity."""

from datetime import datetime
from typing import Any

from django import forms

from incidents.admin import fields
from incidents.admin.desk import Action, register_action
from incidents.models import (
    Incident,
    Phase,
    Severity,
)
from incidents.phases import ALLOWED_BACK_FROM
from roster.actors import Actor


def override() -> forms.CharField:
    """Asked for only once something was found missing (`Action.asks_override`)."""
    return fields.text("Go on without, because", required=False, rows=2)


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
