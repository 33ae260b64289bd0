from django.contrib import admin
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils import timezone
from unfold.decorators import action

from roster.admin.forms import OverrideForm
from roster.admin.history import HistoryAdmin
from roster.admin_base import actor_of, change_each
from roster.models import Override


@admin.register(Override)
class OverrideAdmin(HistoryAdmin):
    """Overrides: entered freely, cut short once begun, left alone once over."""

    form = OverrideForm
    list_display = ("schedule", "kind", "person", "replaces", "starts_at", "ends_at", "reason")
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
