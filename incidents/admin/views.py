"""The pages of an incident: its own, the form of each action, and the one that opens a new one."""

from typing import Any

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.db.models import Max
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme

from incidents.admin.declare import NewIncident
from incidents.admin.desk import ACTIONS, PANELS, Desk
from incidents.models import Incident, Phase, Role
from incidents.models.roles import INCIDENT_MANAGER
from incidents.next_step import NextStep, next_step
from incidents.permissions import may
from roster.admin_base import actor_of
from roster.errors import DomainError

FOLDER = "admin/incidents/incident"
STEPS = [
    Phase.DETECTED,
    Phase.MOBILIZING,
    Phase.DIAGNOSING,
    Phase.RESTORING,
    Phase.RESTORED,
    Phase.LEARNING,
    Phase.CLOSED,
]
INPUT_MISSING = 422
# Actions that ask for nothing, so that the one button does them at once.
AT_ONCE = {"acknowledge", "advance", "learn"}


def is_fetch(request: HttpRequest) -> bool:
    """Whether our own script asks: it wants the part of the page that changes, no frame around."""
    return request.headers.get("X-Requested-With") == "fetch"


def command(model_admin: ModelAdmin, request: HttpRequest, incident: Incident) -> HttpResponse:
    """The page an incident is run on. `incident` comes with `manager_name`.

    The script asks every few seconds with the tag of what it has; unless an entry was written or
    a minute went by, one query answers that nothing changed.
    """
    if not model_admin.has_view_permission(request, incident):
        raise PermissionDenied
    tag = _tag(request, incident)
    if is_fetch(request) and request.headers.get("If-None-Match") == tag:
        return HttpResponse(status=304, headers={"ETag": tag})
    desk = Desk(request, incident)
    context = {
        **_frame(model_admin, request),
        "title": incident.reference,
        "is_fullwidth": "1",
        "original": incident,
        "desk": desk,
        "incident": incident,
        "steps": _steps(incident),
        "step": _button(incident, next_step(incident, request.user)),
        "panels": _panels(desk),
    }
    headers = {"ETag": tag, "Cache-Control": "no-store"}
    return TemplateResponse(request, f"{FOLDER}/command.html", context, headers=headers)


def action(
    model_admin: ModelAdmin, request: HttpRequest, incident: Incident, slug: str
) -> HttpResponse:
    """The form of one action on GET, which changes nothing; the action itself on POST.

    What cannot be done comes back as the form, with everything typed and the reason.
    """
    if slug not in ACTIONS:
        raise Http404(f"There is nothing called {slug} to do.")
    chosen = ACTIONS[slug]
    if not chosen.allowed(request.user, incident):
        raise PermissionDenied
    going_to = _next(request) or incident.get_absolute_url()
    if request.method == "POST":
        form = chosen(incident, request.user, request.POST)
        if form.is_valid():
            try:
                done = form.apply(by=actor_of(request), at=timezone.now())
            except DomainError as error:
                form.refuse(error)
            else:
                messages.success(request, done)
                return _go(request, going_to)
    else:
        form = chosen(incident, request.user, initial=request.GET.dict())
    context = {
        **_frame(model_admin, request),
        "title": f"{chosen.heading}: {incident.reference}",
        "original": incident,
        "incident": incident,
        "form": form,
        "url": reverse("admin:incidents_incident_do", args=[incident.pk, slug]),
        "next": _next(request),
    }
    status = INPUT_MISSING if form.is_bound else 200
    return TemplateResponse(request, f"{FOLDER}/action.html", context, status=status)


def new_incident(model_admin: ModelAdmin, request: HttpRequest) -> HttpResponse:
    """For what a person saw or was told: opens the incident and declares it in one go."""
    if not may(request.user, "declare"):
        raise PermissionDenied
    form = NewIncident(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            incident, refused = form.save(by=actor_of(request), at=timezone.now())
        except DomainError as error:
            form.add_error(None, error.message)
        else:
            for refusal in refused:
                messages.warning(request, refusal.message)
            messages.success(request, f"{incident.reference} is declared, as {incident.severity}.")
            return _go(request, incident.get_absolute_url())
    context = {**_frame(model_admin, request), "title": "Declare an incident", "form": form}
    status = INPUT_MISSING if form.is_bound else 200
    return TemplateResponse(request, f"{FOLDER}/new.html", context, status=status)


def _frame(model_admin: ModelAdmin, request: HttpRequest) -> dict[str, Any]:
    """What the page around needs; nothing for our script, which asks for the inside only."""
    if is_fetch(request):
        return {"base_template": f"{FOLDER}/bare.html"}
    context = model_admin.admin_site.each_context(request)
    return {**context, "opts": model_admin.opts, "base_template": "admin/base_site.html"}


def _tag(request: HttpRequest, incident: Incident) -> str:
    last = incident.timeline.aggregate(last=Max("pk"))["last"]
    return f'"{last}-{timezone.now():%d%H%M}-{request.user.pk}"'


def _steps(incident: Incident) -> list[tuple[str, str]]:
    """The phases with how each is shown: done, now or ahead. Empty for one put aside."""
    if incident.phase not in STEPS:
        return []
    here = STEPS.index(Phase(incident.phase))
    return [
        ("is-now" if number == here else "is-done" if number < here else "", str(phase.label))
        for number, phase in enumerate(STEPS)
    ]


def _button(incident: Incident, step: NextStep | None) -> dict[str, Any] | None:
    """The next step as its button: what it is given, and whether it goes without a form."""
    if step is None or step.code not in ACTIONS:
        return None
    values: dict[str, object] = {}
    if step.code == "advance":
        is_early = incident.phase == Phase.MOBILIZING
        values["phase"] = Phase.DIAGNOSING if is_early else Phase.RESTORING
    elif step.code == "assign-role":
        values["role"] = Role.objects.get(slug=INCIDENT_MANAGER).pk
    url = reverse("admin:incidents_incident_do", args=[incident.pk, step.code])
    return {"step": step, "url": url, "values": values, "is_at_once": step.code in AT_ONCE}


def _panels(desk: Desk) -> dict[str, list[dict[str, Any]]]:
    """Every panel that has something to show, by column, in order."""
    shown: dict[str, list[dict[str, Any]]] = {"head": [], "main": [], "side": []}
    for panel in PANELS:
        html = panel.render(desk)
        if html is not None:
            row = {"slug": panel.slug, "position": panel.position, "html": html}
            shown[panel.column].append(row)
    return shown


def _next(request: HttpRequest) -> str:
    """Where the person came from, if that is a page of ours."""
    wanted = request.POST.get("next") or request.GET.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(wanted, allowed_hosts={request.get_host()})
    return wanted if is_ours else ""


def _go(request: HttpRequest, url: str) -> HttpResponse:
    """Send the browser on; our own script is told where to, and keeps what else is being typed."""
    if is_fetch(request):
        return HttpResponse(status=204, headers={"HX-Redirect": url})
    return HttpResponseRedirect(url)
