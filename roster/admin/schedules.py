from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.forms import BaseModelFormSet, ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.http import urlencode
from unfold.admin import TabularInline
from unfold.decorators import action, display

from roster import admin_views
from roster.admin.handoffs import handoff_note_page
from roster.admin.history import HistoryAdmin
from roster.admin.review import told_sentence
from roster.admin.schedule_findings import FindingsMixin
from roster.admin.schedule_inlines import (
    CoverageWindowInline,
    LayerInline,
    OverrideInline,
    link_to,
)
from roster.admin.shadowing import ShadowingLinkMixin
from roster.admin_base import actor_of
from roster.models import EscalationTarget, Override, Schedule
from roster.override_changes import enter_override
from roster.schedule_changes import change_time_zone
from roster.shift_changes import told
from roster.watch import prove_soon


@admin.register(Schedule)
class ScheduleAdmin(FindingsMixin, ShadowingLinkMixin, HistoryAdmin):
    """Schedules: layers are added and edited on their own pages, the calendar shows the result."""

    list_display = (
        "name",
        "team",
        "time_zone",
        "is_active",
        "findings_link",
        "calendar_link",
    )
    list_filter = ("is_active", "team")
    list_select_related = ("team",)
    search_fields = ("name", "slug")
    ordering = ("name",)
    fieldsets = (
        (None, {"fields": (("name", "slug"), ("team", "time_zone"), "description")}),
        (
            "What is asked of it",
            {"fields": (("coverage", "qualification"), ("rest_hours", "is_primary"))},
        ),
        (
            "Use",
            {
                "fields": ("is_active",),
                "description": "A schedule out of use is made inactive. It leaves the calendar and "
                "the coverage watch; who was on call stays on record.",
            },
        ),
    )
    prepopulated_fields = {"slug": ("name",)}
    autocomplete_fields = ("team",)
    inlines = (CoverageWindowInline, LayerInline, OverrideInline)
    actions_list = ("show_on_call",)
    list_before_template = change_form_before_template = "admin/roster/parts/help_link.html"
    actions_detail = ("show_calendar", "show_calendars", "show_duty", "add_layer", "add_shadowing")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("on-call/", view(admin_views.on_call_page), name="roster_oncall"),
            path("on-call/data/", view(admin_views.on_call_data), name="roster_oncall_data"),
            path(
                "on-call/override/", view(admin_views.override_page), name="roster_override_enter"
            ),
            path("help/", view(admin_views.help_page), name="roster_help"),
            path(
                "<int:pk>/calendar/",
                view(admin_views.calendar_page),
                name="roster_schedule_calendar",
            ),
            path(
                "<int:pk>/handoff-note/",
                view(handoff_note_page),
                name="roster_handoff_note",
            ),
            path(
                "<int:pk>/calendar/data/",
                view(admin_views.calendar_data),
                name="roster_schedule_calendar_data",
            ),
            *super().get_urls(),
        ]

    def get_prepopulated_fields(
        self, request: HttpRequest, obj: Schedule | None = None
    ) -> dict[str, tuple[str, ...]]:
        return {} if obj else dict(self.prepopulated_fields)

    def get_inlines(
        self, request: HttpRequest, obj: Schedule | None
    ) -> tuple[type[TabularInline], ...]:
        return self.inlines if obj else (CoverageWindowInline,)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """The past refers to it: a schedule out of use is made inactive."""
        return False

    def has_add_layer_permission(self, request: HttpRequest, object_id: str = "") -> bool:
        return request.user.has_perm("roster.add_layer")

    def has_view_duty_permission(self, request: HttpRequest, object_id: str = "") -> bool:
        return request.user.has_perm("roster.view_dutyrecord")

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> type[ModelForm]:  # as ModelAdmin
        """A description is a sentence or two; the layers should not be a page further down."""
        form: type[ModelForm] = super().get_form(request, obj, change=change, **kwargs)
        if "description" in form.base_fields:
            form.base_fields["description"].widget.attrs["rows"] = 2
        return form

    def save_model(
        self, request: HttpRequest, obj: Schedule, form: ModelForm, change: bool
    ) -> None:
        """Another zone ends layers and lets successors go on by the other clock."""
        at, by = timezone.now(), actor_of(request)
        if not change:
            super().save_model(request, obj, form, change)
            return
        if "time_zone" in form.changed_data:
            with told(obj, at=at, by=by.person, by_name=by.name) as telling:
                change_time_zone(obj, obj.time_zone, at=at)
            if telling.told:
                self.message_user(request, told_sentence(telling.told))
        if "is_active" in form.changed_data and not obj.is_active:
            self._warn_of_policies(request, obj)
        super().save_model(request, obj, form, change)
        prove_soon([obj.pk], at=at)

    def save_formset(
        self, request: HttpRequest, form: ModelForm, formset: BaseModelFormSet, change: bool
    ) -> None:
        at = timezone.now()
        if formset.model is Override:
            for override in formset.save(commit=False):
                telling = enter_override(override, by=actor_of(request), at=at)
                if telling.told:
                    self.message_user(request, told_sentence(telling.told))
            return
        super().save_formset(request, form, formset, change)
        if formset.has_changed():
            prove_soon([form.instance.pk], at=at)

    def _warn_of_policies(self, request: HttpRequest, schedule: Schedule) -> None:
        targets = EscalationTarget.objects.filter(schedule=schedule)
        names = list(targets.values_list("step__policy__name", flat=True).distinct())
        if names:
            said = f"{schedule} is inactive, and still paged by: {', '.join(sorted(names))}."
            self.message_user(request, f"{said} Give these policies another target.", "warning")

    def response_post_save_add(self, request: HttpRequest, obj: Schedule) -> HttpResponse:
        """A schedule is nothing yet without people who take turns: go on to ask for them."""
        self.message_user(request, f"Now say who takes turns on {obj}.")
        return redirect(_add_layer_url(obj.pk))

    @action(description="Who is on call", icon="support_agent", permissions=["view"])
    def show_on_call(self, request: HttpRequest) -> HttpResponse:
        return redirect("admin:roster_oncall")

    @action(description="Calendar", icon="calendar_month", permissions=["view"])
    def show_calendar(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return redirect("admin:roster_schedule_calendar", object_id)

    @action(description="Feed and import", icon="rss_feed", permissions=["view"])
    def show_calendars(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return redirect("admin:roster_schedule_calendars", object_id)

    @action(description="Past duty", icon="history", permissions=["view_duty"])
    def show_duty(self, request: HttpRequest, object_id: str) -> HttpResponse:
        records = reverse("admin:roster_dutyrecord_changelist")
        return redirect(f"{records}?{urlencode({'schedule__id__exact': object_id})}")

    @action(description="Add a layer", icon="add", permissions=["add_layer"])
    def add_layer(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return redirect(_add_layer_url(object_id))

    @display(description="Calendar")
    def calendar_link(self, schedule: Schedule) -> str:
        url = reverse("admin:roster_schedule_calendar", args=[schedule.pk])
        return link_to(url, "Calendar")


def _add_layer_url(schedule_pk: int | str) -> str:
    return f"{reverse('admin:roster_layer_add')}?{urlencode({'schedule': schedule_pk})}"
