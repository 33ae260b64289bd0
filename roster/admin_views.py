"""Pages about who is on call: one schedule's calendar, and everybody now and next."""

from datetime import date, timedelta

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone

from roster import calendar, oncall
from roster.models import Override, Schedule

WEEKS_SHOWN = 4


def calendar_page(request: HttpRequest, pk: int) -> HttpResponse:
    """Who is on call in four weeks from the Monday of `?from=`, in the viewer's zone."""
    schedule = get_object_or_404(Schedule, pk=pk)
    if not request.user.has_perm("roster.view_schedule"):
        raise PermissionDenied
    now, zone = timezone.now(), timezone.get_current_timezone()
    this_monday = calendar.monday_of(timezone.localdate(now))
    monday = _monday_asked_for(request) or this_monday
    step = timedelta(weeks=WEEKS_SHOWN)
    # Read beyond what is shown, so that a bar at the edge tells its real beginning and end.
    shifts = oncall.shifts_between(
        schedule,
        calendar.midnight(monday, zone) - oncall.HORIZON,
        calendar.midnight(monday + step, zone) + oncall.HORIZON,
    )
    weeks = calendar.weeks_of(shifts, monday, WEEKS_SHOWN, zone=zone, now=now)
    context = {
        **admin.site.each_context(request),
        "title": f"Who is on call: {schedule}",
        "schedule": schedule,
        "weeks": weeks,
        "legend": calendar.legend_of(weeks),
        "zone": timezone.get_current_timezone_name(),
        "earlier": monday - step,
        "later": monday + step,
        "is_current": monday == this_monday,
        "today": timezone.localdate(now),
    }
    return render(request, "admin/roster/calendar.html", context)


def _monday_asked_for(request: HttpRequest) -> date | None:
    """None for no date, for one that is none, and beyond the years a calendar can reach."""
    try:
        asked = date.fromisoformat(request.GET.get("from", ""))
    except ValueError:
        return None
    return calendar.monday_of(asked) if 1971 <= asked.year <= 2199 else None


def on_call_page(request: HttpRequest) -> HttpResponse:
    """Now and next of every active schedule, and a form to override one of them."""
    if not request.user.has_perm("roster.view_schedule"):
        raise PermissionDenied
    may_override = request.user.has_perm("roster.add_override")
    if request.method == "POST" and not may_override:
        raise PermissionDenied
    form = _override_form(request) if may_override else None
    if form and form.is_valid():
        override = _enter(request, form)
        messages.success(request, f"{override.person} is entered for {override.schedule}.")
        return redirect("admin:roster_oncall")
    schedules = list(Schedule.objects.active().select_related("team").order_by("name"))
    answers = oncall.on_call_now_and_next(schedules, timezone.now())
    context = {
        **admin.site.each_context(request),
        "title": "Who is on call",
        "rows": [(schedule, answers[schedule.pk]) for schedule in schedules],
        "zone": timezone.get_current_timezone_name(),
        "form": form,
        "is_form_open": bool(form and (form.is_bound or "schedule" in request.GET)),
    }
    return render(request, "admin/roster/on_call.html", context)


def _override_form(request: HttpRequest) -> ModelForm:
    """The admin's own form, so that both places ask and explain alike."""
    form_class = admin.site.get_model_admin(Override).get_form(request)
    if request.method == "POST":
        return form_class(request.POST)
    now = timezone.localtime().replace(second=0, microsecond=0)
    asked = request.GET.get("schedule", "")
    return form_class(initial={"schedule": asked if asked.isdecimal() else None, "starts_at": now})


def _enter(request: HttpRequest, form: ModelForm) -> Override:
    model_admin = admin.site.get_model_admin(Override)
    override: Override = form.save(commit=False)
    model_admin.save_model(request, override, form, change=False)
    model_admin.log_addition(request, override, [{"added": {}}])
    return override
