from django.contrib import admin
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from unfold.contrib.filters.admin import AutocompleteSelectFilter, RangeDateTimeFilter
from unfold.decorators import display

from roster.admin_base import ReadOnlyModelAdmin
from roster.models import DutyRecord


@admin.register(DutyRecord)
class DutyRecordAdmin(ReadOnlyModelAdmin):
    """Who really was on call: what pay is counted from, and no edit of a rotation changes."""

    list_display = ("person", "schedule_link", "starts_at", "ended", "why")
    list_filter = (
        ("schedule", AutocompleteSelectFilter),
        ("person", AutocompleteSelectFilter),
        ("starts_at", RangeDateTimeFilter),
    )
    list_select_related = ("person", "schedule", "override")
    search_fields = ("person__name", "schedule__name")
    ordering = ("-starts_at", "-pk")
    fields = (
        ("person", "schedule"),
        ("starts_at", "ends_at"),
        ("layer_name", "turn"),
        "override",
    )

    @display(description="schedule", ordering="schedule__name")
    def schedule_link(self, record: DutyRecord) -> str:
        address = reverse("admin:roster_schedule_change", args=[record.schedule_id])
        return format_html('<a href="{}">{}</a>', address, record.schedule)

    @display(description="until", ordering="ends_at")
    def ended(self, record: DutyRecord) -> str:
        if record.ends_at is None:
            return "still on call"
        return f"{timezone.localtime(record.ends_at):%-d %b %Y, %H:%M}"

    @display(description="because of")
    def why(self, record: DutyRecord) -> str:
        if record.turn is not None:
            return f"{record.layer_name}, turn {record.turn}"
        return "an override" if record.override_id else "an override taken back since"
