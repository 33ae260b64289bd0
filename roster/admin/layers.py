from django.contrib import admin
from django.forms import BaseInlineFormSet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from unfold.admin import TabularInline

from roster.admin.forms import LayerForm, ParticipantForm, ParticipantFormSet, kept_forms
from roster.admin.history import HistoryAdmin
from roster.layer_changes import LayerChange, change_layer
from roster.layer_checks import Turn
from roster.models import Layer, LayerWindow, Participant


class ParticipantInline(TabularInline):
    model = Participant
    form = ParticipantForm
    formset = ParticipantFormSet
    fields = ("position", "person")
    autocomplete_fields = ("person",)
    verbose_name_plural = "turns, in order"

    def get_extra(self, request: HttpRequest, obj: Layer | None = None, **kwargs: object) -> int:
        return 0 if obj else 3


class LayerWindowInline(TabularInline):
    model = LayerWindow
    extra = 0
    verbose_name_plural = "windows: only in these hours of the week (none: always)"


@admin.register(Layer)
class LayerAdmin(HistoryAdmin):
    """One layer; reached from its schedule, to which saving leads back."""

    form = LayerForm
    list_display = ("name", "schedule", "position", "effective_from", "effective_until")
    list_filter = ("schedule",)
    list_select_related = ("schedule",)
    search_fields = ("name", "schedule__name")
    ordering = ("schedule__name", "-position", "pk")
    inlines = (ParticipantInline, LayerWindowInline)
    autocomplete_fields = ("schedule",)

    def get_fieldsets(self, request: HttpRequest, obj: Layer | None = None) -> list[tuple]:
        identity = (("schedule", "name"),)
        rotation = (("starts_on", "handoff_time"), ("length", "unit"), ("time_zone", "turns"))
        effect = ("position", ("effective_from", "effective_until"))
        when = ("takes_effect_at",) if obj else ()
        return [
            (None, {"fields": identity + when}),
            ("Rotation", {"fields": rotation}),
            ("Where it counts", {"fields": effect}),
        ]

    def get_readonly_fields(
        self, request: HttpRequest, obj: Layer | None = None
    ) -> tuple[str, ...]:
        has_begun = obj and obj.begins_at() < timezone.now()
        return ("schedule", *(("effective_from",) if has_begun else ())) if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Layer | None = None) -> bool:
        """Once begun it is on record, and ended instead."""
        has_begun = obj is None or obj.begins_at() <= timezone.now()
        return not has_begun and super().has_delete_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: Layer, form: LayerForm, change: bool) -> None:
        """A new layer counts from now on at the earliest; a change waits for `save_related`."""
        if change:
            return
        if obj.begins_at() < timezone.now():
            obj.effective_from = timezone.now()
            self.message_user(
                request, f"{obj} counts from now on. Its turns are counted from {obj.starts_on}."
            )
        super().save_model(request, obj, form, change)

    def save_related(
        self,
        request: HttpRequest,
        form: LayerForm,
        formsets: list[BaseInlineFormSet],
        change: bool,
    ) -> None:
        if not change:
            super().save_related(request, form, formsets, change)
            return
        for formset in formsets:
            formset.save(commit=False)  # only fills in what the change message tells
        stored = Layer.objects.select_related("schedule").get(pk=form.instance.pk)
        layer_change = _change_of(form, formsets)
        if form.instance.begins_at() < timezone.now() <= stored.begins_at():
            layer_change.values["effective_from"] = timezone.now()
        layer = change_layer(stored, layer_change, takes_effect_at=form.takes_effect())
        # The page goes on with the layer in force, which may be a successor.
        form.instance.pk = layer.pk

    def response_post_save_add(self, request: HttpRequest, obj: Layer) -> HttpResponse:
        return redirect("admin:roster_schedule_change", obj.schedule_id)

    response_post_save_change = response_post_save_add


def _change_of(form: LayerForm, formsets: list[BaseInlineFormSet]) -> LayerChange:
    turns: list[Turn] | None = None
    windows: list[LayerWindow] | None = None
    for formset in formsets:
        if not formset.has_changed():
            continue
        if isinstance(formset, ParticipantFormSet):
            turns = formset.turns()
        else:
            windows = [each.instance for each in kept_forms(formset)]
    values = {name: form.cleaned_data[name] for name in form.changed_data}
    values.pop("takes_effect_at", None)
    return LayerChange(values=values, participants=turns, windows=windows)
