"""The layer editor's forms: everything unsound is explained before anything of it is saved."""

from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.forms import BaseInlineFormSet
from django.utils import timezone
from unfold.widgets import (
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSplitDateTimeWidget,
    UnfoldAdminTextInputWidget,
)

from roster import qualification
from roster.admin.forms import kept_forms, not_past
from roster.admin.refused import RefusableForm
from roster.errors import DomainError
from roster.layer_checks import Turn, check_turns, overlapping
from roster.layer_succession import progress_of
from roster.models import Layer, Participant, Person
from roster.models.schedules import WeeklyWindow
from roster.qualification import REASON_LENGTH


class Effect(models.TextChoices):
    """From when on a change counts."""

    NOW = "now", "Now"
    HANDOFF = "handoff", "At the next handoff"
    MOMENT = "moment", "At another moment"


class LayerForm(RefusableForm):
    """A layer, and from when on a change of it counts.

    `is_being_edited` means that the person went back from the review: the form comes again as it
    was typed. `reviewed_at` keeps the handoff that the review named, should it pass meanwhile.
    """

    is_being_edited = False
    reviewed_at: datetime | None = None

    effect = forms.ChoiceField(
        label="Changes take effect",
        required=False,
        choices=Effect.choices,
        widget=UnfoldAdminRadioSelectWidget,
        help_text="Who was on call before stays on record, and who is on call stays until the "
        "next handoff unless you take them off the list.",
    )
    takes_effect_at = forms.SplitDateTimeField(
        label="The other moment", required=False, widget=UnfoldAdminSplitDateTimeWidget
    )

    exception_reason = forms.CharField(
        label="Why somebody untrained takes turns",
        required=False,
        max_length=REASON_LENGTH,
        widget=UnfoldAdminTextInputWidget,
        help_text="Only where you list somebody without the qualification that this schedule "
        "asks for. It stays on record.",
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

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # as ModelForm
        super().__init__(*args, **kwargs)
        self.next_handoff = _next_handoff(self.instance)
        field = self.fields.get("effect")
        if isinstance(field, forms.ChoiceField):
            field.choices = self._effects()
            self.initial.setdefault("effect", Effect.NOW)
        turns = self.fields.get("turns")
        if isinstance(turns, forms.ChoiceField) and not self.instance.pk:
            turns.choices = [("", "as suits the hours: daily turns count the days that have some")]
            turns.choices += Layer.Turns.choices
            turns.required = False
            self.initial["turns"] = ""

    def is_valid(self) -> bool:
        return super().is_valid() and not self.is_being_edited

    def clean_effective_until(self) -> datetime | None:
        until = self.cleaned_data["effective_until"]
        return not_past(until) if "effective_until" in self.changed_data else until

    def clean(self) -> dict[str, object]:
        cleaned = super().clean() or self.cleaned_data
        moment, effect = cleaned.get("takes_effect_at"), cleaned.get("effect")
        if effect == Effect.MOMENT and not moment and "takes_effect_at" not in self.errors:
            self.add_error("takes_effect_at", "Say when.")
        elif moment and effect in (Effect.NOW, Effect.HANDOFF):
            said = "There is a moment below, too. Choose “At another moment”, or clear it."
            self.add_error("effect", said)
        elif moment:
            self._check_moment(moment)
        ended_at = self.initial.get("effective_until") if self.instance.pk else None
        if ended_at and ended_at <= self.takes_effect():
            self.add_error(None, "This layer has ended by then. Add a new layer instead.")
        return cleaned

    def takes_effect(self) -> datetime:
        """The moment chosen; never one in the past."""
        now, effect = timezone.now(), self.cleaned_data.get("effect")
        if effect == Effect.HANDOFF and (self.reviewed_at or self.next_handoff):
            return max(self.reviewed_at or self.next_handoff or now, now)
        return max(self.cleaned_data.get("takes_effect_at") or now, now)

    def _check_moment(self, moment: datetime) -> None:
        try:
            not_past(moment)
        except ValidationError as error:
            self.add_error("takes_effect_at", error)

    def _effects(self) -> list[tuple[str, str]]:
        if not self.next_handoff:
            return [(each.value, str(each.label)) for each in (Effect.NOW, Effect.MOMENT)]
        when = timezone.localtime(self.next_handoff)
        handoff = f"{Effect.HANDOFF.label} ({when:%a %-d %b %H:%M %Z})"
        return [
            (Effect.NOW.value, str(Effect.NOW.label)),
            (Effect.HANDOFF.value, handoff),
            (Effect.MOMENT.value, str(Effect.MOMENT.label)),
        ]


def _next_handoff(layer: Layer) -> datetime | None:
    """When this layer's next turn begins; None before it has begun and once it is over."""
    now = timezone.now()
    if not layer.pk or layer.begins_at() > now:
        return None
    if layer.effective_until and layer.effective_until <= now:
        return None
    handoff = progress_of(layer, now).next_handoff(now)
    return None if layer.effective_until and layer.effective_until <= handoff else handoff


class ParticipantForm(forms.ModelForm):
    """A place in the order; the number may be left out, then it follows the row above."""

    class Meta:
        model = Participant
        fields = ("position", "person")

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # as ModelForm
        super().__init__(*args, **kwargs)
        self.fields["position"].required = False

    def clean_person(self) -> object:
        person = self.cleaned_data["person"]
        if person and not person.is_active and "person" in self.changed_data:
            raise ValidationError(f"{person} is inactive and cannot take turns.")
        return person


class ParticipantFormSet(BaseInlineFormSet):
    """The version of a layer's order that counts at `shown_at`."""

    instance: Layer

    def __init__(self, *args: Any, shown_at: datetime | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            order = self.instance.order_at(shown_at or timezone.now())
            rows = self.instance.participants.filter(pk__in=[row.pk for row in order])
            self.queryset = rows.order_by("position", "pk")

    def clean(self) -> None:
        super().clean()
        if any(self.errors):
            return
        shown = {row.pk for form in self.initial_forms if (row := form.cleaned_data.get("id"))}
        if shown != {row.pk for row in self.get_queryset()}:
            raise ValidationError(
                "The order was changed meanwhile. Open this page anew to see it, then change it."
            )
        places = [form.initial.get("person") for form in self.initial_forms]
        listed = {person for person in places if person}
        try:
            check_turns(self._number(), listed_before=listed)
        except DomainError as error:
            raise ValidationError(error.message, code=error.code) from error
        self._check_training()

    def untrained(self) -> list[Person]:
        """Those newly listed without the qualification that the schedule asks for."""
        schedule = self.instance.schedule if self.instance.schedule_id else None
        if schedule is None or not self.has_changed():
            return []
        before = {form.initial.get("person") for form in self.initial_forms}
        people = [person for _, person in self.turns() if person and person.pk not in before]
        return qualification.check_turns(schedule, people, timezone.now())

    def _check_training(self) -> None:
        if str(self.data.get("exception_reason") or "").strip():
            return
        asked = self.instance.schedule.qualification if self.instance.schedule_id else None
        if asked and (people := self.untrained()):
            raise ValidationError(qualification.lack_sentence(people, asked))

    def turns(self) -> list[Turn]:
        return [(form.instance.position, form.instance.person) for form in kept_forms(self)]

    def _number(self) -> list[Turn]:
        last = 0
        for form in kept_forms(self):
            form.instance.position = form.cleaned_data.get("position") or last + 1
            last = max(last, form.instance.position)
        return self.turns()


class WindowFormSet(BaseInlineFormSet):
    """Windows of the week, none of which may overlap another."""

    def clean(self) -> None:
        super().clean()
        if any(self.errors):
            return
        kept = kept_forms(self)
        windows: list[WeeklyWindow] = [form.instance for form in kept]
        clash = overlapping(windows)
        if clash:
            earlier, later = clash
            form = next(form for form in kept if form.instance is later)
            form.add_error("opens_on", f"{later} overlaps {earlier}. Join them into one.")
            raise ValidationError("Two of these windows overlap.")
