from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.forms import BaseInlineFormSet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from unfold.admin import TabularInline
from unfold.decorators import action, display

from roster.admin.history import HistoryAdmin
from roster.admin.override_forms import OverrideForm, OverrideShiftFormSet
from roster.admin.refused import RefusalsOnForm
from roster.admin.review import Withdrawal, told_sentence, withdrawal_page
from roster.admin_base import actor_of, change_each
from roster.models import Override, OverrideShift
from roster.override_changes import change_override, enter_override, take_back, withdraw_override


class OverrideShiftInline(TabularInline):
    """The shifts of an override that lists them."""

    model = OverrideShift
    formset = OverrideShiftFormSet
    fields = ("person", "starts_at", "ends_at")
    autocomplete_fields = ("person",)
    extra = 0
    verbose_name_plural = "shifts, where only those listed count (gaps between them stay)"

    def _is_open(self, obj: Override | None) -> bool:
        return not (obj and obj.pk and obj.has_begun(timezone.now()))

    def has_add_permission(self, request: HttpRequest, obj: Override | None = None) -> bool:
        return self._is_open(obj) and super().has_add_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Override | None = None) -> bool:
        return self._is_open(obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Override | None = None) -> bool:
        return self._is_open(obj) and super().has_delete_permission(request, obj)


@admin.register(Override)
class OverrideAdmin(RefusalsOnForm, HistoryAdmin):
    """Overrides: entered freely, cut short once begun, left alone once over."""

    form = OverrideForm
    list_display = ("who", "schedule", "kind", "starts_at", "ends_at", "reason")
    list_filter = ("schedule", "kind")
    list_select_related = ("schedule", "person", "replaces")
    search_fields = ("schedule__name", "person__name", "reason")
    ordering = ("-starts_at",)
    fields = (
        ("schedule", "kind"),
        ("person", "replaces"),
        ("starts_at", "ends_at"),
        "reason",
    )
    autocomplete_fields = ("schedule", "person", "replaces")
    inlines = (OverrideShiftInline,)
    actions = ("withdraw",)
    list_before_template = "admin/roster/parts/help_link.html"
    actions_detail = ("take_back",)

    class Media:
        js = ("roster/only_where.js",)

    def get_urls(self) -> list[URLPattern]:
        take_back = self.admin_site.admin_view(self.withdraw_view)
        return [
            path("<int:pk>/withdraw/", take_back, name="roster_override_withdraw"),
            *super().get_urls(),
        ]

    def get_readonly_fields(
        self, request: HttpRequest, obj: Override | None = None
    ) -> tuple[str, ...]:
        if obj and obj.has_begun(timezone.now()):
            return ("schedule", "kind", "person", "replaces", "starts_at")
        return ("schedule",) if obj else ()

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """What is over stays; what a swap or a calendar made is changed there."""
        if isinstance(obj, Override):
            is_over = obj.ends_at <= timezone.now()
            if is_over or obj.swap_id or obj.calendar_id:
                return False
        return super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Only withdrawing keeps what an override has already answered."""
        return False

    def has_withdraw_permission(self, request: HttpRequest, object_id: str = "") -> bool:
        return request.user.has_perm("roster.delete_override")

    def save_model(
        self, request: HttpRequest, obj: Override, form: OverrideForm, change: bool
    ) -> None:
        """One that lists shifts waits for them, in `save_related`."""
        if obj.kind != Override.Kind.TEMPORARY:
            self._save(request, obj, [], change)

    def save_related(
        self,
        request: HttpRequest,
        form: OverrideForm,
        formsets: list[BaseInlineFormSet],
        change: bool,
    ) -> None:
        for formset in formsets:
            formset.save(commit=False)  # only fills in what the change message tells
        if form.instance.kind == Override.Kind.TEMPORARY:
            listed = [each for each in formsets if isinstance(each, OverrideShiftFormSet)]
            shifts = listed[0].shifts() if listed else None
            self._save(request, form.instance, shifts, change)

    def _save(
        self,
        request: HttpRequest,
        override: Override,
        shifts: list[OverrideShift] | None,
        change: bool,
    ) -> None:
        at, by = timezone.now(), actor_of(request)
        if change:
            telling = change_override(override, shifts, by=by, at=at)
        else:
            telling = enter_override(override, shifts or [], by=by, at=at)
        if telling.told:
            self.message_user(request, told_sentence(telling.told))

    @action(description="Take back, or end now", permissions=["withdraw"])
    def withdraw(self, request: HttpRequest, overrides: QuerySet[Override]) -> None:
        now, by = timezone.now(), actor_of(request)
        told: dict[Any, None] = {}  # people, in order

        def take_back(override: Override) -> None:
            told.update(dict.fromkeys(withdraw_override(override, by=by, at=now).told))

        rows = overrides.select_related("person", "schedule")
        change_each(request, rows, take_back, done="Took back or ended {}.")
        if told:
            self.message_user(request, told_sentence(list(told)))

    @action(description="Take back, or end now", icon="undo", permissions=["withdraw"])
    def take_back(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return redirect("admin:roster_override_withdraw", object_id)

    def withdraw_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show what comes back in its place, then take it back."""
        override = self.get_object(request, str(pk))
        if override is None or not self.has_withdraw_permission(request):
            raise PermissionDenied
        withdrawal = Withdrawal(
            title=f"Take back: {override}",
            schedule=override.schedule,
            since=override.starts_at,
            withdraw=lambda at: take_back(override, at=at),
            done=f"{override} is taken back.",
            back=reverse("admin:roster_override_changelist"),
        )
        return withdrawal_page(request, withdrawal, actor_of(request))

    @display(description="Who")
    def who(self, override: Override) -> str:
        if override.person is None:
            return "The shifts listed"
        stands_in = f" for {override.replaces}" if override.replaces else ""
        return f"{override.person}{stands_in}"
