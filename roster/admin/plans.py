from datetime import timedelta

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import StackedInline
from unfold.decorators import action, display

from roster.admin.plan_forms import (
    PlanForm,
    PlanRotationForm,
    PlanRotationFormSet,
    PreferenceForm,
)
from roster.admin.plan_pages import TONES, plan_urls
from roster.admin.refused import RefusalsOnForm
from roster.admin_base import MusterModelAdmin, actor_of, person_of
from roster.models import Person, PlanPreference, PlanRotation, RosterPlan
from roster.planning.asking import AT_REST, ask
from roster.templatetags.muster import chip

# With another period, turns set by hand are other turns.
PERIOD = {"starts_on", "handoff_time", "turns", "turn_length", "turn_unit"}


class PlanRotationInline(StackedInline):
    model = PlanRotation
    form = PlanRotationForm
    formset = PlanRotationFormSet
    fields = ("schedule", "people")
    autocomplete_fields = ("schedule", "people")
    verbose_name = "schedule"
    verbose_name_plural = "schedules to plan together"
    extra = 0
    min_num = 1


@admin.register(RosterPlan)
class RosterPlanAdmin(RefusalsOnForm):
    """Asking for a fair roster; saving has the solver look for one."""

    form = PlanForm
    list_display = ("plan_link", "shown_state", "period", "schedules", "created_by", "created_at")
    list_display_links = None
    list_filter = ("state",)
    list_select_related = ("created_by",)
    search_fields = ("name", "rotations__schedule__name")
    ordering = ("-created_at",)
    fieldsets = (
        (None, {"fields": ("name",)}),
        (
            "Period",
            {
                "fields": (
                    ("starts_on", "handoff_time"),
                    ("turns", "turn_length", "turn_unit"),
                )
            },
        ),
        (
            "Rules",
            {
                "fields": (
                    ("rest_turns", "most_consecutive", "most_turns"),
                    ("ledger_months", "wish_hours"),
                )
            },
        ),
    )
    inlines = (PlanRotationInline,)
    list_before_template = "admin/roster/plan/about.html"
    actions_list = ("show_wishes",)

    def get_urls(self) -> list[URLPattern]:
        return [*plan_urls(), *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet[RosterPlan]:
        return super().get_queryset(request).prefetch_related("rotations__schedule")

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, object]:
        """A quarter from the Monday after next, so that people have a week to object."""
        today = timezone.localdate()
        monday = today + timedelta(days=14 - today.weekday())
        return {"starts_on": monday, "name": f"Fair roster from {monday:%-d %B %Y}"} | (
            super().get_changeform_initial_data(request)
        )

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, object] | None = None,
    ) -> HttpResponse:
        """One button: saving leads to the page of the plan, where the solver can be watched."""
        only_save = {"show_save_and_add_another": False, "show_save_and_continue": False}
        context = only_save | (extra_context or {})
        return super().changeform_view(request, object_id, form_url, context)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        is_settled = isinstance(obj, RosterPlan) and obj.state not in AT_REST
        return not is_settled and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """A proposal is thrown away, and stays on record."""
        return False

    def save_model(
        self, request: HttpRequest, obj: RosterPlan, form: ModelForm, change: bool
    ) -> None:
        if not change:
            obj.created_by = actor_of(request).person
        elif PERIOD & set(form.changed_data):
            obj.result = {}
        super().save_model(request, obj, form, change)

    def save_related(
        self, request: HttpRequest, form: ModelForm, formsets: list[object], change: bool
    ) -> None:
        super().save_related(request, form, formsets, change)
        ask(form.instance, at=timezone.now())

    def response_post_save_add(self, request: HttpRequest, obj: RosterPlan) -> HttpResponse:
        return redirect("admin:roster_plan", obj.pk)

    def response_post_save_change(self, request: HttpRequest, obj: RosterPlan) -> HttpResponse:
        return redirect("admin:roster_plan", obj.pk)

    @action(description="Wishes", icon="favorite", permissions=["view"])
    def show_wishes(self, request: HttpRequest) -> HttpResponse:
        return redirect("admin:roster_planpreference_changelist")

    @display(description="Plan", ordering="name")
    def plan_link(self, plan: RosterPlan) -> SafeString:
        url = reverse("admin:roster_plan", args=[plan.pk])
        return format_html('<a href="{}" class="mu-link">{}</a>', url, plan.name)

    @display(description="State", ordering="state")
    def shown_state(self, plan: RosterPlan) -> SafeString:
        return chip(plan.get_state_display(), TONES[RosterPlan.State(plan.state)])

    @display(description="Period", ordering="starts_on")
    def period(self, plan: RosterPlan) -> str:
        return f"{plan.turns} turns from {plan.starts_on:%a %-d %b %Y}"

    @display(description="Schedules")
    def schedules(self, plan: RosterPlan) -> str:
        return ", ".join(sorted(each.schedule.name for each in plan.rotations.all()))


@admin.register(PlanPreference)
class PlanPreferenceAdmin(MusterModelAdmin):
    """Wishes: one's own, or with the right to edit plans everybody's."""

    form = PreferenceForm
    list_display = ("person", "wish", "starts_on", "ends_on", "note")
    list_filter = ("wish",)
    list_select_related = ("person",)
    search_fields = ("person__name", "note")
    ordering = ("-starts_on",)
    fields = ("person", "wish", ("starts_on", "ends_on"), "note")
    autocomplete_fields = ("person",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[PlanPreference]:
        rows = super().get_queryset(request)
        if request.user.has_perm("roster.view_planpreference"):
            return rows
        return rows.filter(person__user=request.user.pk)

    def get_readonly_fields(
        self, request: HttpRequest, obj: PlanPreference | None = None
    ) -> tuple[str, ...]:
        return () if request.user.has_perm("roster.add_planpreference") else ("person",)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Left out of the index, which asks on every page: whose wishes are seen costs a query."""
        return False

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_view_permission(request, obj) or _is_own(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) or _is_own(request, None)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_change_permission(request, obj) or _is_own(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_delete_permission(request, obj) or _is_own(request, obj)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, object]:
        own = person_of(request)
        return {"person": own and own.pk} | super().get_changeform_initial_data(request)

    def save_model(
        self, request: HttpRequest, obj: PlanPreference, form: ModelForm, change: bool
    ) -> None:
        if not change and not request.user.has_perm("roster.add_planpreference"):
            obj.person = Person.objects.get(user=request.user.pk)
        super().save_model(request, obj, form, change)


def _is_own(request: HttpRequest, wish: Model | None) -> bool:
    """Whether it is the wish of who asks; without one, whether they can have wishes at all."""
    if isinstance(wish, PlanPreference):
        return wish.person.user_id is not None and wish.person.user_id == request.user.pk
    return Person.objects.filter(user=request.user.pk).exists()
