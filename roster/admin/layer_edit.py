"""From the layer editor's forms to the domain: tried and shown first, then saved and told."""

import copy
from collections.abc import Sequence
from datetime import datetime

from django.forms import BaseInlineFormSet
from django.http import HttpRequest

from roster.actors import Actor
from roster.admin.forms import kept_forms
from roster.admin.layer_forms import LayerForm, ParticipantFormSet
from roster.admin.review import REVIEWED, Review, ReviewNeeded, told_sentence
from roster.layer_changes import LayerChange, add_layer, change_layer, replaced_by
from roster.layer_checks import Turn, default_turns
from roster.layer_plans import PlannedChange
from roster.models import Layer, LayerWindow
from roster.qualification import put_on_duty
from roster.shift_changes import compared, told

NOT_IN_LAYER = {"effect", "takes_effect_at", "exception_reason"}


class Edit:
    """What the forms ask for, which can be tried any number of times."""

    def __init__(
        self, form: LayerForm, formsets: Sequence[BaseInlineFormSet], *, at: datetime
    ) -> None:
        self._form, self._formsets, self._at = form, formsets, at
        self._is_new = form.instance.pk is None
        self._takes_effect_at = at if self._is_new else max(form.takes_effect(), at)

    def save(self, request: HttpRequest, by: Actor) -> tuple[Layer, list[str]]:
        """Save, and say who is told. Raises ReviewNeeded where that was not looked at before."""
        schedule, since = self._form.instance.schedule, self._since()
        replaced = self._replaced()
        if REVIEWED not in request.POST:
            comparison = compared(schedule, self._apply, since=since)
            if comparison.changes or replaced:
                title = f"Before it is saved: {self._form.instance} on {schedule}"
                raise ReviewNeeded(Review(title, comparison, self._takes_effect_at, replaced))
        with told(schedule, at=self._at, by=by.person, by_name=by.name, since=since) as telling:
            self._record_exceptions(by)
            layer = self._apply()
        said = [told_sentence(telling.told)] if telling.told else []
        if self._is_new and layer.effective_from == self._at:
            said.append(
                f"{layer} counts from now on. Its turns are counted from {layer.starts_on}."
            )
        return layer, said

    def _record_exceptions(self, by: Actor) -> None:
        """Who is listed untrained, and why: the form has asked for the reason."""
        put_on_duty(
            self._form.instance.schedule,
            self._participants().untrained(),
            reason=self._form.cleaned_data.get("exception_reason") or "",
            by=by,
            at=self._at,
            field="exception_reason",
        )

    def _apply(self) -> Layer:
        turns, windows = self._turns(), self._windows()
        if self._is_new:
            layer = copy.copy(self._form.instance)
            layer.turns = layer.turns or default_turns(layer.unit, windows or [])
            return add_layer(layer, turns or [], windows or [], at=self._at)
        values = {name: self._form.cleaned_data[name] for name in self._form.changed_data}
        change = LayerChange(
            values={name: values[name] for name in values.keys() - NOT_IN_LAYER},
            participants=turns,
            windows=windows,
            replaces_planned=True,  # the review has named them
        )
        return change_layer(
            self._stored(), change, takes_effect_at=self._takes_effect_at, at=self._at
        )

    def _replaced(self) -> list[PlannedChange]:
        if self._is_new:
            return []
        changed = set(self._form.changed_data) - NOT_IN_LAYER
        change = LayerChange(
            values=dict.fromkeys(changed), participants=self._turns(), windows=self._windows()
        )
        return replaced_by(self._stored(), change, takes_effect_at=self._takes_effect_at)

    def _since(self) -> datetime:
        """From when on shifts can differ: a layer to come changes nothing before it begins."""
        begins = self._form.instance.begins_at()
        if not self._is_new:
            begins = min(begins, self._stored().begins_at())
        return max(self._takes_effect_at, begins)

    def _stored(self) -> Layer:
        return Layer.objects.select_related("schedule").get(pk=self._form.instance.pk)

    def _participants(self) -> ParticipantFormSet:
        return next(each for each in self._formsets if isinstance(each, ParticipantFormSet))

    def _turns(self) -> list[Turn] | None:
        formset = self._participants()
        return formset.turns() if self._is_new or formset.has_changed() else None

    def _windows(self) -> list[LayerWindow] | None:
        formset = next(each for each in self._formsets if each.model is LayerWindow)
        if not formset.has_changed():
            return None
        return [copy.copy(each.instance) for each in kept_forms(formset)]
