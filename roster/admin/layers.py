from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.forms import BaseInlineFormSet, ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from unfold.admin import TabularInline
from unfold.decorators import display

from roster.admin.history import HistoryAdmin
from roster.admin.layer_edit import Edit
from roster.admin.layer_forms import LayerForm, ParticipantForm, ParticipantFormSet, WindowFormSet
from roster.admin.refused import RefusalsOnForm
from roster.admin.review import (
    BACK,
    EFFECT,
    ReviewNeeded,
    Withdrawal,
    moment_of,
    review_page,
    withdrawal_page,
)
from roster.admin_base import actor_of
from roster.layer_changes import predecessor_of
from roster.layer_plans import PlannedChange, planned_changes, withdraw_planned
from roster.models import Layer, LayerWindow, Participant, Schedule


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
    formset = WindowFormSet
    extra = 0
    verbose_name_plural = "windows: only in these hours of the week (none: always)"


@admin.register(Layer)
class LayerAdmin(RefusalsOnForm, HistoryAdmin):
    """One layer; reached from its schedule, to which saving leads back.

    Saving shows whose shifts change first, unless nobody's do.
    """

    form = LayerForm
    list_display = ("name", "schedule", "position", "effective_from", "effective_until")
    list_filter = ("schedule",)
    list_select_related = ("schedule",)
    search_fields = ("name", "schedule__name")
    ordering = ("schedule__name", "-position", "pk")
    inlines = (ParticipantInline, LayerWindowInline)
    autocomplete_fields = ("schedule",)
    change_form_before_template = "admin/roster/parts/help_link.html"

    class Media:
        js = ("roster/only_where.js",)

    def get_urls(self) -> list[URLPattern]:
        withdraw = self.admin_site.admin_view(self.withdraw_view)
        return [
            path("<int:pk>/withdraw/", withdraw, name="roster_layer_withdraw"),
            *super().get_urls(),
        ]

    def get_fieldsets(self, request: HttpRequest, obj: Layer | None = None) -> list[tuple]:
        fieldsets: list[tuple] = [
            (None, {"fields": (("schedule", "name"),)}),
            (
                "Rotation",
                {"fields": (("starts_on", "handoff_time"), ("length", "unit"), "time_zone")},
            ),
            (
                "Where it counts",
                {"fields": ("position", ("effective_from", "effective_until"), "turns")},
            ),
        ]
        if obj and self.has_change_permission(request, obj):
            fieldsets.insert(1, ("From when on", {"fields": ("effect", "takes_effect_at")}))
        if obj:
            fieldsets[0][1]["fields"] += ("planned",)
        if _asks_for_training(request, obj):
            fieldsets[0][1]["fields"] += ("exception_reason",)
        return fieldsets

    def get_readonly_fields(
        self, request: HttpRequest, obj: Layer | None = None
    ) -> tuple[str, ...]:
        if not obj:
            return ()
        is_fixed = obj.begins_at() < timezone.now() or predecessor_of(obj)
        return ("schedule", "planned", *(("effective_from",) if is_fixed else ()))

    def get_form(
        self, request: HttpRequest, obj: Layer | None = None, change: bool = False, **kwargs: Any
    ) -> type[ModelForm]:
        form = super().get_form(request, obj, change=change, **kwargs)
        if issubclass(form, LayerForm):
            form.is_being_edited = BACK in request.POST
            form.reviewed_at = moment_of(request.POST.get(EFFECT))
        return form

    def get_formset_kwargs(
        self, request: HttpRequest, obj: Layer, inline: TabularInline, prefix: str
    ) -> dict[str, Any]:
        options: dict[str, Any] = super().get_formset_kwargs(request, obj, inline, prefix)
        if isinstance(inline, ParticipantInline):
            options["shown_at"] = moment_of(request.GET.get("at"))
        return options

    def has_delete_permission(self, request: HttpRequest, obj: Layer | None = None) -> bool:
        """Once begun it is on record, and ended instead; a planned change is withdrawn."""
        if obj is None or obj.begins_at() <= timezone.now() or predecessor_of(obj):
            return False
        return super().has_delete_permission(request, obj)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the review where one is needed."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except ReviewNeeded as needed:
            return review_page(request, needed.review, by=actor_of(request).person)

    def save_model(self, request: HttpRequest, obj: Layer, form: ModelForm, change: bool) -> None:
        """Everything is saved together, in `save_related`."""

    def save_related(
        self,
        request: HttpRequest,
        form: LayerForm,
        formsets: list[BaseInlineFormSet],
        change: bool,
    ) -> None:
        for formset in formsets:
            formset.save(commit=False)  # only fills in what the change message tells
        edit = Edit(form, formsets, at=timezone.now())
        layer, said = edit.save(request, actor_of(request))
        for sentence in said:
            self.message_user(request, sentence)
        # The page goes on with the layer in force, which may be a successor.
        form.instance.pk = layer.pk

    def response_post_save_add(self, request: HttpRequest, obj: Layer) -> HttpResponse:
        return redirect("admin:roster_schedule_change", obj.schedule_id)

    response_post_save_change = response_post_save_add

    def withdraw_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Take back a change that has yet to take effect, after a look at what comes back."""
        layer = self.get_object(request, str(pk))
        if layer is None or not self.has_change_permission(request, layer):
            raise PermissionDenied
        moment = moment_of(request.GET.get("at"))
        if moment is None:
            messages.error(request, "Choose the planned change on the page of its layer.")
            return redirect("admin:roster_layer_change", pk)
        return withdrawal_page(
            request,
            Withdrawal(
                title=f"Withdraw what is planned for {layer} on {layer.schedule}",
                schedule=layer.schedule,
                since=moment,
                withdraw=lambda at: withdraw_planned(layer, takes_effect_at=moment, at=at),
                done="The planned change is withdrawn.",
                back=reverse("admin:roster_layer_change", args=[pk]),
            ),
            actor_of(request),
        )

    @display(description="Changes to come")
    def planned(self, layer: Layer) -> SafeString | str:
        changes = planned_changes([layer], timezone.now())
        return (
            format_html_join("", "<p>{}</p>", ((_planned_line(each),) for each in changes))
            or "None is planned."
        )


def _asks_for_training(request: HttpRequest, layer: Layer | None) -> bool:
    """Whether the schedule of this layer, or the one of a new layer, asks for a qualification."""
    if layer:
        return layer.schedule.qualification_id is not None
    asked = request.POST.get("schedule") or request.GET.get("schedule") or ""
    schedules = Schedule.objects.filter(qualification__isnull=False)
    return asked.isdecimal() and schedules.filter(pk=asked).exists()


def _planned_line(change: PlannedChange) -> SafeString:
    moment = timezone.localtime(change.takes_effect_at)
    order = ", ".join(" + ".join(crew) or "nobody" for crew in change.order)
    address = urlencode({"at": change.takes_effect_at.isoformat()})
    edit = reverse("admin:roster_layer_change", args=[change.layer.pk])
    withdraw = reverse("admin:roster_layer_withdraw", args=[change.layer.pk])
    link = '<a href="{}" class="text-primary-600 underline">{}</a>'
    return format_html(
        "From <strong>{}</strong>: {}{}. {} · {}",
        f"{moment:%a %-d %b %Y %H:%M}",
        order,
        ", with other handoffs or hours" if change.is_successor else "",
        format_html(link, f"{edit}?{address}", "Change from then on"),
        format_html(link, f"{withdraw}?{address}", "Withdraw"),
    )
