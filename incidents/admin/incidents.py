"""Incidents: the list, and the way to the page on which each is run."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from incidents.admin import views
from incidents.models import Incident
from incidents.permissions import may
from incidents.phases import ENDED_PHASES, LIVE_PHASES, Phase
from roster.admin_base import MusterModelAdmin
from roster.templatetags.muster import chip, duration, moment

PHASE_TONES = {
    Phase.DETECTED: "red",
    Phase.MOBILIZING: "red",
    Phase.DIAGNOSING: "orange",
    Phase.RESTORING: "yellow",
    Phase.RESTORED: "green",
    Phase.LEARNING: "blue",
}


class StageFilter(admin.SimpleListFilter):
    """Phases in the groups that people think in."""

    title = "stage"
    parameter_name = "stage"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("live", "Live"), ("open", "Open, learning included"), ("ended", "Ended")]

    def queryset(self, request: HttpRequest, rows: QuerySet[Incident]) -> QuerySet[Incident]:
        match self.value():
            case "live":
                return rows.filter(phase__in=LIVE_PHASES)
            case "open":
                return rows.exclude(phase__in=ENDED_PHASES)
            case "ended":
                return rows.filter(phase__in=ENDED_PHASES)
        return rows


@admin.register(Incident)
class IncidentAdmin(MusterModelAdmin):
    """The list. Nothing of an incident is edited as a raw field: its own page has the actions."""

    list_display = (
        "reference_shown",
        "title",
        "severity_shown",
        "phase_shown",
        "services_shown",
        "manager",
        "started",
        "lasted",
    )
    list_display_links = ("reference_shown", "title")
    list_filter = (StageFilter, "severity", "services", "kind", "source")
    list_select_related = ("severity",)
    search_fields = ("title",)
    search_help_text = "Reference, such as INC-142, or words of the title"
    ordering = ("-detected_at", "-pk")
    date_hierarchy = None
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Incident]:
        rows = super().get_queryset(request).visible_to(request.user)
        return rows.with_manager().prefetch_related("services")

    def get_search_results(
        self, request: HttpRequest, rows: QuerySet[Incident], term: str
    ) -> tuple[QuerySet[Incident], bool]:
        number = term.strip().lower().removeprefix("inc-")
        if number.isascii() and number.isdigit():
            return rows.filter(number=int(number)), False
        return super().get_search_results(request, rows, term)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return may(request.user, "declare")

    def has_delete_permission(self, request: HttpRequest, obj: Incident | None = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        action = path(
            "<path:object_id>/do/<slug:slug>/",
            self.admin_site.admin_view(self.action_view),
            name="incidents_incident_do",
        )
        return [action, *super().get_urls()]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        return views.new_incident(self, request)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        return views.command(self, request, self.found(request, object_id))

    def action_view(self, request: HttpRequest, object_id: str, slug: str) -> HttpResponse:
        return views.action(self, request, self.found(request, object_id), slug)

    def found(self, request: HttpRequest, object_id: str) -> Incident:
        """By key or reference. Whoever may not see it gets the answer of one that is not there."""
        rows = Incident.objects.visible_to(request.user).with_manager().select_related("severity")
        try:
            if object_id.isdigit():
                return rows.get(pk=object_id)
            return rows.get_by_reference(object_id)
        except Incident.DoesNotExist:
            raise Http404(f"There is no incident {object_id}, or not for you.") from None

    @display(description="Incident", ordering="number")
    def reference_shown(self, incident: Incident) -> str:
        return incident.reference

    @display(description="Severity", ordering="severity__rank")
    def severity_shown(self, incident: Incident) -> SafeString:
        return chip(incident.severity.name, incident.severity.color)

    @display(description="Phase", ordering="phase")
    def phase_shown(self, incident: Incident) -> SafeString:
        label = chip(incident.get_phase_display(), PHASE_TONES.get(Phase(incident.phase), "gray"))
        private = chip("Private", "purple") if incident.is_private else ""
        return format_html("{} {}", label, private)

    @display(description="Services")
    def services_shown(self, incident: Incident) -> str:
        return ", ".join(service.name for service in incident.services.all()) or "–"

    @display(description="Manager", ordering="manager_name")
    def manager(self, incident: Any) -> SafeString:  # annotated
        return format_html('<span class="mu-nowrap">{}</span>', incident.manager_name or "–")

    @display(description="Started", ordering="detected_at")
    def started(self, incident: Incident) -> SafeString | str:
        return moment(incident.detected_at)

    @display(description="Lasted")
    def lasted(self, incident: Incident) -> SafeString:
        ended = incident.restored_at or incident.closed_at or timezone.now()
        lasted = duration(ended - (incident.impact_began_at or incident.detected_at))
        return format_html('<span class="mu-nowrap">{}</span>', lasted)
