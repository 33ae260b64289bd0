"""What the coverage watch found, on the pages of the schedule it is about."""

from typing import Any

from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from unfold.decorators import display

from roster.coverage.advice import ADVICE, in_order, link_of
from roster.models import CoverageFinding, FindingKind, Schedule

PANEL_SHOWS = 5


def findings_url(**filters: str | int) -> str:
    """The list of standing findings, narrowed."""
    url = reverse("admin:roster_coveragefinding_changelist")
    return f"{url}?{urlencode(filters)}" if filters else url


class FindingsMixin:
    """A column in the list of schedules, and a panel above the form of one."""

    change_form_outer_before_template = "admin/roster/schedule_findings.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Schedule]:
        standing = Count("findings", filter=Q(findings__resolved_at__isnull=True), distinct=True)
        rows: QuerySet[Schedule] = super().get_queryset(request)  # type: ignore[misc]  # a mixin
        return rows.annotate(standing_findings=standing)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        extra_context = {**(extra_context or {}), **_panel(request, object_id)}
        answer: HttpResponse = super().change_view(  # type: ignore[misc]  # a mixin
            request, object_id, form_url, extra_context
        )
        return answer

    @display(description="Findings", ordering="standing_findings")
    def findings_link(self, schedule: Any) -> str:  # Any: a schedule with its annotation
        if not schedule.standing_findings:
            return "–"
        url = findings_url(schedule__id__exact=schedule.pk)
        return format_html(
            '<a class="mu-danger" href="{}">{} to repair</a>', url, schedule.standing_findings
        )


def _panel(request: HttpRequest, object_id: str) -> dict[str, object]:
    """One query, for those who may see findings."""
    if not object_id.isdecimal() or not request.user.has_perm("roster.view_coveragefinding"):
        return {}
    rows = CoverageFinding.objects.standing().filter(schedule_id=int(object_id))
    found = in_order(rows.select_related("person"))
    shown = [
        (row, ADVICE.get(FindingKind(row.kind), ""), link_of(row)) for row in found[:PANEL_SHOWS]
    ]
    return {
        "findings": shown,
        "more_findings": len(found) - len(shown),
        "findings_url": findings_url(schedule__id__exact=object_id),
    }
