"""A feed, as a calendar program asks for it: the address is all the authority there is."""

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.http import parse_etags
from django.views.decorators.http import require_safe

from roster.feeds import FeedClosedError, FeedUnknownError, document_of, feed_of


@require_safe
def feed(request: HttpRequest, token: str) -> HttpResponse:
    """The calendar; 404 for what is no address of ours, 410 for one that was closed."""
    now = timezone.now()
    try:
        document = document_of(feed_of(token, at=now), at=now)
    except FeedUnknownError:
        return _private(HttpResponse("There is no calendar here.\n", "text/plain", status=404))
    except FeedClosedError:
        text = "This calendar address was closed. Make a new one in Muster.\n"
        return _private(HttpResponse(text, "text/plain", status=410))
    etag = f'"{document.etag}"'
    known = {
        each.removeprefix("W/") for each in parse_etags(request.headers.get("If-None-Match", ""))
    }
    if etag in known or "*" in known:
        response = HttpResponse(status=304)
    else:
        response = HttpResponse(document.content, "text/calendar; charset=utf-8")
        response["Content-Disposition"] = f'inline; filename="{document.file_name}"'
    response["ETag"] = etag
    return _private(response)


def _private(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "private, no-cache"
    response["X-Robots-Tag"] = "noindex"
    response["Referrer-Policy"] = "no-referrer"
    return response
