"""Pages about who is on call: a schedule's calendar, everybody's, the override form, the help."""

from collections.abc import Mapping
from datetime import datetime

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.http import url_has_allowed_host_and_scheme

from roster import handoffs, oncall
from roster.admin.override_forms import OneLineOverrideForm
from roster.calendar import board
from roster.calendar.answer import VIEWS, Calendar, Look, as_json
from roster.calendar.choice import ROWS_SHOWN, Choice
from roster.calendar.facts import Viewer, windows_of
from roster.calendar.links import swap_links
from roster.calendar.period import PeriodError, View, period_around, period_asked_for
from roster.errors import DomainError
from roster.models import Override, Schedule, Team
from roster.refusals import add_refusal
from roster.required_coverage import is_required


def calendar_page(request: HttpRequest, pk: int) -> HttpResponse:
    """One schedule in the period of `?view=` and `?from=`, in the viewer's zone."""
    schedule = _schedule(request, pk)
    back = reverse("admin:roster_schedule_calendar", args=[pk])
    calendar = board.of_schedule(schedule, _look(request, back))
    context = {
        "title": f"Who is on call: {schedule}",
        "schedule": schedule,
        "data_url": reverse("admin:roster_schedule_calendar_data", args=[pk]),
        "is_empty": len(calendar.rows) == 2,  # the result and the changes, no layer
    }
    return _render(request, "calendar", calendar, context)


def calendar_data(request: HttpRequest, pk: int) -> HttpResponse:
    """The same as values for the browser's timeline; 400 says what is wrong with the period."""
    schedule = _schedule(request, pk)
    back = reverse("admin:roster_schedule_calendar", args=[pk])
    try:
        look = _look(request, back, is_strict=True)
    except PeriodError as error:
        return JsonResponse({"error": str(error)}, status=400)
    return JsonResponse(as_json(board.of_schedule(schedule, look)))


def on_call_page(request: HttpRequest) -> HttpResponse:
    """Now, next and the coming weeks of every active schedule, and the viewer's own shifts."""
    _require_view(request)
    look, choice = _look(request, reverse("admin:roster_oncall")), Choice.of(request.GET)
    person = look.viewer.person
    schedules = list(choice.schedules(person)[: ROWS_SHOWN + 1])
    shown = schedules[:ROWS_SHOWN]
    answers = oncall.on_call_now_and_next(shown, look.now)
    mine = board.my_next(person, look.now) if person else []
    context = {
        "title": "Who is on call",
        "data_url": reverse("admin:roster_oncall_data"),
        "cards": _cards(shown, answers, look),
        "mine": [(span, swap_links(span, look.viewer)) for span in mine],
        "choice": choice,
        "teams": Team.objects.filter(schedules__is_active=True).distinct().order_by("name"),
        "is_cut": len(schedules) > ROWS_SHOWN,
        "limit": ROWS_SHOWN,
    }
    return _render(request, "on_call", board.of_many(shown, look), context)


def _cards(
    schedules: list[Schedule], answers: Mapping[int, oncall.NowAndNext], look: Look
) -> list[dict[str, object]]:
    """For each schedule its answer, the handoff notes that count, and whether to write one.

    `gap_from` is when nobody is on call though somebody must be, within the coming weeks.
    """
    on_call = {pk: answer.now for pk, answer in answers.items()}
    notes = handoffs.notes_of(schedules, on_call, at=look.now)
    windows = windows_of(schedules)

    def gap_of(schedule: Schedule) -> datetime | None:
        gap_from = answers[schedule.pk].gap_from
        hours = windows.get(schedule.pk, ())
        return gap_from if gap_from and is_required(schedule, hours, gap_from) else None

    return [
        {
            "schedule": schedule,
            "answer": answers[schedule.pk],
            "gap_from": gap_of(schedule),
            "notes": notes[schedule.pk],
            "is_mine": look.viewer.person in [each.person for each in on_call[schedule.pk]],
        }
        for schedule in schedules
    ]


def on_call_data(request: HttpRequest) -> HttpResponse:
    """The combined calendar as values; 400 says what is wrong with the period."""
    _require_view(request)
    try:
        look = _look(request, reverse("admin:roster_oncall"), is_strict=True)
    except PeriodError as error:
        return JsonResponse({"error": str(error)}, status=400)
    schedules = Choice.of(request.GET).schedules(look.viewer.person)[:ROWS_SHOWN]
    return JsonResponse(as_json(board.of_many(list(schedules), look)))


def override_page(request: HttpRequest) -> HttpResponse:
    """The form for an override, filled in from `schedule`, `person`, `start`, `end`, `kind`.

    Returns to `next`, a page of ours, when saved.
    """
    if not request.user.has_perm("roster.add_override"):
        raise PermissionDenied
    form, back = _override_form(request), _next(request)
    if request.method == "POST" and form.is_valid():
        try:
            override = _enter(request, form)
        except DomainError as error:
            add_refusal(form, error)
        else:
            messages.success(request, f"{override} is entered.")
            return redirect(back)
    context = {
        **admin.site.each_context(request),
        "title": "Enter an override",
        "form": form,
        "next": back,
        "zone": timezone.get_current_timezone_name(),
    }
    return render(request, "admin/roster/override_enter.html", context)


def help_page(request: HttpRequest) -> HttpResponse:
    """How the roster works, for everybody who may log in."""
    context = {**admin.site.each_context(request), "title": "How the roster works"}
    return render(request, "admin/roster/help.html", context)


def _require_view(request: HttpRequest) -> None:
    if not request.user.has_perm("roster.view_schedule"):
        raise PermissionDenied


def _schedule(request: HttpRequest, pk: int) -> Schedule:
    _require_view(request)
    return get_object_or_404(Schedule.objects.select_related("team"), pk=pk)


def _look(request: HttpRequest, page: str, *, is_strict: bool = False) -> Look:
    """A page shows two weeks from now where the period asked for is none; strictly, it raises."""
    zone, today = timezone.get_current_timezone(), timezone.localdate()
    try:
        period = period_asked_for(request.GET, zone, today)
    except PeriodError:
        if is_strict:
            raise
        period = period_around(today, View.TWO_WEEKS, zone)
    query = request.GET.copy()
    query["view"], query["from"] = period.view, period.first.isoformat()
    return Look(
        period=period,
        viewer=Viewer.of(request.user),
        now=timezone.now(),
        zone_name=timezone.get_current_timezone_name(),
        back=f"{page}?{query.urlencode()}",
    )


def _render(
    request: HttpRequest, name: str, calendar: Calendar, context: dict[str, object]
) -> HttpResponse:
    look = calendar.look
    everywhere = {
        **admin.site.each_context(request),
        "calendar": calendar,
        "period": look.period,
        "data": as_json(calendar),
        "views": VIEWS,
        "zone": look.zone_name,
        "today": timezone.localdate(),
        "page_url": request.path,
    }
    return render(request, f"admin/roster/{name}.html", everywhere | context)


def _override_form(request: HttpRequest) -> ModelForm:
    """The admin's own form, so that both places ask and explain alike, for one span."""
    model_admin = admin.site.get_model_admin(Override)
    form_class: type[ModelForm] = model_admin.get_form(request, form=OneLineOverrideForm)
    if request.method == "POST":
        return form_class(request.POST)
    asked = request.GET
    initial: dict[str, object] = {
        name: asked[name] for name in ("schedule", "person", "replaces") if _is_id(asked, name)
    }
    now = timezone.localtime().replace(second=0, microsecond=0)
    initial["starts_at"] = _moment(asked.get("start")) or now
    initial["ends_at"] = _moment(asked.get("end"))
    if asked.get("kind") in Override.Kind:
        initial["kind"] = asked["kind"]
    return form_class(initial=initial)


def _is_id(asked: Mapping[str, str], name: str) -> bool:
    text = asked.get(name, "")
    return text.isascii() and text.isdecimal()


def _moment(text: str | None) -> datetime | None:
    """As links have it; without an offset it is a reading of the viewer's clock."""
    try:
        found = parse_datetime(text or "")
    except ValueError:
        return None
    if found is None or not 1971 <= found.year <= 2199:
        return None
    return timezone.make_aware(found) if timezone.is_naive(found) else found


def _next(request: HttpRequest) -> str:
    asked = request.POST.get("next") or request.GET.get("next") or ""
    is_ours = url_has_allowed_host_and_scheme(asked, allowed_hosts=None)
    return asked if is_ours else reverse("admin:roster_oncall")


def _enter(request: HttpRequest, form: ModelForm) -> Override:
    model_admin = admin.site.get_model_admin(Override)
    override: Override = form.save(commit=False)
    model_admin.save_model(request, override, form, change=False)
    model_admin.log_addition(request, override, [{"added": {}}])
    return override
