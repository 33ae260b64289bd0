"""What is known and noted of an incident."""

from datetime import datetime
from typing import Any, cast

from django.http import QueryDict

from incidents.admin import fields
from incidents.admin.desk import Action, register_action
from incidents.models import Incident, Service
from roster.actors import Actor

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


def _lines(text: str) -> list[str]:
    """Browsers send their own line ends."""
    return text.strip().splitlines()
