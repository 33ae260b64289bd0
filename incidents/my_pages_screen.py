"""My pages as a screen: the list, what asks before an answer, and the answers themselves.

One screen for two ways in, the admin and the signed link of a message; each puts its own frame
around. Looking changes nothing; every answer is one POST, after which the list is shown again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone

from incidents import my_pages
from incidents.models import Incident
from roster.actors import Actor
from roster.errors import DomainError
from roster.models import Person

LOOK_AGAIN_SECONDS = 30
REASON_LENGTH = 300
# What asks for something first, and so has a screen of its own.
ASKS = {"decline", "escalate", "snooze"}
ANSWERS = {"acknowledge", "confirm", *ASKS}

type Render = Callable[[str, dict[str, object]], HttpResponse]


@dataclass(frozen=True)
class Visit:
    """One request of one person. `render` puts the frame of the way they came in around a part."""

    request: HttpRequest
    person: Person
    by: Actor
    render: Render


def respond(visit: Visit) -> HttpResponse:
    """Show the list or a question, or carry out an answer. Http404 for what is not theirs."""
    with timezone.override(ZoneInfo(visit.person.time_zone)):
        at = timezone.now()
        if visit.request.method == "POST":
            response = _answer(visit, at)
        elif visit.request.GET.get("do"):
            response = _ask(visit, at)
        else:
            response = _list(visit, at)
    response["Cache-Control"] = "no-store"
    return response


def _list(visit: Visit, at: datetime) -> HttpResponse:
    mine = my_pages.my_pages(visit.person, at=at)
    count = len(mine.waiting)
    context = {
        "mine": mine,
        "title": f"{count} page{'s' if count > 1 else ''} for you" if count else "My pages",
        "looked_at": at,
        "look_again_seconds": LOOK_AGAIN_SECONDS,
    }
    return visit.render("incidents/my_pages/list.html", context)


def _ask(visit: Visit, at: datetime) -> HttpResponse:
    """The question before an answer. It does not load itself again: nothing typed is lost."""
    what = visit.request.GET["do"]
    if what not in ASKS:
        raise Http404(f"There is no answer called {what}.")
    incident = _incident(visit, visit.request.GET.get("incident", ""))
    context = {
        "what": what,
        "incident": incident,
        "title": f"{incident.reference}: {incident.title}",
        "choices": my_pages.snooze_choices(at) if what == "snooze" else [],
        "seen": my_pages.escalations_so_far(incident) if what == "escalate" else 0,
        "reason_length": REASON_LENGTH,
    }
    return visit.render("incidents/my_pages/ask.html", context)


def _answer(visit: Visit, at: datetime) -> HttpResponse:
    request = visit.request
    what = request.POST.get("do", "")
    if what not in ANSWERS:
        raise Http404(f"There is no answer called {what}.")
    incident = _incident(visit, request.POST.get("incident", ""))
    try:
        messages.success(request, _carry_out(visit, what, incident, at))
    except DomainError as error:
        messages.warning(request, error.message)
    return HttpResponseRedirect(request.path, status=303)


def _carry_out(visit: Visit, what: str, incident: Incident, at: datetime) -> str:
    person, by, given = visit.person, visit.by, visit.request.POST
    reason = given.get("reason", "").replace("\0", "").strip()[:REASON_LENGTH]
    match what:
        case "acknowledge":
            return my_pages.acknowledge(incident, person, by=by, at=at)
        case "decline":
            return my_pages.decline(incident, person, by=by, at=at, reason=reason)
        case "escalate":
            seen = _number(given.get("seen", ""))
            return my_pages.escalate(incident, seen=seen, by=by, at=at, reason=reason)
        case "snooze":
            return my_pages.snooze(incident, until=_moment(given.get("until", "")), by=by, at=at)
    return my_pages.confirm(incident, by=by, at=at)


def _incident(visit: Visit, pk: str) -> Incident:
    incident = my_pages.incident_of(visit.person, _number(pk))
    if incident is None:
        raise Http404("This incident is not yours to answer.")
    return incident


def _number(text: str) -> int:
    """A number of ours as a form brings it back; 0 for anything that is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise DomainError("invalid", "Choose until when it is to be left alone.")
    return moment
