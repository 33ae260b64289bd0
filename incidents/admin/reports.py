"""The triage queue: what nobody has decided on, whoever or whatever told us (R147)."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.decorators import display

from incidents import reports
from incidents.admin import fields
from incidents.models import Incident, Phase, Report, Severity
from incidents.permissions import may
from roster.admin_base import ReadOnlyModelAdmin, actor_of
from roster.errors import DomainError
from roster.refusals import add_refusal
from roster.templatetags.muster import chip, moment

SHOWN = 50
FOLDER = "admin/incidents/report"


class OpenForm(forms.Form):
    """Make it an incident."""

    severity = fields.one_of(
        "First guess at the severity",
        Severity.objects.all(),
        required=False,
        empty_label="As reports usually have it",
    )
    with_alike = fields.flag("Together with the others of this service", initial=True)


class AttachForm(forms.Form):
    """It belongs to an incident there is."""

    incident = fields.one_of("Incident", Incident.objects.none(), empty_label="Choose an incident")


class DismissForm(forms.Form):
    """Nothing follows from it."""

    reason = fields.line("Why nothing follows from it", max_length=300)


FORMS: dict[str, type[forms.Form]] = {
    "open": OpenForm,
    "attach": AttachForm,
    "dismiss": DismissForm,
}


@admin.register(Report)
class ReportAdmin(ReadOnlyModelAdmin):
    """What people reported, newest first; decided in the triage queue."""

    list_display = (
        "reference_shown",
        "title",
        "source",
        "service",
        "came",
        "reporter_name",
        "fate",
    )
    list_display_links = ("reference_shown", "title")
    list_filter = ("source", "service", "may_affect_customers")
    list_select_related = ("service", "incident")
    search_fields = ("title", "text", "reporter_name")
    ordering = ("-created_at", "-pk")

    fields = (
        "reference_shown",
        "title",
        "text",
        ("source", "service"),
        ("may_affect_customers", "customers", "ticket_url"),
        ("reporter_name", "reporter_email", "came"),
        ("incident", "dismissed_by_name", "dismiss_reason"),
    )
    readonly_fields = ("reference_shown", "came")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Report]:
        return super().get_queryset(request).visible_to(request.user)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("triage/", view(self.triage), name="incidents_triage"),
            path("<int:pk>/decide/", view(self.decide), name="incidents_report_decide"),
            *super().get_urls(),
        ]

    # --- Triage -----------------------------------------------------------------------------------

    def triage(self, request: HttpRequest) -> HttpResponse:
        """Incidents that nobody decided on, the loudest first, and reports that wait.

        A constant number of queries; each part is read only for who may see it.
        """
        if not self.has_view_permission(request):
            raise PermissionDenied
        sees_incidents = request.user.has_perm("incidents.view_incident")
        context = {
            **self.admin_site.each_context(request),
            "opts": self.model._meta,
            "title": "Triage",
            "is_fullwidth": "1",
            "incidents": _undecided(request) if sees_incidents else None,
            "reports": list(
                Report.objects.waiting().select_related("service").order_by("-created_at")[:SHOWN]
            ),
            "may_decide": request.user.has_perm("incidents.decide_report"),
            "may_declare": may(request.user, "declare"),
        }
        return TemplateResponse(request, f"{FOLDER}/triage.html", context)

    def decide(self, request: HttpRequest, pk: int) -> HttpResponse:
        """One page with the three things that can become of a report."""
        if not request.user.has_perm("incidents.decide_report"):
            raise PermissionDenied
        report = Report.objects.visible_to(request.user).select_related("service").filter(pk=pk)
        found = report.first()
        if found is None:
            raise Http404("There is no such report.")
        if found.incident_id or found.dismissed_at:
            return redirect("admin:incidents_report_change", pk)
        chosen = request.POST.get("decision")
        forms_shown = {
            name: form(request.POST if name == chosen else None) for name, form in FORMS.items()
        }
        incidents = Incident.objects.visible_to(request.user).open().order_by("-detected_at")
        choice: Any = forms_shown["attach"].fields["incident"]
        choice.queryset = incidents
        if chosen in forms_shown and forms_shown[chosen].is_valid():
            try:
                return self._decided(request, found, chosen, forms_shown[chosen].cleaned_data)
            except DomainError as error:
                add_refusal(forms_shown[chosen], error)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.model._meta,
            "title": f"{found.reference}: {found.title}",
            "report": found,
            "alike": reports.alike(found, at=timezone.now()).exclude(pk=pk).count(),
            "forms": forms_shown,
        }
        return TemplateResponse(request, f"{FOLDER}/decide.html", context)

    def _decided(
        self, request: HttpRequest, report: Report, decision: str, given: dict[str, Any]
    ) -> HttpResponse:
        by, at = actor_of(request), timezone.now()
        if decision == "dismiss":
            reports.dismiss(report, reason=given["reason"], by=by, at=at)
            messages.success(request, f"Nothing follows from {report.reference}.")
            return redirect("admin:incidents_triage")
        if decision == "attach":
            incident = given["incident"]
            reports.attach(report, incident, by=by, at=at)
            messages.success(request, f"{report.reference} is part of {incident.reference}.")
            return redirect(incident.get_absolute_url())
        together = [report]
        if given["with_alike"] and report.service:
            others = reports.alike(report, at=at).exclude(pk=report.pk)
            together += others.select_related("service").order_by("pk")
        incident = reports.open_incident(together, severity=given["severity"], by=by, at=at)
        messages.success(request, f"{incident.reference} is open, and its on-call is paged.")
        return redirect(incident.get_absolute_url())

    # --- List -------------------------------------------------------------------------------------

    @display(description="Report", ordering="number")
    def reference_shown(self, report: Report) -> str:
        return report.reference

    @display(description="Reported", ordering="created_at")
    def came(self, report: Report) -> SafeString | str:
        return moment(report.created_at)

    @display(description="What became of it")
    def fate(self, report: Report) -> SafeString | str:
        if report.incident:
            return report.incident.reference
        return chip("Dismissed", "gray") if report.dismissed_at else chip("Waits", "amber")


def _undecided(request: HttpRequest) -> list[Incident]:
    """The incidents in `detected`, nobody's first, the worst of them first. Two queries."""
    rows = Incident.objects.visible_to(request.user).filter(phase=Phase.DETECTED)
    rows = rows.select_related("severity").prefetch_related("services")
    counted = rows.annotate(
        alert_count=Count("alerts", distinct=True), report_count=Count("reports", distinct=True)
    )
    found = list(counted.order_by("severity__rank", "detected_at")[:SHOWN])
    return sorted(found, key=lambda incident: incident.acknowledged_at is not None)
