"""The page behind a signed link: looked at with GET, carried out with POST."""

from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from roster.errors import DomainError
from roster.links import Link, LinkError, read_token

EXPIRED = "This link has expired. Open Muster to see how things stand now."
BROKEN = "This link does not lead anywhere. Copy the whole address from the message and try again."


# The signed token is the authority here, and there is no session to ride on.
@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def link_page(request: HttpRequest, token: str) -> HttpResponse:
    try:
        link = read_token(token)
    except LinkError as error:
        outcome = EXPIRED if error.is_expired else BROKEN
        context = {"title": "This link cannot be used", "outcome": outcome, "is_refused": True}
        return _page(request, context, status=410 if error.is_expired else 404)
    with timezone.override(ZoneInfo(link.person.time_zone)):
        return _answer(request, link)


def _answer(request: HttpRequest, link: Link) -> HttpResponse:
    purpose, subject, person = link.purpose, link.subject, link.person
    if own := purpose.respond(request, subject, person):
        return _secretive(own)
    context = {"title": purpose.title(subject), "person": person}
    if sentence := purpose.done(subject):
        onward = purpose.onward(subject)
        return _page(request, {**context, "outcome": sentence, "links": onward})
    form_class = purpose.form_for(subject, person)
    form = form_class(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            outcome = purpose.perform(subject, person, at=timezone.now(), **form.cleaned_data)
        except DomainError as error:
            return _page(
                request, {**context, "outcome": error.message, "is_refused": True}, status=409
            )
        return _page(request, {**context, "outcome": outcome, "links": purpose.onward(subject)})
    context |= purpose.context(subject, person)
    context |= {"form": form, "button": purpose.button_for(subject, person)}
    return _page(request, context)


def _page(request: HttpRequest, context: dict[str, object], status: int = 200) -> HttpResponse:
    return _secretive(render(request, "roster/link.html", context, status=status))


def _secretive(response: HttpResponse) -> HttpResponse:
    """The address is the key: it must not travel on to where a link on the page leads."""
    response["Referrer-Policy"] = "no-referrer"
    return response
