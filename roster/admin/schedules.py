from django.contrib import admin
from django.db.models import Model, QuerySet
from django.forms import BaseInlineFormSet, BaseModelFormSet, ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import urlencode
from unfold.admin import TabularInline
from unfold.decorators import action, display

from roster import admin_views
from roster.admin.forms import (
    LayerForm,
    OverrideForm,
    ParticipantForm,
    ParticipantFormSet,
    kept_forms,
)
from roster.admin.history import HistoryAdmin
from roster.admin_base import actor_of, change_each
from roster.layer_changes import LayerChange, Turn, change_layer
from roster.models import Layer, LayerWindow, Override, Participant, Schedule


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
class ScheduleAdmin(HistoryAdmin):
    """Schedules: layers are added and edited on their own pages, the calendar shows the result."""

    list_display = ("name", "team", "time_zone", "is_active", "calendar_link")
    list_filter = ("is_active", "team")
    list_select_related = ("team",)
    search_fields = ("name", "slug")
    ordering = ("name",)
    fields = (("name", "slug"), ("team", "time_zone"), "description", "is_active")
    prepopulated_fields = {"slug": ("name",)}
    autocomplete_fields = ("team",)
    inlines = (LayerInline, OverrideInline)
    actions_list = ("show_on_call",)
    actions_detail = ("show_calendar", "add_layer")

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


@admin.register(Override)
class OverrideAdmin(HistoryAdmin):
    """Overrides: entered freely, cut short once begun, left alone once over."""

    form = OverrideForm
    list_display = ("schedule", "kind", "person", "replaces", "starts_at", "ends_at", "reason")
    list_filter = ("schedule", "kind")
    list_select_related = ("schedule", "person", "replaces")
    search_fields = ("schedule__name", "person__name", "reason")
    ordering = ("-starts_at",)
    date_hierarchy = None
    fields = (
        ("schedule", "kind"),
        ("person", "replaces"),
        ("starts_at", "ends_at"),
        "reason",
    )
    autocomplete_fields = ("schedule", "person", "replaces")
    actions = ("withdraw",)

    def get_readonly_fields(
        self, request: HttpRequest, obj: Override | None = None
    ) -> tuple[str, ...]:
        if obj and obj.has_begun(timezone.now()):
            return ("schedule", "kind", "person", "replaces", "starts_at")
        return ()

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        is_over = isinstance(obj, Override) and obj.ends_at <= timezone.now()
        return not is_over and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Only withdrawing keeps what an override has already answered."""
        return False

    def has_withdraw_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("roster.delete_override")

    def save_model(
        self, request: HttpRequest, obj: Override, form: ModelForm, change: bool
    ) -> None:
        if not change:
            obj.created_by = actor_of(request).person
        super().save_model(request, obj, form, change)

    @action(description="Take back, or end now", permissions=["withdraw"])
    def withdraw(self, request: HttpRequest, overrides: QuerySet[Override]) -> None:
        now = timezone.now()
        change_each(
            request,
            overrides.select_related("person", "schedule"),
            lambda override: override.withdraw(at=now),
            done="Took back or ended {}.",
        )
