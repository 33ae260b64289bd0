"""The forms of an override: nothing about the past, and only what has yet to begin."""

from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms import BaseInlineFormSet
from django.utils import timezone

from roster.admin.forms import kept_forms, not_past
from roster.admin.refused import RefusableForm
from roster.models import Override, OverrideShift
from roster.override_changes import shift_problems
from roster.qualification import check_turns, lack_sentence


class OverrideForm(RefusableForm):
    """An override that says nothing about the past."""

    class Meta:
        model = Override
        fields = ("schedule", "kind", "person", "replaces", "starts_at", "ends_at", "reason")

    def clean_starts_at(self) -> datetime:
        starts_at = self.cleaned_data["starts_at"]
        return _required_not_past(starts_at) if "starts_at" in self.changed_data else starts_at

    def clean_ends_at(self) -> datetime:
        ends_at = self.cleaned_data["ends_at"]
        return _required_not_past(ends_at) if "ends_at" in self.changed_data else ends_at

    def clean(self) -> dict[str, object]:
        cleaned = super().clean() or self.cleaned_data
        lists_shifts = cleaned.get("kind") == Override.Kind.TEMPORARY
        if lists_shifts and "shifts-TOTAL_FORMS" not in self.data:
            self.add_error("kind", "Shifts are listed on the override’s own page: add it there.")
        self._check_training()
        return cleaned

    def _check_training(self) -> None:
        """Here too, since the row of a schedule's page has no other place for the sentence."""
        schedule = self.cleaned_data.get("schedule") or getattr(self.instance, "schedule", None)
        person = self.cleaned_data.get("person")
        is_taken_off = self.cleaned_data.get("kind") == Override.Kind.REMOVE
        if self.cleaned_data.get("reason") or not (schedule and person) or is_taken_off:
            return
        untrained = check_turns(schedule, [person], timezone.now())
        if untrained and schedule.qualification:
            self.add_error("reason", lack_sentence(untrained, schedule.qualification))


class OneLineOverrideForm(OverrideForm):
    """Where shifts cannot be listed: every kind but that one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # as ModelForm
        super().__init__(*args, **kwargs)
        field = self.fields.get("kind")
        if isinstance(field, forms.ChoiceField):
            field.choices = [
                (value, label)
                for value, label in Override.Kind.choices
                if value != Override.Kind.TEMPORARY
            ]


class OverrideShiftFormSet(BaseInlineFormSet):
    """The shifts that an override lists, all within it."""

    instance: Override

    def clean(self) -> None:
        super().clean()
        override = self.instance
        if any(self.errors) or not (override.starts_at and override.ends_at):
            return
        if override.pk and override.has_begun(timezone.now()):
            return  # it is cut short, and its list stays as it was
        kept = kept_forms(self)
        shifts: list[OverrideShift] = [form.instance for form in kept]
        is_listed = override.kind == Override.Kind.TEMPORARY
        if is_listed and not shifts:
            raise ValidationError("List at least one shift: without any, nobody would be on call.")
        if shifts and not is_listed:
            raise ValidationError(
                "Remove these, or choose “Only the shifts listed count” as the kind."
            )
        for number, (name, sentence) in shift_problems(override, shifts).items():
            kept[number].add_error(name, sentence)

    def shifts(self) -> list[OverrideShift] | None:
        """None where the list is as it was."""
        if not self.has_changed():
            return None
        return [form.instance for form in kept_forms(self)]


def _required_not_past(moment: datetime) -> datetime:
    not_past(moment)
    return moment
