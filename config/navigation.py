"""The sidebar and the command palette: what this person may reach, and nothing else."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypedDict

from django.apps import apps
from django.contrib import admin
from django.contrib.admin.exceptions import NotRegistered
from django.contrib.auth.models import User
from django.db.models import (
    Exists,
    F,
    Func,
    IntegerField,
    Model,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
)
from django.http import HttpRequest
from django.urls import reverse
from unfold.dataclasses import SearchResult

from incidents.models import ENDED_PHASES, Incident, Page, Service
from roster.models import Person, Schedule

PALETTE_LIMIT = 8  # results of each kind


class Item(TypedDict, total=False):
    title: str
    icon: str
    link: str
    badge: str
    active: bool


class Group(TypedDict, total=False):
    title: str
    collapsible: bool
    items: list[Item]


# Group, whether it starts folded, and its entries: title, symbol, model; after a colon, the name of
# another page that the model's admin has.
SIDEBAR: list[tuple[str, bool, list[tuple[str, str, str]]]] = [
    (
        "Incidents",
        False,
        [
            ("Incidents", "crisis_alert", "incidents.Incident"),
            ("Triage", "inbox", "incidents.Report:incidents_triage"),
            ("My pages", "phone_callback", "incidents.Incident:incidents_page_mine"),
            ("Alerts", "notifications_active", "incidents.Alert"),
            ("Pages", "phone_in_talk", "incidents.Page"),
            ("Services", "dns", "incidents.Service"),
        ],
    ),
    (
        "Roster",
        False,
        [
            ("Who is on call", "support_agent", "roster.Schedule:roster_oncall"),
            ("Schedules", "calendar_month", "roster.Schedule"),
            ("Overrides", "edit_calendar", "roster.Override"),
            ("Swaps", "swap_horiz", "roster.Swap"),
            ("Fair planning", "balance", "roster.RosterPlan"),
            ("Time off", "beach_access", "roster.TimeOff"),
            ("People", "person", "roster.Person"),
            ("Teams", "groups", "roster.Team"),
            ("Pay and load", "payments", "roster.DutyRecord:roster_load"),
            ("Escalation policies", "stairs", "roster.EscalationPolicy"),
        ],
    ),
    (
        "Communication",
        False,
        [
            ("Updates", "campaign", "comms.Update"),
            ("Messages", "outbox", "comms.Message"),
            ("Audiences", "diversity_3", "comms.Audience"),
            ("Templates", "description", "comms.Template"),
        ],
    ),
    (
        "Postmortems",
        False,
        [
            ("Postmortems", "menu_book", "postmortems.Postmortem"),
            ("Action items", "task_alt", "postmortems.ActionItem"),
        ],
    ),
    (
        "Monitoring",
        True,
        [
            ("Integrations", "cable", "incidents.Integration"),
            ("Heartbeats", "ecg_heart", "incidents.Heartbeat"),
            ("Routing rules", "alt_route", "incidents.RoutingRule"),
            ("Maintenance", "engineering", "incidents.MaintenanceWindow"),
            ("Explainer", "troubleshoot", "incidents.RoutingRule:incidents_explain"),
            ("Events received", "move_to_inbox", "incidents.AlertEvent"),
            ("Changes", "published_with_changes", "incidents.Change"),
        ],
    ),
    (
        "Process",
        True,
        [
            ("Readiness", "verified", "incidents.Role:incidents_readiness"),
            ("Qualifications", "school", "roster.Qualification"),
            ("Severities", "priority_high", "incidents.Severity"),
            ("Roles", "badge", "incidents.Role"),
            ("Duties", "checklist", "incidents.Duty"),
            ("Phase guide", "timeline", "incidents.PhaseGuide"),
            ("Question bank", "quiz", "incidents.Question"),
            ("Postmortem form", "article", "postmortems.SectionGuide"),
        ],
    ),
    (
        "Administration",
        True,
        [
            ("Logins", "account_circle", "auth.User"),
            ("Permission groups", "shield_person", "auth.Group"),
            ("API tokens", "key", "roster.ApiToken"),
        ],
    ),
]

# Pages with an entry of their own whose address begins with that of a list.
BELOW = {
    "roster.Schedule": "roster_oncall",
    "incidents.RoutingRule": "incidents_explain",
    "incidents.Page": "incidents_page_mine",
}
# What a badge counts, by the entry that wears it.
BADGES = {
    "incidents.Incident": "config.navigation.live_incidents",
    "incidents.Incident:incidents_page_mine": "config.navigation.my_waiting_pages",
}


def navigation(request: HttpRequest) -> list[Group]:
    """The sidebar, on every page: one query, for what its badges count."""
    home: Item = {"title": "Dashboard", "icon": "dashboard", "link": reverse("admin:index")}
    groups: list[Group] = [{"items": [home]}]
    for title, is_folded, entries in SIDEBAR:
        items = [_item(request, *entry) for entry in entries if _may_see(request, entry[2])]
        if items:
            groups.append({"title": title, "collapsible": is_folded, "items": items})
    return groups


def _may_see(request: HttpRequest, label: str) -> bool:
    """Asks the page itself, so that the sidebar can never promise more than the page gives."""
    try:
        model_admin = admin.site.get_model_admin(apps.get_model(label.partition(":")[0]))
    except (LookupError, NotRegistered):
        return False
    if label.endswith(":incidents_explain"):
        # It reads messages, too, so that page asks for more.
        may_explain: bool = model_admin.has_explain_permission(request)  # type: ignore[attr-defined]
        return may_explain
    may_see: bool = model_admin.has_view_or_change_permission(request)
    if label.endswith(":incidents_page_mine"):
        return may_see and _counts(request).is_person
    return may_see


def _item(request: HttpRequest, title: str, icon: str, label: str) -> Item:
    model, _, page = label.partition(":")
    link = reverse(f"admin:{page or model.lower().replace('.', '_') + '_changelist'}")
    item: Item = {"title": title, "icon": icon, "link": link}
    if below := BELOW.get(label):
        # That page lies below the list, which must not seem to be open as well.
        is_below = request.path.startswith(reverse(f"admin:{below}"))
        item["active"] = request.path.startswith(link) and not is_below
    if badge := BADGES.get(label):
        item["badge"] = badge
    return item


def live_incidents(request: HttpRequest) -> str:
    """How many incidents need someone now; empty rather than zero."""
    return str(_counts(request).live or "")


def my_waiting_pages(request: HttpRequest) -> str:
    """How many incidents wait for this person's answer; empty rather than zero."""
    return str(_counts(request).waiting or "")


@dataclass(frozen=True)
class Counts:
    """What the badges say, and whether the login is a person who can be paged at all."""

    live: int
    waiting: int
    is_person: bool


def _counts(request: HttpRequest) -> Counts:
    """Read once for a request, in one query: the sidebar is on every page."""
    known: Counts | None = getattr(request, "sidebar_counts", None)
    if known is None:
        live = Incident.objects.visible_to(request.user).live()
        own = Page.objects.pending().filter(person__user=OuterRef("pk"))
        waiting = own.exclude(incident__phase__in=ENDED_PHASES)
        row = User.objects.filter(pk=request.user.pk or 0).values_list(
            Subquery(_number_of(live, "pk"), output_field=IntegerField()),
            Subquery(_number_of(waiting, "incident"), output_field=IntegerField()),
            Exists(Person.objects.active().filter(user=OuterRef("pk"))),
        )
        found = row.first() or (0, 0, False)
        known = Counts(found[0] or 0, found[1] or 0, found[2])
        request.sidebar_counts = known  # type: ignore[attr-defined]  # ours, for this request
    return known


def _number_of(rows: QuerySet[Any], name: str) -> QuerySet[Any]:
    """How many different values there are, as a subquery of one row."""
    counted = Func(F(name), function="COUNT", template="%(function)s(DISTINCT %(expressions)s)")
    return rows.order_by().annotate(how_many=counted).values("how_many")


def search(request: HttpRequest, term: str) -> list[SearchResult]:
    """What the command palette finds: at most one query and eight results of each kind."""
    named = Q(name__icontains=term) | Q(slug__icontains=term)
    return [
        *_found(request, _incidents(request, term), "crisis_alert", _about_incident),
        *_found(request, Person.objects.active().filter(named), "person", lambda row: row.title),
        *_found(request, Service.objects.filter(named), "dns", lambda row: "Service"),
        *_found(request, Schedule.objects.filter(named), "calendar_month", lambda row: "Schedule"),
    ]


def _incidents(request: HttpRequest, term: str) -> QuerySet[Incident]:
    number = term.removeprefix("inc-")
    matching = (
        Q(number=int(number)) if number.isascii() and number.isdigit() else Q(title__icontains=term)
    )
    visible = Incident.objects.visible_to(request.user)
    return visible.filter(matching).select_related("severity").order_by("-number")


def _about_incident(incident: Incident) -> str:
    return f"{incident.severity}, {incident.get_phase_display()}"


def _found[M: Model](
    request: HttpRequest, rows: QuerySet[M], icon: str, describe: Callable[[M], str]
) -> Iterable[SearchResult]:
    model = rows.model
    if not admin.site.get_model_admin(model).has_view_or_change_permission(request):
        return []
    url_name = f"admin:{model._meta.label_lower.replace('.', '_')}_change"
    return [
        SearchResult(
            title=str(row),
            description=describe(row),
            link=reverse(url_name, args=[row.pk]),
            icon=icon,
        )
        for row in rows[:PALETTE_LIMIT]
    ]
