from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
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

    list_display = ("what_kind", "what", "when", "found", "repair")
    list_display_links = None
    list_filter = (
        StandingFilter,
        ("kind", ChoicesDropdownFilter),
        ("schedule", AutocompleteSelectFilter),
        ("person", AutocompleteSelectFilter),
    )
    list_select_related = ("schedule", "person")
    search_fields = ("text", "schedule__name", "person__name")
    ordering = ("starts_at", "pk")
    fields = (
        "text",
        ("kind", "schedule", "person"),
        ("starts_at", "ends_at"),
        ("found_at", "told_at", "resolved_at"),
        "repair",
    )
    readonly_fields = ("repair",)

    @display(description="Kind", ordering="kind")
    def what_kind(self, finding: CoverageFinding) -> SafeString:
        return chip(finding.get_kind_display(), TONES.get(finding.kind, "gray"))

    @display(description="What is wrong", ordering="text")
    def what(self, finding: CoverageFinding) -> SafeString:
        done = chip("Resolved", "green") if finding.resolved_at else ""
        return format_html('<span class="mu-finding">{} {}</span>', finding.text, done)

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
    def repair(self, finding: CoverageFinding) -> SafeString | str:
        advice, link = ADVICE.get(finding.kind, ""), link_of(finding)
        if finding.resolved_at or not link:
            return "Nothing any more." if finding.resolved_at else advice
        return format_html(
            '<span class="mu-finding">{} <a class="mu-link" href="{}">Go there</a></span>',
            advice,
            link,
        )

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm("roster.view_coveragefinding")
