from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, Model, Q, QuerySet
from django.forms import ModelChoiceField
from django.http import HttpRequest
from django.utils import timezone
from unfold.admin import TabularInline
from unfold.widgets import UnfoldBooleanSwitchWidget

from roster.admin.paths import PathMixin
from roster.admin.qualifications import GrantInline
from roster.admin_base import MusterModelAdmin
from roster.models import ContactMethod, NotificationRule, Person, Team

CONTACT_DETAILS = ("email", "phone")


def is_own(request: HttpRequest, person: Model | None) -> bool:
    return (
        isinstance(person, Person)
        and person.user_id is not None
        and person.user_id == request.user.pk
    )


class ContactMethodForm(forms.ModelForm):
    """`verified_at` as a person states it: messages arrive here, or not known."""

    is_verified = forms.BooleanField(
        label="Messages arrive here", required=False, widget=UnfoldBooleanSwitchWidget
    )

    class Meta:
        model = ContactMethod
        fields = ("channel", "address", "label")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["is_verified"] = bool(self.instance.verified_at)

    def save(self, commit: bool = True) -> ContactMethod:
        if "is_verified" in self.changed_data:
            is_verified = self.cleaned_data["is_verified"]
            self.instance.verified_at = timezone.now() if is_verified else None
        return super().save(commit)


class OwnOrPermittedInline(TabularInline):
    """Rows about how to reach someone: that person's own business, or a permission."""

    extra = 0

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return is_own(request, obj) or super().has_view_permission(request, obj)

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return is_own(request, obj) or super().has_add_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return is_own(request, obj) or super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return is_own(request, obj) or super().has_delete_permission(request, obj)


class ContactMethodInline(OwnOrPermittedInline):
    model = ContactMethod
    form = ContactMethodForm
    fields = ("channel", "address", "label", "is_verified")


class NotificationRuleInline(OwnOrPermittedInline):
    model = NotificationRule
    fields = ("urgency", "delay_minutes", "contact_method")
    verbose_name_plural = "notification rules (save new contact methods first)"

    def formfield_for_foreignkey(
        self, db_field: Model, request: HttpRequest, **kwargs: object
    ) -> ModelChoiceField:
        """Offer the methods of the person on the page only."""
        match = request.resolver_match
        person = match.kwargs.get("object_id", 0) if match else 0
        kwargs["queryset"] = ContactMethod.objects.filter(person_id=person)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


@admin.register(Person)
class PersonAdmin(PathMixin, MusterModelAdmin):
    """People. E-mail, phone and contact methods show to those who may see them, and to oneself."""

    list_display = ("name", "title", "team_names", "time_zone", "is_active")
    list_filter = ("is_active", "teams", "country")
    search_fields = ("name", "slug", "title")
    ordering = ("name",)
    fields = (
        ("name", "slug"),
        ("title", "country"),
        CONTACT_DETAILS,
        ("time_zone", "user"),
        ("teams", "reports_to"),
        "is_active",
    )
    prepopulated_fields = {"slug": ("name",)}
    autocomplete_fields = ("user", "teams", "reports_to")
    inlines = (ContactMethodInline, NotificationRuleInline, GrantInline)
    actions = ("grant_qualification",)
    actions_detail = ("show_path",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Person]:
        return super().get_queryset(request).prefetch_related("teams")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Person], search_term: str
    ) -> tuple[QuerySet[Person], bool]:
        """People who left are found in the list, but offered in no form."""
        if request.path.endswith("/autocomplete/"):
            queryset = queryset.filter(is_active=True)
        return super().get_search_results(request, queryset, search_term)

    def get_fields(self, request: HttpRequest, obj: Person | None = None) -> list[object]:
        if obj is None or self._sees_details(request, obj):
            return list(self.fields)
        return [field for field in self.fields if field != CONTACT_DETAILS]

    def get_readonly_fields(self, request: HttpRequest, obj: Person | None = None) -> list[str]:
        """On one's own page without the right to edit people, one's zone and phone remain."""
        if super().has_change_permission(request, obj) or not is_own(request, obj):
            return []
        return ["name", "slug", "title", "country", "email", "user", "teams", "reports_to", "is_active"]

    def get_prepopulated_fields(
        self, request: HttpRequest, obj: Person | None = None
    ) -> dict[str, tuple[str, ...]]:
        return {} if obj else dict(self.prepopulated_fields)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return is_own(request, obj) or super().has_view_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return is_own(request, obj) or super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """History names people: they are made inactive."""
        return False

    def _sees_details(self, request: HttpRequest, person: Person) -> bool:
        return is_own(request, person) or request.user.has_perm("roster.view_contactmethod")

    @admin.display(description="Teams")
    def team_names(self, person: Person) -> str:
        return ", ".join(sorted(team.name for team in person.teams.all()))


@admin.register(Team)
class TeamAdmin(MusterModelAdmin):
    list_display = ("name", "kind", "part_of", "lead", "default_policy", "member_count")
    list_filter = ("kind",)
    list_select_related = ("part_of", "lead", "default_policy")
    search_fields = ("name", "slug")
    ordering = ("name",)
    fields = (("name", "slug"), ("kind", "part_of"), ("lead", "default_policy"))
    prepopulated_fields = {"slug": ("name",)}
    autocomplete_fields = ("part_of", "lead", "default_policy")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Team]:
        counted = Count("members", filter=Q(members__is_active=True))
        return super().get_queryset(request).annotate(active_members=counted)

    @admin.display(description="Active members", ordering="active_members")
    def member_count(self, team: Any) -> int:  # Any: a team with its annotation
        count: int = team.active_members
        return count
