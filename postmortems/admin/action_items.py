from collections.abc import Iterable
from datetime import date
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import formats, timezone
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import action, display

from postmortems.admin.forms import OutcomeDialog, ReasonDialog
from postmortems.models import ActionItem, Postmortem
from postmortems.permissions import may_finish
from roster.admin_base import MusterModelAdmin, actor_of, answer_dialog, change_each


class OverdueFilter(admin.SimpleListFilter):
    """Works for everything with `overdue_on(day)`."""

    title = "overdue"
    parameter_name = "overdue"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [("yes", "Overdue")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:  # of either model
        return queryset.overdue_on(timezone.localdate()) if self.value() else queryset


DUE_COLORS = {"overdue": "danger", "open": "info", "ended": "default"}


def due_label(row: ActionItem | Postmortem) -> tuple[str, str] | str:
    """The due day as a label, red once it has passed; the key picks the colour."""
    if row.due_on is None:
        return "–"
    today = timezone.localdate()
    if row.is_overdue_on(today):
        return ("overdue", f"{shown(row.due_on)}, {(today - row.due_on).days} days overdue")
    ended = row.is_finished if isinstance(row, Postmortem) else row.state != ActionItem.State.OPEN
    return "ended" if ended else "open", shown(row.due_on)


def shown(day: date) -> str:
    return formats.date_format(day, "j M Y")


@admin.register(ActionItem)
class ActionItemAdmin(MusterModelAdmin):
    list_display = (
        "reference",
        "title",
        "kind",
        "state_label",
        "due",
        "priority",
        "owner",
        "incident",
    )
    list_filter = (OverdueFilter, "state", "kind", "priority", ("owner", AutocompleteSelectFilter))
    list_select_related = ("owner", "incident")
    search_fields = ("title", "details", "=number")
    ordering = ("due_on", "number")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "title",
                    "details",
                    ("kind", "priority"),
                    ("owner", "due_on"),
                    "ticket_url",
                )
            },
        ),
        (
            "State",
            {"fields": ("incident", "postmortem", "state", "outcome", "created_at", "ended_at")},
        ),
    )
    readonly_fields = ("incident", "postmortem", "state", "outcome", "created_at", "ended_at")
    autocomplete_fields = ("owner",)
    actions = ("finish_selected",)
    actions_detail = ("finish", "drop")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ActionItem]:
        return super().get_queryset(request).visible_to(request.user)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # added on the page of its postmortem or incident

    def has_delete_permission(self, request: HttpRequest, obj: ActionItem | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: ActionItem | None = None) -> bool:
        if obj is None:
            return request.user.has_perm("postmortems.change_actionitem")
        return obj.state == ActionItem.State.OPEN and may_finish(request.user, obj)

    def has_finish_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """For the list: by permission. For one item: also its owner."""
        if object_id is None:
            return self.has_change_permission(request)
        item = self.get_object(request, object_id)
        return item is not None and self.has_change_permission(request, item)

    @admin.action(description="Mark as done", permissions=["finish"])
    def finish_selected(self, request: HttpRequest, items: QuerySet[ActionItem]) -> None:
        by, at = actor_of(request), timezone.now()
        rows = items.select_related("incident", "owner")
        change_each(
            request, rows, lambda item: item.finish(by=by, at=at), done="Marked {} as done."
        )

    @action(
        description="Done",
        icon="task_alt",
        permissions=["finish"],
        dialog={"title": "Mark as done", "form_class": OutcomeDialog, "form_submit_text": "Done"},
    )
    def finish(self, request: HttpRequest, form: OutcomeDialog, object_id: str) -> HttpResponse:
        item = get_object_or_404(self.get_queryset(request), pk=object_id)
        return answer_dialog(
            request,
            form,
            lambda: item.finish(
                by=actor_of(request), at=timezone.now(), outcome=form.cleaned_data["outcome"]
            ),
            done=f"{item.reference} is done.",
            to=item.get_absolute_url(),
        )

    @action(
        description="Drop",
        icon="block",
        permissions=["finish"],
        dialog={
            "title": "Decide against it",
            "form_class": ReasonDialog,
            "form_submit_text": "Drop",
        },
    )
    def drop(self, request: HttpRequest, form: ReasonDialog, object_id: str) -> HttpResponse:
        item = get_object_or_404(self.get_queryset(request), pk=object_id)
        return answer_dialog(
            request,
            form,
            lambda: item.drop(
                by=actor_of(request), at=timezone.now(), reason=form.cleaned_data["reason"]
            ),
            done=f"{item.reference} is dropped.",
            to=item.get_absolute_url(),
        )

    @display(description="Reference", ordering="number")
    def reference(self, item: ActionItem) -> str:
        return item.reference

    @display(description="State", ordering="state", label={"open": "info", "done": "success"})
    def state_label(self, item: ActionItem) -> tuple[str, str]:
        return item.state, item.get_state_display()

    @display(description="Due", ordering="due_on", label=DUE_COLORS)
    def due(self, item: ActionItem) -> tuple[str, str] | str:
        return due_label(item)
