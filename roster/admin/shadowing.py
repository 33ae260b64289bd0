from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import action, display

from roster import shadowing
from roster.admin.history import HistoryAdmin
from roster.errors import DomainError
from roster.models import Shadowing
from roster.refusals import add_refusal
from roster.templatetags.muster import chip


class ShadowingForm(forms.ModelForm):
    class Meta:
        model = Shadowing
        fields = ("schedule", "kind", "person", "follows", "starts_at", "ends_at")
        help_texts = {
            "follows": "Empty: whoever is on call. For a reverse shadow: the trainee on call."
        }

    def clean(self) -> dict[str, Any]:
        """What is no longer asked for, once it has begun, is taken from the row itself."""
        cleaned = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        names = ("schedule", "kind", "person", "follows", "starts_at", "ends_at")
        values = {
            name: cleaned[name] if name in self.fields else getattr(self.instance, name)
            for name in names
        }
        try:
            shadowing.refuse_impossible(Shadowing(pk=self.instance.pk, **values), at=timezone.now())
        except DomainError as error:
            add_refusal(self, error)
        return cleaned


class WhenFilter(admin.SimpleListFilter):
    title = "when"
    parameter_name = "when"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("now", "Now"), ("ahead", "To come"), ("over", "Over")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Shadowing]) -> QuerySet[Shadowing]:
        now = timezone.now()
        match self.value():
            case "now":
                return queryset.filter(starts_at__lte=now, ends_at__gt=now)
            case "ahead":
                return queryset.filter(starts_at__gt=now)
            case "over":
                return queryset.filter(ends_at__lte=now)
        return queryset


@admin.register(Shadowing)
class ShadowingAdmin(HistoryAdmin):
    """Who stands beside whom: they receive copies of the pages and hold no duty."""

    form = ShadowingForm
    list_display = ("person", "kind", "follows", "schedule", "starts_at", "ends_at", "state")
    list_filter = (
        WhenFilter,
        "kind",
        ("schedule", AutocompleteSelectFilter),
        ("person", AutocompleteSelectFilter),
    )
    list_select_related = ("person", "follows", "schedule")
    search_fields = ("person__name", "follows__name", "schedule__name")
    ordering = ("-starts_at", "-pk")
    fields = (
        ("schedule", "kind"),
        ("person", "follows"),
        ("starts_at", "ends_at"),
    )
    autocomplete_fields = ("schedule", "person", "follows")

    def get_readonly_fields(
        self, request: HttpRequest, obj: Shadowing | None = None
    ) -> tuple[str, ...]:
        """Once begun it can only be cut short or made longer."""
        if obj and obj.starts_at <= timezone.now():
            return ("schedule", "kind", "person", "follows", "starts_at")
        return ()

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        is_over = isinstance(obj, Shadowing) and obj.ends_at <= timezone.now()
        return not is_over and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """What has begun is a shift done, and counts."""
        has_begun = obj is None or (isinstance(obj, Shadowing) and obj.starts_at <= timezone.now())
        return not has_begun and super().has_delete_permission(request, obj)

    @display(description="State")
    def state(self, row: Shadowing) -> SafeString:
        now = timezone.now()
        if row.ends_at <= now:
            return chip("Over", "gray")
        return chip("Now", "green") if row.starts_at <= now else chip("To come", "blue")


class ShadowingLinkMixin:
    """For the admin of schedules: a way to the form, filled in."""

    def has_add_shadowing_permission(self, request: HttpRequest, object_id: str = "") -> bool:
        return request.user.has_perm("roster.add_shadowing")

    @action(description="Add shadowing", icon="visibility", permissions=["add_shadowing"])
    def add_shadowing(self, request: HttpRequest, object_id: str) -> HttpResponse:
        url = reverse("admin:roster_shadowing_add")
        return redirect(f"{url}?{urlencode({'schedule': object_id})}")
