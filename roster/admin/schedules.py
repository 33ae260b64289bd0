from django.contrib import admin
from django.db.models import Model, QuerySet
from django.forms import BaseModelFormSet, ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import urlencode
from unfold.admin import TabularInline
from unfold.decorators import action, display

from roster import admin_views
from roster.admin.forms import OverrideForm
from roster.admin.history import HistoryAdmin
from roster.admin.schedule_findings import FindingsMixin
from roster.admin.shadowing import ShadowingLinkMixin
from roster.admin_base import actor_of
from roster.models import Layer, Override, Schedule


class LayerInline(TabularInline):
    """The layers in words; each is edited on its own page."""

    model = Layer
    fields = ("edit_link", "position", "order", "rotation", "hours", "effect")
    readonly_fields = fields
    ordering = ("-position", "pk")
    extra = 0
    can_delete = False
    show_title = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Layer]:
        rows = super().get_queryset(request).select_related("schedule")
        return rows.prefetch_related("participants__person", "windows")

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    @display(description="Layer")
    def edit_link(self, layer: Layer) -> str:
        return _link(reverse("admin:roster_layer_change", args=[layer.pk]), layer.name)

    @display(description="Turns")
    def order(self, layer: Layer) -> str:
        turns: dict[int, list[str]] = {}
        for row in layer.current_participants():
            turns.setdefault(row.position, []).append(str(row.person or "nobody"))
        return ", ".join(" + ".join(crew) for crew in turns.values())

    @display(description="Handoffs")
    def rotation(self, layer: Layer) -> str:
        every = f"{layer.length} {layer.get_unit_display()}"
        return (
            f"Every {every.removesuffix('s') if layer.length == 1 else every}, first on "
            f"{layer.starts_on:%a %-d %b %Y} at {layer.handoff_time:%H:%M} ({layer.zone()})"
        )

    @display(description="Only in")
    def hours(self, layer: Layer) -> str:
        return "; ".join(str(window) for window in layer.windows.all()) or "at all times"

    @display(description="In effect")
    def effect(self, layer: Layer) -> str:
        begins, ends = timezone.localtime(layer.begins_at()), layer.effective_until
        until = f" until {timezone.localtime(ends):%-d %b %Y %H:%M}" if ends else ""
        return f"from {begins:%-d %b %Y %H:%M}{until}"


class OverrideInline(TabularInline):
    """Overrides that are not over; new ones can be entered here."""

    model = Override
    form = OverrideForm
    fields = ("kind", "person", "replaces", "starts_at", "ends_at", "reason", "edit_link")
    readonly_fields = ("edit_link",)
    autocomplete_fields = ("person", "replaces")
    ordering = ("starts_at",)
    extra = 0
    can_delete = False
    show_title = False
    verbose_name_plural = "overrides now and to come"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Override]:
        rows = super().get_queryset(request).select_related("person", "replaces", "schedule")
        return rows.filter(ends_at__gt=timezone.now())

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    @display(description="")
    def edit_link(self, override: Override) -> str:
        if not override.pk:
            return ""
        return _link(reverse("admin:roster_override_change", args=[override.pk]), "Edit")


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
    fields = (("name", "slug"), ("team", "time_zone"), "description", "is_active")
    prepopulated_fields = {"slug": ("name",)}
    autocomplete_fields = ("team",)
    inlines = (LayerInline, OverrideInline)
    actions_list = ("show_on_call",)
    actions_detail = ("show_calendar", "add_layer", "add_shadowing")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("on-call/", view(admin_views.on_call_page), name="roster_oncall"),
            path(
                "<int:pk>/calendar/",
                view(admin_views.calendar_page),
                name="roster_schedule_calendar",
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
        return self.inlines if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """The past refers to it: a schedule out of use is made inactive."""
        return False

    def has_add_layer_permission(self, request: HttpRequest, object_id: str = "") -> bool:
        return request.user.has_perm("roster.add_layer")

    def save_formset(
        self, request: HttpRequest, form: ModelForm, formset: BaseModelFormSet, change: bool
    ) -> None:
        for override in formset.save(commit=False):
            override.created_by = actor_of(request).person
        super().save_formset(request, form, formset, change)

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

    @action(description="Add a layer", icon="add", permissions=["add_layer"])
    def add_layer(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return redirect(_add_layer_url(object_id))

    @display(description="Calendar")
    def calendar_link(self, schedule: Schedule) -> str:
        url = reverse("admin:roster_schedule_calendar", args=[schedule.pk])
        return _link(url, "Calendar")


def _link(url: str, text: str) -> str:
    return format_html('<a href="{}" class="text-primary-600 underline">{}</a>', url, text)


def _add_layer_url(schedule_pk: int | str) -> str:
    return f"{reverse('admin:roster_layer_add')}?{urlencode({'schedule': schedule_pk})}"
