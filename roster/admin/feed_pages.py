"""Pages on which people get shifts into their calendar program, and calendars into ours."""

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from roster import feeds
from roster.admin.availability_views import calendars_of
from roster.admin_base import person_of
from roster.models import CalendarFeed, Person, Schedule

MINE = "admin/roster/feeds/mine.html"
OF_SCHEDULE = "admin/roster/feeds/schedule.html"


@never_cache
def my_feed(request: HttpRequest) -> HttpResponse:
    """One's own shifts: the address, once, and where to put it."""
    person = person_of(request)
    address = _made(request, person, None)
    context: dict[str, object] = {
        "title": "My calendar feed",
        "back": reverse("admin:roster_my_time_off"),
    }
    return _page(request, MINE, person, None, address, context)


@never_cache
def schedule_calendars(request: HttpRequest, pk: int) -> HttpResponse:
    """A schedule in one's calendar program; and the calendars that put people on call for it."""
    schedule = get_object_or_404(Schedule, pk=pk)
    if not request.user.has_perm("roster.view_schedule"):
        raise PermissionDenied
    person = person_of(request)
    address = _made(request, person, schedule)
    can = request.user.has_perm
    may_add = schedule.is_active and can("roster.add_importedcalendar")
    context = {
        "title": f"Calendars of {schedule}",
        "back": reverse("admin:roster_schedule_calendar", args=[pk]),
        "schedule": schedule,
        "shows_imports": can("roster.view_importedcalendar"),
        "calendars": list(calendars_of(schedule=schedule)),
        "may_change_calendars": can("roster.change_importedcalendar"),
        "add_calendar": reverse("admin:roster_schedule_calendar_add", args=[pk]) if may_add else "",
    }
    return _page(request, OF_SCHEDULE, person, schedule, address, context)


@require_POST
def close_feed(request: HttpRequest, pk: int) -> HttpResponse:
    """Close one's own address, or anybody's with the permission."""
    feed = get_object_or_404(CalendarFeed.objects.select_related("owner", "schedule"), pk=pk)
    is_own = feed.owner.user_id is not None and feed.owner.user_id == request.user.pk
    if not is_own and not request.user.has_perm("roster.change_calendarfeed"):
        raise Http404
    feeds.revoke(feed, at=timezone.now())
    messages.success(request, "The address is closed. Calendars that read it find nothing there.")
    if not is_own:
        return redirect("admin:roster_calendarfeed_changelist")
    if feed.schedule_id:
        return redirect("admin:roster_schedule_calendars", feed.schedule_id)
    return redirect("admin:roster_my_feed")


def _made(request: HttpRequest, person: Person | None, schedule: Schedule | None) -> str:
    """The address made by this request: it is on this answer and nowhere else."""
    if request.method != "POST":
        return ""
    if person is None:
        raise PermissionDenied
    return feeds.issue(person, schedule, at=timezone.now())[1]


def _page(
    request: HttpRequest,
    template: str,
    person: Person | None,
    schedule: Schedule | None,
    address: str,
    context: dict[str, object],
) -> HttpResponse:
    feed = CalendarFeed.objects.usable().filter(owner=person, schedule=schedule).first()
    return render(
        request,
        template,
        {
            **admin.site.each_context(request),
            **context,
            "person": person,
            "feed": feed if person else None,
            "address": address,
            "webcal": address.replace("https://", "webcal://") if "https" in address else "",
        },
    )
