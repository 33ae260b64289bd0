"""The page of a plan: how far the solver is, what it proposes, and what people do with it."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from roster.admin.plan_board import CHART_OPTIONS, VERSIONS, board_of, charts
from roster.admin.plan_forms import AcceptForm, ConfirmForm, PlaceForm
from roster.admin.sheets import answer_sheet
from roster.admin_base import actor_of
from roster.models import RosterPlan
from roster.planning import asking
from roster.planning.accepting import accept, conflicts_of, undo
from roster.planning.editing import let_go, options_for, set_by_hand
from roster.planning.reading import Reading, reading_of
from roster.planning.results import Result

State = RosterPlan.State
FOLDER = "admin/roster/plan"
TONES = {
    State.DRAFT: "gray",
    State.QUEUED: "blue",
    State.SOLVING: "blue",
    State.PROPOSED: "purple",
    State.IMPOSSIBLE: "red",
    State.FAILED: "red",
    State.ACCEPTED: "green",
    State.DISCARDED: "gray",
}


def plan_urls() -> list[URLPattern]:
    view = admin.site.admin_view
    return [
        path("<int:pk>/plan/", view(plan_page), name="roster_plan"),
        path("<int:pk>/plan/progress/", view(progress), name="roster_plan_progress"),
        path("<int:pk>/plan/accept/", view(accept_sheet), name="roster_plan_accept"),
        path("<int:pk>/plan/do/<slug:what>/", view(do_sheet), name="roster_plan_do"),
        path(
            "<int:pk>/plan/turn/<int:schedule>/<int:turn>/", view(place_sheet), name="roster_place"
        ),
    ]


def plan_page(request: HttpRequest, pk: int) -> HttpResponse:
    plan = _plan(request, pk, "view")
    now = timezone.now()
    reading = reading_of(plan, at=now) if plan.rotations.exists() else None
    result = Result.of(plan)
    is_shown = bool(result.assigned) and not plan.is_at_work
    board = board_of(reading) if reading and is_shown else None
    context = {
        **admin.site.each_context(request),
        "title": plan.name,
        "is_fullwidth": "1",
        "plan": plan,
        "tone": TONES[State(plan.state)],
        "result": result,
        "gap": _percent(result.gap),
        "reading": reading,
        "board": board,
        "charts": charts(board.fairness) if board else [],
        "chart_options": CHART_OPTIONS,
        "versions": VERSIONS,
        "progress": plan.progress,
        "may_change": request.user.has_perm("roster.change_rosterplan"),
        "is_at_rest": plan.state in asking.AT_REST,
        "has_begun": bool(reading and reading.starts_at() <= now),
        "zones": sorted({each.schedule.time_zone for each in reading.rotations}) if reading else [],
        "warnings": _warnings(reading) if reading else [],
    }
    return render(request, f"{FOLDER}/page.html", context)


def _percent(gap: float | None) -> str:
    return "" if gap is None else f"{gap * 100:.1f}".removesuffix(".0")


def _warnings(reading: Reading) -> list[str]:
    """What a plan cannot take over from the layers of today, and those who are left out of it."""
    found = []
    hidden = reading.hidden_layers()
    for row in reading.rotations:
        if names := hidden.get(row.schedule_id):
            found.append(
                f"{row.schedule}: the plan stands above {' and '.join(names)}, which counts in "
                "certain hours only, and hides it. One person is on call for the whole turn."
            )
        listed = {person.pk for person in row.people.all()}
        others = {
            each.person.name
            for each in reading.today[row.schedule_id]
            if each.person.pk not in listed and each.person.is_active
        }
        if others:
            found.append(
                f"{row.schedule}: {', '.join(sorted(others))} would be on call by today's rotation "
                "and take no turn in this plan."
            )
    return found


def progress(request: HttpRequest, pk: int) -> JsonResponse:
    """How far the solver is, for the script of the page: one query and the session's."""
    plan = _plan(request, pk, "view")
    return JsonResponse({"state": plan.state, "progress": plan.progress})


def accept_sheet(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask once more before the layers are written, naming what the proposal breaks by now."""
    plan = _plan(request, pk, "change")
    conflicts = []
    if plan.state == State.PROPOSED:
        conflicts = conflicts_of(reading_of(plan, at=timezone.now()))
    form = AcceptForm(_posted(request), has_conflicts=bool(conflicts))

    def change() -> str:
        accept(
            plan,
            by=actor_of(request),
            at=timezone.now(),
            despite=form.cleaned_data.get("despite", False),
        )
        return f"{plan} is accepted. The people whose shifts change are told."

    return answer_sheet(
        request,
        form,
        change,
        to=_url(plan),
        template=f"{FOLDER}/accept.html",
        title=f"Accept {plan}",
        button="Accept",
        plan=plan,
        conflicts=conflicts,
    )


DOINGS: dict[str, tuple[str, str, str, str]] = {
    # What it is called, its button, what it does, and what is said when it is done.
    "solve": (
        "Look for a roster again",
        "Look again",
        "The solver starts over with what is true now; turns set by hand stay.",
        "A roster is being looked for.",
    ),
    "stop": (
        "Stop the solver",
        "Stop",
        "An earlier proposal stands again; what was found so far is lost.",
        "The solver is stopped.",
    ),
    "discard": (
        "Throw the proposal away",
        "Throw away",
        "Who is on call does not change.",
        "The proposal is thrown away.",
    ),
    "undo": (
        "Undo the acceptance",
        "Undo",
        "The layers that accepting wrote are taken away, with any edits made to them since, and "
        "the people whose shifts change are told. The proposal stays.",
        "The rotations are as they were. The proposal is still here.",
    ),
}


def do_sheet(request: HttpRequest, pk: int, what: str) -> HttpResponse:
    """The smaller decisions, each asked for once."""
    plan = _plan(request, pk, "change")
    if what not in DOINGS:
        raise Http404
    title, button, explanation, done = DOINGS[what]

    def change() -> str:
        now = timezone.now()
        doings: dict[str, Callable[[], None]] = {
            "solve": lambda: asking.ask(plan, at=now),
            "stop": lambda: asking.stop(plan),
            "discard": lambda: asking.discard(plan, at=now),
            "undo": lambda: undo(plan, by=actor_of(request), at=now),
        }
        doings[what]()
        return done

    return answer_sheet(
        request,
        ConfirmForm(_posted(request)),
        change,
        to=_url(plan),
        title=title,
        button=button,
        explanation=explanation,
    )


def place_sheet(request: HttpRequest, pk: int, schedule: int, turn: int) -> HttpResponse:
    """Choose who takes one turn instead; beside each person stands what it would break."""
    plan = _plan(request, pk, "change")
    reading = reading_of(plan, at=timezone.now())
    numbers = {each.key: number for number, each in enumerate(reading.problem.rotations)}
    if schedule not in numbers or turn >= plan.turns:
        raise Http404
    place = (numbers[schedule], turn)
    rotation = reading.rotations[place[0]]
    form = PlaceForm(_posted(request))
    # The people are read with the plan already.
    form.fields["person"].queryset = rotation.people.all()  # type: ignore[attr-defined]

    def change() -> str:
        person = form.cleaned_data["person"]
        if person is None:
            let_go(plan, schedule, turn)
            return "The solver decides about this turn when it looks again."
        set_by_hand(plan, schedule, turn, person)
        return f"{person} takes this turn, set by hand."

    cut = reading.problem.rotations[place[0]].turns[turn]
    return answer_sheet(
        request,
        form,
        change,
        to=_url(plan),
        template=f"{FOLDER}/place.html",
        title=f"{rotation.schedule}: {cut.starts_at:%a %-d %b} to {cut.ends_at:%a %-d %b}",
        button="Set by hand",
        options=options_for(reading, place),
        is_edited=[schedule, turn] in Result.of(plan).edits,
    )


def _plan(request: HttpRequest, pk: int, permission: str) -> RosterPlan:
    if not request.user.has_perm(f"roster.{permission}_rosterplan"):
        raise PermissionDenied
    return get_object_or_404(RosterPlan.objects.select_related("created_by"), pk=pk)


def _posted(request: HttpRequest) -> Any:  # None is what an unbound form takes
    return request.POST if request.method == "POST" else None


def _url(plan: RosterPlan) -> str:
    return reverse("admin:roster_plan", args=[plan.pk])
