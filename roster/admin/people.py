from calendar import day_abbr
from typing import Any

from django import forms
from django.contrib import admin
from django.db import models
from django.db.models import Count, Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern
from unfold.decorators import action
from unfold.widgets import INPUT_CLASSES, UnfoldAdminCheckboxSelectMultipleWidget

from roster.admin import reachability
from roster.admin.availability import TimeOffLinkMixin
from roster.admin.contacts import ContactMethodInline, NotificationRuleInline, is_own
from roster.admin.paths import PathMixin
from roster.admin.qualifications import GrantInline
from roster.admin_base import MusterModelAdmin
from roster.models import Person, Team

CONTACT_DETAILS = ("email", "phone")
QUIET_HOURS = ("quiet_from", "quiet_until", "reminder_hours")
WORKING_HOURS = ("work_from", "work_until", "work_days")


class TimeInput(forms.TimeInput):
    """The browser's own, for a time of day on the person's clock."""

    input_type = "time"


class WorkDaysField(forms.TypedMultipleChoiceField):
    """Days of the week to tick; kept as numbers from 0 for Monday."""

    def __init__(self, **kwargs: Any) -> None:  # as forms.TypedMultipleChoiceField
        super().__init__(
            label="Working days",
            choices=enumerate(day_abbr),
            coerce=int,
            required=False,
            widget=UnfoldAdminCheckboxSelectMultipleWidget(),
            help_text="They and the hours decide which steps of a policy page this person.",
            **kwargs,
        )


class PersonForm(forms.ModelForm):
    """Working days are ticked, not typed as a list of numbers."""

    work_days = WorkDaysField()


@admin.register(Person)
class PersonAdmin(PathMixin, TimeOffLinkMixin, MusterModelAdmin):
    """People. How to reach them shows to those who may see contact methods, and to oneself."""

    list_display = ("name", "title", "team_names", "time_zone", "is_active")
    list_filter = ("is_active", "teams", "country")
    search_fields = ("name", "slug", "title")
    ordering = ("name",)
    form = PersonForm
    fields = (
        ("name", "slug"),
        ("title", "country"),
        CONTACT_DETAILS,
        ("time_zone", "user"),
        QUIET_HOURS,
        WORKING_HOURS,
        ("reports_to", "teams"),
        "is_active",
    )
    prepopulated_fields = {"slug": ("name",)}
    autocomplete_fields = ("user", "teams", "reports_to")
    inlines = (ContactMethodInline, NotificationRuleInline, GrantInline)
    actions = ("grant_qualification",)
    actions_detail = ("show_path", "show_time_off")
    actions_list = ("show_page_tests",)
    change_form_outer_before_template = reachability.PANEL
    # The stock widget offers "now" and warns of the distance to the server's clock.
    formfield_overrides = {
        **MusterModelAdmin.formfield_overrides,
        models.TimeField: {
            "widget": TimeInput(attrs={"class": " ".join(INPUT_CLASSES)}, format="%H:%M")
        },
    }

    def get_queryset(self, request: HttpRequest) -> QuerySet[Person]:
        return super().get_queryset(request).prefetch_related("teams")

    def get_urls(self) -> list[URLPattern]:
        return [*reachability.urls(self.admin_site), *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,  # as templates take it
    ) -> HttpResponse:
        person = self.get_object(request, object_id)
        context = dict(extra_context or {})
        if person and reachability.sees_details(request, person):
            context["reachability"] = reachability.reachability(request, person)
        return super().change_view(request, object_id, form_url, context)

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
        """On one's own page without the right to edit people, what concerns oneself remains."""
        if super().has_change_permission(request, obj) or not is_own(request, obj):
            return []
        return [
            *("name", "slug", "title", "country", "email", "user", "teams", "reports_to"),
            "is_active",
        ]

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

    def has_page_tests_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("roster.view_pagetest")

    @action(description="Page tests", icon="notification_important", permissions=["page_tests"])
    def show_page_tests(self, request: HttpRequest) -> HttpResponse:
        return redirect("admin:roster_pagetest_changelist")

    def _sees_details(self, request: HttpRequest, person: Person) -> bool:
        return reachability.sees_details(request, person)

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
