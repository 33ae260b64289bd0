"""What incidents are made of: services, severities, roles, and the words of the process."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.decorators import display

from incidents.admin.duties import DutyMatrixMixin
from incidents.admin.lookups import WhoHandlesMixin
from incidents.admin.matrix import SeverityMatrixMixin
from incidents.admin.readiness import ReadinessMixin
from incidents.models import Duty, PhaseGuide, Question, Role, Service, Severity
from roster.admin_base import MusterModelAdmin
from roster.templatetags.muster import chip
from roster.watch import prove_all_soon


@admin.register(Service)
class ServiceAdmin(WhoHandlesMixin, MusterModelAdmin):
    """Services, and who is paged for them."""

    list_display = ("name", "tier", "owner_team", "paged_by", "is_public", "number_of_alerts")
    list_filter = ("tier", "owner_team", "is_public")
    list_select_related = ("owner_team__default_policy", "policy")
    search_fields = ("name", "slug", "description")
    ordering = ("tier", "name")

    fieldsets = (
        (None, {"fields": ("name", "slug", "description", ("tier", "is_public"))}),
        ("Who answers for it", {"fields": ("owner_team", "policy", "schedules")}),
        ("What helps at night", {"fields": ("runbook_url", "depends_on")}),
    )
    prepopulated_fields = {"slug": ("name",)}
    autocomplete_fields = ("owner_team", "policy", "schedules", "depends_on")
    actions_list = ("show_who_handles",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Service]:
        return super().get_queryset(request).annotate(alerts_seen=Count("alerts"))

    @display(description="Paged by")
    def paged_by(self, service: Service) -> str:
        policy = service.effective_policy()
        return str(policy) if policy else "Nobody: give it or its team a policy"

    @display(description="Alerts", ordering="alerts_seen")
    def number_of_alerts(self, service: Any) -> int:  # annotated
        return service.alerts_seen


@admin.register(Severity)
class SeverityAdmin(SeverityMatrixMixin, MusterModelAdmin):
    """What each severity demands, and the matrix that leads to it."""

    list_display = ("chip", "description", "acknowledge_within", "update_every", "is_major")
    list_display_links = ("chip",)
    search_fields = ("name", "slug", "aliases")
    ordering = ("rank",)

    fieldsets = (
        (None, {"fields": (("name", "slug"), ("rank", "color"), "aliases", "description")}),
        (
            "What it demands",
            {
                "fields": (
                    ("urgency", "is_major"),
                    ("acknowledge_within_minutes", "request_repeat_minutes"),
                    ("internal_update_minutes", "external_update_minutes"),
                )
            },
        ),
        ("Learning", {"fields": (("postmortem_required", "postmortem_due_days"),)}),
    )
    actions_list = ("matrix",)

    def has_delete_permission(self, request: HttpRequest, obj: Severity | None = None) -> bool:
        return False

    @display(description="Severity", ordering="rank")
    def chip(self, severity: Severity) -> SafeString:
        return chip(severity.name, severity.color)

    @display(description="Acknowledge within")
    def acknowledge_within(self, severity: Severity) -> str:
        return f"{severity.acknowledge_within_minutes} min"

    @display(description="Updates, internal / external")
    def update_every(self, severity: Severity) -> str:
        every = (severity.internal_update_minutes, severity.external_update_minutes)
        return " / ".join(f"{minutes} min" if minutes else "–" for minutes in every)


@admin.register(Role)
class RoleAdmin(ReadinessMixin, MusterModelAdmin):
    """The parts people play. An organisation renames, merges and adds."""

    list_display = (
        "name",
        "category",
        "is_single",
        "required_from",
        "schedule",
        "is_round_the_clock",
    )
    list_filter = ("category", "required_from")
    list_select_related = ("required_from", "schedule")
    search_fields = ("name", "slug", "aliases", "purpose")
    ordering = ("position", "pk")

    fieldsets = (
        (None, {"fields": (("name", "slug"), "aliases", ("category", "position"), "purpose")}),
        (
            "Who holds it",
            {
                "fields": (
                    ("is_single", "required_from"),
                    ("schedule", "is_round_the_clock"),
                    "qualification",
                )
            },
        ),
        ("What it means", {"fields": ("responsibilities", "checklist")}),
    )
    prepopulated_fields = {"slug": ("name",)}
    autocomplete_fields = ("schedule",)

    def has_delete_permission(self, request: HttpRequest, obj: Role | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Role, form: ModelForm, change: bool) -> None:
        """Whether a role is covered is part of the proof."""
        super().save_model(request, obj, form, change)
        prove_all_soon(at=timezone.now())


@admin.register(Duty)
class DutyAdmin(DutyMatrixMixin, MusterModelAdmin):
    """Who does what: one duty a row here, all of them at once on the matrix page."""

    list_display = ("name", "carried_by")
    search_fields = ("name",)
    ordering = ("position", "pk")
    filter_horizontal = ("roles",)
    actions_list = ("matrix",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Duty]:
        return super().get_queryset(request).prefetch_related("roles")

    @display(description="Carried by")
    def carried_by(self, duty: Duty) -> str:
        return ", ".join(role.name for role in duty.roles.all()) or "Nobody yet"


@admin.register(PhaseGuide)
class PhaseGuideAdmin(MusterModelAdmin):
    """What the incident page says in each phase."""

    list_display = ("name", "phase", "stage", "position")
    search_fields = ("name", "guidance")
    ordering = ("position", "pk")


@admin.register(Question)
class QuestionAdmin(MusterModelAdmin):
    """The question bank."""

    list_display = ("code", "text", "category", "phase", "audience")
    list_display_links = ("code", "text")
    list_filter = ("phase", "category", "audience")
    search_fields = ("code", "text", "why")
    ordering = ("position", "pk")
