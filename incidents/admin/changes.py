"""What was changed on purpose: the list, and the panel on the incident page."""

from django.contrib import admin
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import display

from incidents import changes
from incidents.admin.desk import Desk, register_panel
from incidents.models import Change
from roster.admin_base import ReadOnlyModelAdmin
from roster.templatetags.muster import chip, moment

CHANGES_SHOWN = 8
TONES = {
    "success": "green",
    "failure": "red",
    "failed": "red",
    "error": "red",
    "in_progress": "blue",
    "running": "blue",
}


@register_panel("changes", position=42)
def changed_lately(desk: Desk) -> SafeString | None:
    """What changed lately, for whoever may see changes. Three queries."""
    if not desk.request.user.has_perm("incidents.view_change"):
        return None
    lately = changes.before(
        desk.incident, desk.incident.services.all(), now=timezone.now(), limit=CHANGES_SHOWN
    )
    rows = [(change, _state(change)) for change in lately.changes]
    return desk.render("admin/incidents/incident/panels/changes.html", lately=lately, rows=rows)


def _state(change: Change) -> SafeString | str:
    """Senders write `in_progress`; people read "in progress"."""
    tone = TONES.get(change.state, "gray")
    return chip(change.state.replace("_", " "), tone) if change.state else ""


@admin.register(Change)
class ChangeAdmin(ReadOnlyModelAdmin):
    """Deployments, releases and the like, newest first."""

    list_display = (
        "title",
        "kind",
        "state_shown",
        "environment",
        "service",
        "by",
        "happened",
    )
    list_filter = ("kind", "state", "environment", "service", "integration")
    list_select_related = ("service", "integration")
    search_fields = ("title", "source", "actor_name")
    ordering = ("-at", "-pk")

    fields = (
        "title",
        ("kind", "state_shown", "environment"),
        ("service", "source", "by"),
        ("happened", "received"),
        "link_list",
        "label_list",
        "integration",
        "event",
    )
    readonly_fields = ("state_shown", "by", "happened", "received", "link_list", "label_list")

    @display(description="State", ordering="state")
    def state_shown(self, change: Change) -> SafeString | str:
        return _state(change) or "–"

    @display(description="By", ordering="actor_name")
    def by(self, change: Change) -> str:
        return change.actor_name or "–"

    @display(description="Happened", ordering="at")
    def happened(self, change: Change) -> SafeString | str:
        return moment(change.at)

    @display(description="Received", ordering="received_at")
    def received(self, change: Change) -> SafeString | str:
        return moment(change.received_at)

    @display(description="Links")
    def link_list(self, change: Change) -> SafeString | str:
        links = ((link["url"], link["label"]) for link in change.links)
        shown = format_html_join(
            ", ", '<a class="mu-link" href="{}" rel="noreferrer">{}</a>', links
        )
        return shown or "–"

    @display(description="Labels")
    def label_list(self, change: Change) -> SafeString | str:
        if not change.labels:
            return "–"
        lines = format_html_join("\n", "{} = {}", sorted(change.labels.items()))
        return format_html('<pre class="mu-code">{}</pre>', lines)
