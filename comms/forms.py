"""Writing an update."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.utils import timezone

from comms import rendering
from comms.audiences import concerned
from comms.facts import context
from comms.models import Audience, AudienceKind, Purpose, Template, Update, UpdateState
from comms.rendering import TemplateError
from comms.updates import (
    Draft,
    draft_update,
    send_update,
    update_facts,
    usual_next,
    worded,
)
from incidents.admin import fields
from incidents.admin.desk import Action
from incidents.admin.fields import MomentInput
from incidents.models import Incident
from roster.actors import Actor

NEXT_IN = [
    ("", "No time promised"),
    ("15", "15 minutes"),
    ("30", "30 minutes"),
    ("60", "1 hour"),
    ("120", "2 hours"),
    ("240", "4 hours"),
    ("720", "12 hours"),
    ("1440", "1 day"),
]


class UpdateForm(Action):
    """An update of one kind, begun from a waiting draft or the template that fits the incident now.

    `save` sends it, or keeps it as a draft when one of the audiences wants it approved first.
    Whether `user` may send is for the view to check.
    """

    field_order = [
        "template",
        "subject",
        "body",
        "audiences",
        "next_in",
        "next_due_at",
        "is_last",
        "replaces",
    ]

    subject = fields.line("Subject", required=False, max_length=300)
    body = fields.text("Text", rows=12, required=False, help_text="Markdown.")
    next_in = fields.choice("Next update in", NEXT_IN, required=False)
    next_due_at = forms.DateTimeField(
        label="or at", required=False, widget=MomentInput(), help_text="In your own time zone."
    )
    is_last = fields.flag("This is the last update")

    def __init__(
        self,
        incident: Incident,
        user: AbstractBaseUser,
        kind: str,
        *args: Any,  # as forms.Form takes them
        **kwargs: Any,
    ) -> None:
        self.kind = kind
        self.author = Actor.of_user(user).name
        super().__init__(incident, user, *args, **kwargs)
        self._offer_choices()
        if not self.is_bound:
            self._begin(timezone.now())

    def _offer_choices(self) -> None:
        suits = Template.objects.active().filter(purpose=Purpose.UPDATE, audience_kind=self.kind)
        self.fields["template"] = fields.one_of(
            "Template",
            suits.order_by("name"),
            required=False,
            empty_label="As written below",
            help_text="Fills in a subject or text that you leave empty.",
        )
        audiences = Audience.objects.active().filter(kind=self.kind).order_by("name")
        self.fields["audiences"] = fields.some_of("To", audiences)
        drafts = Update.objects.filter(
            incident=self.incident, kind=self.kind, state=UpdateState.DRAFT
        )
        self.fields["replaces"] = forms.ModelChoiceField(
            drafts, required=False, widget=forms.HiddenInput()
        )
        self.order_fields(self.field_order)

    def _begin(self, at: datetime) -> None:
        """Take up the draft that waits to be sent; else words and cadence that fit the phase."""
        draft = Update.objects.ready_to_send(self.incident, kind=self.kind).first()
        self.initial = {
            **(self._of_draft(draft) if draft else self._of_template(at)),
            **self.initial,
        }

    def _of_draft(self, draft: Update) -> dict[str, Any]:
        return {
            "subject": draft.subject,
            "body": draft.body,
            "audiences": list(draft.audiences.all()),
            "next_due_at": draft.next_update_due_at,
            "is_last": draft.is_last,
            "replaces": draft.pk,
        }

    def _of_template(self, at: datetime) -> dict[str, Any]:
        usual = usual_next(self.incident, kind=self.kind, at=at)
        content = worded(
            self.incident,
            kind=self.kind,
            author=self.author,
            next_due_at=usual,
            at=at,
        )
        minutes = str(int((usual - at).total_seconds()) // 60) if usual else ""
        is_offered = minutes in dict(NEXT_IN)
        return {
            "subject": content.subject,
            "body": content.markdown,
            "audiences": concerned(self.incident, kind=self.kind),
            "next_in": minutes if is_offered else "",
            "next_due_at": None if is_offered else usual,
        }

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("next_in") and cleaned.get("next_due_at"):
            self.add_error("next_due_at", "Give either a number of minutes or a time.")
        if template := cleaned.get("template"):
            self._fill_from(template, cleaned)
        for name in ("subject", "body"):
            if not cleaned.get(name) and name not in self.errors:
                self.add_error(name, "Write this, or choose a template that fills it in.")
        if (
            self.kind == AudienceKind.EXTERNAL
            and not self.errors
            and not any(cleaned.get(name) for name in ("next_in", "next_due_at", "is_last"))
        ):
            self.add_error("next_in", "Say when the next update comes, or that this is the last.")
        return cleaned

    def _fill_from(self, template: Template, cleaned: dict[str, Any]) -> None:
        if cleaned.get("subject") and cleaned.get("body"):
            return
        at = timezone.now()
        facts = update_facts(
            self.incident,
            kind=self.kind,
            author=self.author,
            next_due_at=self._next_due_at(at),
            is_last=cleaned.get("is_last", False),
        )
        try:
            words = rendering.render(
                template.subject, template.body, context(self.incident, at=at, update=facts)
            )
        except TemplateError as error:
            line = f" in line {error.line}" if error.line else ""
            self.add_error("template", f"This template has a mistake{line}: {error.message}")
            return
        cleaned["subject"] = cleaned.get("subject") or words.subject
        cleaned["body"] = cleaned.get("body") or words.body

    def _next_due_at(self, at: datetime) -> datetime | None:
        if minutes := self.cleaned_data.get("next_in"):
            return at + timedelta(minutes=int(minutes))
        return self.cleaned_data.get("next_due_at")

    def save(self, *, by: Actor, at: datetime) -> Update:
        """Send the update, or keep the draft that waits for approval: see its state.

        Raises UpdateError, whose fields are this form's.
        """
        draft = Draft(
            subject=self.cleaned_data["subject"],
            body=self.cleaned_data["body"],
            audiences=list(self.cleaned_data["audiences"]),
            next_due_at=self._next_due_at(at),
            is_last=self.cleaned_data["is_last"],
            template=self.cleaned_data["template"],
        )
        with transaction.atomic():
            if replaced := self.cleaned_data["replaces"]:
                replaced.delete()
            update = draft_update(self.incident, kind=self.kind, draft=draft, by=by, at=at)
            if not any(audience.requires_approval for audience in draft.audiences):
                send_update(update, by=by, at=at)
        return update
