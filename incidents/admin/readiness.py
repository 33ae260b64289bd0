"""The page that says what is missing before anything happens (R070)."""

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from incidents.models import Role, Service
from incidents.readiness import Lack, readiness
from roster.admin_base import MusterModelAdmin
from roster.coverage.advice import register_link
from roster.models import CoverageFinding, FindingKind, Person, Schedule

_PAGES: dict[type, str] = {
    Role: "admin:incidents_role_change",
    Service: "admin:incidents_service_change",
    Person: "admin:roster_person_change",
    Schedule: "admin:roster_schedule_calendar",
}


class ReadinessMixin(MusterModelAdmin):
    """Adds the page to the admin of roles."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.readiness)
        return [path("readiness/", view, name="incidents_readiness"), *super().get_urls()]

    def readiness(self, request: HttpRequest) -> HttpResponse:
        """Every question with what does not pass, each with the page that repairs it.

        What the coverage watch found shows to those who may see findings.
        """
        if not self.has_view_permission(request):
            raise PermissionDenied
        found = readiness(timezone.localdate())
        sees_findings = request.user.has_perm("roster.view_coveragefinding")
        checks = [
            (check, [(lack, _link(lack)) for lack in check.lacks])
            for check in found.checks
            if sees_findings or not any(isinstance(each.row, _FOUND) for each in check.lacks)
        ]
        context = {
            **self.admin_site.each_context(request),
            "title": "Readiness",
            "checks": sorted(checks, key=lambda each: each[0].is_passed),
            "passed": sum(check.is_passed for check, _ in checks),
            "proven_at": found.proven_at,
        }
        return TemplateResponse(request, "admin/incidents/role/readiness.html", context)


_FOUND = (Person, Schedule)


def _link(lack: Lack) -> str:
    return reverse(_PAGES[type(lack.row)], args=[lack.row.pk])


def _where_roles_are_repaired(finding: CoverageFinding) -> str:
    return reverse("admin:incidents_readiness")


register_link(FindingKind.ROLE_UNCOVERED, _where_roles_are_repaired)
