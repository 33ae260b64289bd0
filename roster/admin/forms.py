"""What a form explains before anything of it is saved."""

from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Max
from django.forms import BaseInlineFormSet
from django.utils import timezone
from unfold.widgets import UnfoldAdminSplitDateTimeWidget

from roster.layer_checks import Turn
from roster.models import Layer, Override, Participant
from roster.models.schedules import ENTRY_GRACE


class LayerForm(forms.ModelForm):
    """A layer, and from when on a change of it counts."""

    takes_effect_at = forms.SplitDateTimeField(
        label="Changes take effect",
        required=False,
        widget=UnfoldAdminSplitDateTimeWidget,
        help_text="Empty: now. Who was on call before stays on record.",
    )

    class Meta:
        model = Layer
        fields = (
            "schedule",
            "name",
            "position",
            "starts_on",
            "handoff_time",
            "length",
            "unit",
            "time_zone",
            "turns",
            "effective_from",
            "effective_until",
        )

    def clean_takes_effect_at(self) -> datetime | None:
        return _not_past(self.cleaned_data["takes_effect_at"])

    def clean_effective_until(self) -> datetime | None:
        until = self.cleaned_data["effective_until"]
        return _not_past(until) if "effective_until" in self.changed_data else until

    def clean(self) -> dict[str, object]:
        cleaned = super().clean() or self.cleaned_data
        ended_at = self.initial.get("effective_until") if self.instance.pk else None
        if ended_at and ended_at <= self.takes_effect():
            self.add_error(None, "This layer has ended by then. Add a new layer instead.")
        return cleaned

    def takes_effect(self) -> datetime:
        return self.cleaned_data.get("takes_effect_at") or timezone.now()


def _not_past(moment: datetime | None) -> datetime | None:
    if moment and moment < timezone.now() - ENTRY_GRACE:
        raise ValidationError("This has passed. Who was on call then stays as it was.")
    return moment


def kept_forms(formset: BaseInlineFormSet) -> list[forms.ModelForm]:
    """The rows that are meant: neither deleted nor left blank."""
    return [
        form
        for form in formset.forms
        if form not in formset.deleted_forms and (form.instance.pk or form.has_changed())
    ]


class ParticipantForm(forms.ModelForm):
    """A place in the order; the number may be left out, then it follows the row above."""

    class Meta:
        model = Participant
        fields = ("position", "person")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["position"].required = False

    def clean_person(self) -> object:
        person = self.cleaned_data["person"]
        if person and not person.is_active and "person" in self.changed_data:
            raise ValidationError(f"{person} is inactive and cannot take turns.")
        return person


class ParticipantFormSet(BaseInlineFormSet):
    """The latest version of a layer's order."""

    instance: Layer

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            rows = self.instance.participants
            latest = rows.aggregate(Max("effective_at"))["effective_at__max"]
            self.queryset = rows.filter(effective_at=latest).order_by("position", "pk")

    def clean(self) -> None:
        super().clean()
        if any(self.errors):
            return
        turns = self._number()
        if not turns:
            raise ValidationError("Say who takes turns: a layer without participants is empty.")
        if len(set(turns)) < len(turns):
            raise ValidationError("The same person stands twice on one turn.")

    def turns(self) -> list[Turn]:
        return [(form.instance.position, form.instance.person) for form in kept_forms(self)]

    def _number(self) -> list[Turn]:
        last = 0
        for form in kept_forms(self):
            form.instance.position = form.cleaned_data.get("position") or last + 1
            last = max(last, form.instance.position)
        return self.turns()


class OverrideForm(forms.ModelForm):
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


def _required_not_past(moment: datetime) -> datetime:
    _not_past(moment)
    return moment
