from typing import Any

from django.contrib import admin
from django.db.models import Case, IntegerField, Model, QuerySet, When
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter
from unfold.decorators import display

from roster.admin_base import ReadOnlyModelAdmin
from roster.coverage.advice import ADVICE, link_of
from roster.models import CoverageFinding, FindingKind
from roster.templatetags.muster import chip, clock, moment

TONES: dict[str, str] = {
    FindingKind.GAP: "red",
    FindingKind.UNREACHABLE: "red",
    FindingKind.ROLE_UNCOVERED: "red",
    FindingKind.TIME_OFF: "orange",
    FindingKind.TWO_PRIMARIES: "orange",
    FindingKind.NO_REST: "amber",
    FindingKind.UNQUALIFIED: "amber",
    FindingKind.SINGLE_PERSON: "amber",
    FindingKind.UNPRACTISED: "blue",
}


class StandingFilter(admin.SimpleListFilter):
    """What stands, unless the past is asked for."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("resolved", "Resolved"), ("all", "All, the resolved ones too")]

    def choices(self, changelist: Any) -> Any:
        """Django's own list, whose first entry is what is shown without a choice."""
        for number, choice in enumerate(super().choices(changelist)):
            yield choice | {"display": "Standing"} if number == 0 else choice

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[CoverageFinding]
    ) -> QuerySet[CoverageFinding]:
        if self.value() == "resolved":
            return queryset.filter(resolved_at__isnull=False)
        return queryset if self.value() == "all" else queryset.filter(resolved_at__isnull=True)


@admin.register(CoverageFinding)
class CoverageFindingAdmin(ReadOnlyModelAdmin):
    """What the coverage watch found; it adds and resolves them, people repair what they tell."""

    list_display = ("what", "when", "repair", "found")
    list_display_links = None
    list_filter = (
        StandingFilter,
        ("kind", ChoicesDropdownFilter),
        ("schedule", AutocompleteSelectFilter),
        ("person", AutocompleteSelectFilter),
    )
    list_select_related = ("schedule", "person")
    search_fields = ("text", "schedule__name", "person__name")
    fields = (
        "text",
        ("kind", "schedule", "person"),
        ("starts_at", "ends_at"),
        ("found_at", "told_at", "resolved_at"),
        "repair",
    )
    readonly_fields = ("repair",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[CoverageFinding]:
        """The worst kinds first, and of a kind the next first."""
        worst_first = [When(kind=kind, then=rank) for rank, kind in enumerate(FindingKind.values)]
        rank = Case(*worst_first, default=len(worst_first), output_field=IntegerField())
        rows: QuerySet[CoverageFinding] = super().get_queryset(request)
        return rows.order_by(rank, "starts_at", "pk")

    @display(description="What is wrong", ordering="kind")
    def what(self, finding: CoverageFinding) -> SafeString:
        kind = chip(finding.get_kind_display(), TONES.get(finding.kind, "gray"))
        done = chip("Resolved", "green") if finding.resolved_at else ""
        text, link = finding.text, link_of(finding)
        if link and not finding.resolved_at:
            text = format_html('<a class="mu-link" href="{}">{}</a>', link, text)
        return format_html('<span class="mu-finding">{} {}<br>{}</span>', kind, done, text)

    @display(description="When", ordering="starts_at")
    def when(self, finding: CoverageFinding) -> SafeString | str:
        if finding.starts_at is None:
            return "–"
        until = f"until {clock(finding.ends_at)}" if finding.ends_at else "and no end in sight"
        return format_html(
            '{}<br><span class="mu-subtle">{}</span>', moment(finding.starts_at, "clock"), until
        )

    @display(description="Found", ordering="found_at")
    def found(self, finding: CoverageFinding) -> SafeString | str:
        return moment(finding.found_at, "age")

    @display(description="What to do")
    def repair(self, finding: CoverageFinding) -> str:
        return "Nothing any more." if finding.resolved_at else ADVICE.get(finding.kind, "")

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm("roster.view_coveragefinding")
