"""Pages about being away: one's own, somebody else's for roster editors, and what is read in."""

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from roster import calendar_import, time_off
from roster.admin.availability_forms import CalendarForm, TimeOffForm
from roster.admin.contacts import is_own
from roster.admin.sheets import answer_sheet
from roster.admin_base import actor_of, person_of, refusals_as_messages
from roster.calendar_import.entering import Owner
from roster.conflicts import Conflict
from roster.errors import DomainError
from roster.models import ImportedCalendar, Person, Schedule, TimeOff
from roster.refusals import add_refusal
from roster.time_off import Clash

PAGE = "admin/roster/availability/page.html"
CALENDAR_SHEET = "admin/roster/availability/calendar.html"
EDIT_SHEET = "admin/roster/availability/edit.html"
PAST_SHOWN = 5
ROWS_ASKED = 3


def my_time_off(request: HttpRequest) -> HttpResponse:
    """The page of whoever is logged in."""
    person = person_of(request)
    if person is None:
        return render(
            request,
            "admin/roster/availability/nobody.html",
            {**admin.site.each_context(request), "title": "My time off"},
        )
    return _page(request, person)


def person_time_off(request: HttpRequest, pk: int) -> HttpResponse:
    """The same about anybody, for roster editors."""
    person = get_object_or_404(Person, pk=pk)
    require(request, person, "roster.view_timeoff")
    return _page(request, person)


def require(request: HttpRequest, owner: Person | Schedule | None, permission: str) -> None:
    """One's own is one's own business; anything else needs the permission."""
    if not (is_own(request, owner) or request.user.has_perm(permission)):
        raise PermissionDenied


def page_of(request: HttpRequest, person: Person) -> str:
    if is_own(request, person):
        return reverse("admin:roster_my_time_off")
    return reverse("admin:roster_person_time_off", args=[person.pk])


def _page(request: HttpRequest, person: Person) -> HttpResponse:
    now = timezone.now()
    may_enter = is_own(request, person) or request.user.has_perm("roster.add_timeoff")
    form = TimeOffForm(request.POST if request.method == "POST" else None, person=person)
    if request.method == "POST":
        if not may_enter:
            raise PermissionDenied
        if form.is_valid() and (row := _entered(form, person)):
            _say_entered(request, row)
            return redirect(page_of(request, person))
    with timezone.override(ZoneInfo(person.time_zone)):
        context = _context(request, person, now)
        return render(request, PAGE, {**context, "form": form if may_enter else None})


def _entered(form: TimeOffForm, person: Person) -> TimeOff | None:
    starts_at, ends_at = form.span()
    note = form.cleaned_data["note"]
    try:
        return time_off.enter(person, starts_at, ends_at, note=note, at=timezone.now())
    except DomainError as error:
        add_refusal(form, error)
        return None


def _say_entered(request: HttpRequest, row: TimeOff) -> None:
    found = time_off.clashes_of(row.person, [row], at=timezone.now())
    if count := len(found.get(row.pk, [])):
        shifts = "an on-call shift falls" if count == 1 else f"{count} on-call shifts fall"
        messages.warning(
            request,
            f"Time off is entered, and {shifts} into it. Nobody is taken off call by this: find "
            "somebody who takes over.",
        )
    else:
        messages.success(request, "Time off is entered. No on-call shift falls into it.")


def _context(request: HttpRequest, person: Person, now: Any) -> dict[str, object]:
    rows = list(
        TimeOff.objects.filter(person=person, ends_at__gt=now)
        .select_related("person", "calendar")
        .order_by("starts_at", "pk")[:100]
    )
    past = TimeOff.objects.filter(person=person, ends_at__lte=now).select_related("calendar")
    found = time_off.clashes_of(person, rows, at=now)
    own = is_own(request, person)
    can = request.user.has_perm
    return {
        **admin.site.each_context(request),
        "title": "My time off" if own else f"Time off of {person}",
        "person": person,
        "is_own": own,
        "rows": _with_clashes(rows, found),
        "past": list(past.order_by("-ends_at", "-pk")[:PAST_SHOWN]),
        "calendars": list(calendars_of(person=person)),
        "add_calendar": reverse("admin:roster_person_calendar_add", args=[person.pk])
        if own or can("roster.add_importedcalendar")
        else "",
        "may_withdraw": own or can("roster.delete_timeoff"),
        "may_change": own or can("roster.change_timeoff"),
        "may_change_calendars": own or can("roster.change_importedcalendar"),
        "zone": person.time_zone,
        "now": now,
    }


def _with_clashes(
    rows: list[TimeOff], found: dict[int, list[Conflict]]
) -> list[tuple[TimeOff, list[Clash]]]:
    """Each with its clashes; stand-ins are looked for at the first few that have any."""
    shown, asked = [], 0
    for row in rows:
        conflicts = found.get(row.pk, [])
        is_asked = bool(conflicts) and asked < ROWS_ASKED
        asked += is_asked
        shown.append((row, time_off.with_stand_ins(conflicts, is_asked=is_asked)))
    return shown


def calendars_of(**owner: Person | Schedule) -> Any:
    return ImportedCalendar.objects.filter(is_active=True, **owner).order_by("name", "pk")


@require_POST
def withdraw_time_off(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(TimeOff.objects.select_related("person", "calendar"), pk=pk)
    require(request, row.person, "roster.delete_timeoff")
    with refusals_as_messages(request):
        time_off.withdraw(row, at=timezone.now())
        messages.success(request, "Time off is withdrawn.")
    return redirect(page_of(request, row.person))


def change_time_off(request: HttpRequest, pk: int) -> HttpResponse:
    """Move it, in a dialog."""
    row = get_object_or_404(TimeOff.objects.select_related("person", "calendar"), pk=pk)
    require(request, row.person, "roster.change_timeoff")
    form = TimeOffForm(
        request.POST if request.method == "POST" else None, person=row.person, row=row
    )

    def change() -> str:
        starts_at, ends_at = form.span()
        time_off.change(
            row,
            starts_at=starts_at,
            ends_at=ends_at,
            note=form.cleaned_data["note"],
            at=timezone.now(),
        )
        return "Time off is changed."

    return answer_sheet(
        request,
        form,
        change,
        to=page_of(request, row.person),
        template=EDIT_SHEET,
        title="Change time off",
        zone=row.person.time_zone,
        button="Save",
    )


def add_person_calendar(request: HttpRequest, pk: int) -> HttpResponse:
    person = get_object_or_404(Person.objects.active(), pk=pk)
    require(request, person, "roster.add_importedcalendar")
    owner = Owner(person, None, actor_of(request).person)
    return _calendar_sheet(
        request,
        owner,
        to=page_of(request, person),
        explanation="Every event in it that is not marked as free becomes time off.",
    )


def add_schedule_calendar(request: HttpRequest, pk: int) -> HttpResponse:
    schedule = get_object_or_404(Schedule.objects.active(), pk=pk)
    require(request, None, "roster.add_importedcalendar")
    owner = Owner(None, schedule, actor_of(request).person)
    return _calendar_sheet(
        request,
        owner,
        to=reverse("admin:roster_schedule_calendars", args=[pk]),
        explanation=f"Every event puts the people it names on call for {schedule}, beside whoever "
        "is. People are found by the addresses invited, then by the organiser's, then by a name in "
        "the title.",
    )


def _calendar_sheet(
    request: HttpRequest, owner: Owner, *, to: str, explanation: str
) -> HttpResponse:
    data, files = (request.POST, request.FILES) if request.method == "POST" else (None, None)
    form = CalendarForm(data, files, initial={"name": "Shifts" if owner.schedule else "Holidays"})
    return answer_sheet(
        request,
        form,
        _adding(form, owner),
        to=to,
        template=CALENDAR_SHEET,
        title="Add a calendar",
        explanation=explanation,
        button="Read it",
    )


def _adding(form: Form, owner: Owner) -> Callable[[], str]:
    def add() -> str:
        given = form.cleaned_data
        now = timezone.now()
        if given["file"]:
            content = given["file"].read()
            calendar = calendar_import.enter_file(
                owner, name=given["name"], content=content, at=now
            )
        else:
            calendar = calendar_import.enter_address(
                owner, name=given["name"], url=given["url"], at=now
            )
        rows = calendar.time_off if owner.person else calendar.overrides
        count = rows.count()
        what = f"{count} event{'' if count == 1 else 's'} to come"
        problems = f" {len(calendar.problems)} could not be used." if calendar.problems else ""
        return f"“{calendar}” is read: {what}.{problems}"

    return add


@require_POST
def read_calendar_again(request: HttpRequest, pk: int) -> HttpResponse:
    calendar = _calendar(request, pk, "roster.change_importedcalendar")
    with refusals_as_messages(request):
        calendar_import.read_again(calendar, at=timezone.now())
        messages.success(request, f"“{calendar}” is read in a moment. Reload this page to see how.")
    return redirect(_home_of(request, calendar))


@require_POST
def stop_calendar(request: HttpRequest, pk: int) -> HttpResponse:
    calendar = _calendar(request, pk, "roster.delete_importedcalendar")
    calendar_import.stop(calendar, at=timezone.now())
    messages.success(
        request, f"“{calendar}” is read no more, and what was to come of it is taken back."
    )
    return redirect(_home_of(request, calendar))


def _calendar(request: HttpRequest, pk: int, permission: str) -> ImportedCalendar:
    rows = ImportedCalendar.objects.select_related("person", "schedule")
    calendar = rows.filter(pk=pk, is_active=True).first()
    if calendar is None:
        raise Http404
    require(request, calendar.person, permission)
    return calendar


def _home_of(request: HttpRequest, calendar: ImportedCalendar) -> str:
    if calendar.person:
        return page_of(request, calendar.person)
    return reverse("admin:roster_schedule_calendars", args=[calendar.schedule_id])
