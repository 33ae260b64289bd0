"""The panels of the incident page that this app brings itself."""

from collections.abc import Iterable
from itertools import groupby

from django.utils import timezone
from django.utils.safestring import SafeString

from incidents.acknowledgement import hold_of
from incidents.admin.actions.record import MILESTONES, Note
from incidents.admin.desk import Desk, register_panel
from incidents.models import Escalation, Page, PhaseGuide, Responder, TimelineEntry
from incidents.roles import RoleSlot, role_board

ENTRIES_SHOWN = 40
ALERTS_SHOWN = 10
FOLDER = "admin/incidents/incident/panels"


@register_panel("roles", position=15, column="side")
def roles(desk: Desk) -> SafeString:
    """Who is in which role; once declared, unfilled required ones in red. Two queries."""
    slots = role_board(desk.incident)
    is_declared = desk.incident.declared_at is not None
    shown = [slot for slot in slots if slot.holders or (slot.is_required and is_declared)]
    context = {
        "categories": _by_category(shown),
        "others": [slot for slot in slots if slot not in shown],
        "is_missing": any(slot.is_missing for slot in shown) and desk.incident.is_open,
    }
    return desk.render(f"{FOLDER}/roles.html", **context)


def _by_category(slots: Iterable[RoleSlot]) -> list[tuple[str, list[RoleSlot]]]:
    order = ["command", "liaison", "operations", "support"]
    ranked = sorted(slots, key=lambda slot: order.index(slot.role.category))
    groups = groupby(ranked, key=lambda slot: slot.role.get_category_display())
    return [(category, list(rows)) for category, rows in groups]


@register_panel("paging", position=11, column="side")
def paging(desk: Desk) -> SafeString | None:
    """Who has it and for how long, and what paging does meanwhile. Three queries at most."""
    incident = desk.incident
    if not incident.is_live:
        return None
    runs = Escalation.objects.filter(incident=incident).select_related("policy")
    run, hold = runs.order_by("-pk").first(), hold_of(incident)
    if run is None and hold is None:
        return None
    return desk.render(f"{FOLDER}/paging.html", hold=hold, run=run, now=timezone.now())


@register_panel("responders", position=30, column="side")
def responders(desk: Desk) -> SafeString:
    """Everyone asked to help, the unanswered first, and whose page waits. Two queries."""
    everyone = desk.incident.responders.select_related("person").order_by("-requested_at", "-pk")
    by_state: dict[str, list[Responder]] = {}
    for responder in everyone:
        by_state.setdefault(responder.state, []).append(responder)
    context = {
        "asked": by_state.pop(Responder.State.REQUESTED, []),
        "engaged": by_state.pop(Responder.State.ACKNOWLEDGED, []),
        "gone": [responder for rows in by_state.values() for responder in rows],
        "waiting_pages": desk.incident.pages.filter(state=Page.State.PENDING).select_related(
            "person"
        ),
        "user": desk.request.user,
    }
    return desk.render(f"{FOLDER}/responders.html", **context)


@register_panel("timeline", position=50)
def timeline(desk: Desk) -> SafeString:
    """What happened, newest first, and the box to add to it. One query."""
    entries = TimelineEntry.objects.filter(incident=desk.incident).newest_first()
    entries = entries.select_related("corrects")
    shows_all = "all" in desk.request.GET
    shown = list(entries if shows_all else entries[: ENTRIES_SHOWN + 1])
    context = {
        "entries": shown if shows_all else shown[:ENTRIES_SHOWN],
        "has_more": not shows_all and len(shown) > ENTRIES_SHOWN,
        "note": Note(desk.incident, desk.request.user, prefix=None, auto_id="quick_%s"),
    }
    return desk.render(f"{FOLDER}/timeline.html", **context)


@register_panel("alerts", position=40)
def alerts(desk: Desk) -> SafeString | None:
    """What monitoring says, the firing ones first. One query."""
    rows = desk.incident.alerts.select_related("service", "integration")
    found = list(rows.order_by("state", "-last_seen_at")[: ALERTS_SHOWN + 1])
    if not found:
        return None
    context = {"alerts": found[:ALERTS_SHOWN], "has_more": len(found) > ALERTS_SHOWN}
    return desk.render(f"{FOLDER}/alerts.html", **context)


@register_panel("details", position=10, column="side")
def details(desk: Desk) -> SafeString:
    """What is known, in sentences."""
    incident = desk.incident
    texts = [
        ("Customer impact", incident.customer_impact),
        ("Summary", incident.summary),
        ("Workaround", incident.workaround),
        ("Suspected cause", incident.suspected_cause),
        ("Confirmed cause", incident.confirmed_cause),
    ]
    links = [
        ("Bridge", "call", incident.bridge_url),
        ("Chat", "forum", incident.chat_url),
        ("Ticket", "confirmation_number", incident.ticket_url),
    ]
    context = {
        "texts": [(label, text) for label, text in texts if text],
        "links": [(label, icon, url) for label, icon, url in links if url],
        "services": list(incident.services.all()),
    }
    return desk.render(f"{FOLDER}/details.html", **context)


@register_panel("guide", position=12, column="side")
def guide(desk: Desk) -> SafeString | None:
    """What this phase asks for, in the organisation's own words. One query."""
    found = PhaseGuide.objects.filter(phase=desk.incident.phase).first()
    if found is None or not desk.incident.is_open:
        return None
    steps = [step for step in found.checklist.splitlines() if step.strip()]
    return desk.render(f"{FOLDER}/guide.html", guide=found, steps=steps)


@register_panel("milestones", position=70, column="side")
def milestones(desk: Desk) -> SafeString:
    """When what happened, each correctable. No query."""
    moments = [(name, label, getattr(desk.incident, name)) for name, label in MILESTONES.items()]
    return desk.render(f"{FOLDER}/milestones.html", milestones=moments)
