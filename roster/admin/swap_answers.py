"""The page of one swap: how it stands, the buttons that answer it, and giving it back."""

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from roster import swaps
from roster.actors import Actor
from roster.admin_base import actor_of
from roster.conflicts import Conflict
from roster.errors import DomainError
from roster.models import Swap
from roster.swaps.rights import Step, carry_out, may_call_off, steps_for
from roster.swaps.wording import facts_about, headline, warnings_of

BUTTONS = {
    Step.ACCEPT: ("I take it", "mu-primary"),
    Step.CONFIRM: ("I agree", "mu-primary"),
    Step.DECLINE: ("I cannot", ""),
    Step.CANCEL: ("Call it off", ""),
    Step.GIVE_BACK: ("Give back", ""),
}
TONES = {
    Swap.State.OFFERED: "amber",
    Swap.State.ACCEPTED: "amber",
    Swap.State.TAKEN: "green",
}
DONE = {
    Step.ACCEPT: "Thank you. {swap}: {taker} takes it.",
    Step.CONFIRM: "Thank you. You have agreed to {swap}.",
    Step.DECLINE: "Thank you. Your no to {swap} is noted.",
    Step.CANCEL: "{swap} is called off.",
    Step.GIVE_BACK: "{swap} is undone. Both are on call again as without it.",
}


def swap_page(request: HttpRequest, swap: Swap) -> HttpResponse:
    """How it stands, and what the viewer may do about it."""
    actor, now = actor_of(request), timezone.now()
    may_arrange = request.user.has_perm("roster.arrange_swap")
    steps = steps_for(swap, actor.person, may_arrange=may_arrange, at=now)
    against: list[Conflict] = []
    if actor.person and (Step.ACCEPT in steps or Step.CONFIRM in steps):
        against = swaps.conflicts_about(swap, actor.person, at=now)
    zone = timezone.get_current_timezone_name()
    context = {
        **admin.site.each_context(request),
        "title": f"{swap.reference}: {swap.giver} on {swap.schedule}",
        "swap": swap,
        "tone": TONES.get(Swap.State(swap.state), "gray"),
        "zone": zone,
        "facts": facts_about(swap, zone),
        "outcome": swaps.what_became(swap),
        "headline": headline(swap, actor.person) if actor.person else "",
        "warnings": warnings_of(against, zone),
        "is_despite": bool(swaps.serious_of(against)),
        "steps": [(step, *BUTTONS[step]) for step in steps if step != Step.GIVE_BACK],
        "can_give_back": Step.GIVE_BACK in steps,
    }
    return TemplateResponse(request, "admin/roster/swap.html", context)


def answer(request: HttpRequest, pk: int, step: str) -> HttpResponse:
    """A button of the swap's page: do it, and show the page again."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    swap, actor, may_arrange = _swap_of(request, pk)
    if step not in (Step.ACCEPT, Step.CONFIRM, Step.DECLINE, Step.CANCEL):
        raise Http404
    try:
        swap = carry_out(
            Step(step),
            swap,
            by=actor,
            at=timezone.now(),
            may_arrange=may_arrange,
            despite="despite" in request.POST,
        )
    except DomainError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, DONE[Step(step)].format(swap=swap.reference, taker=swap.taker))
    return redirect("admin:roster_swap_change", pk)


def give_back_page(request: HttpRequest, pk: int) -> HttpResponse:
    """“Give back”: what it means, and one button."""
    swap, actor, may_arrange = _swap_of(request, pk)
    if not may_call_off(swap, actor.person, may_arrange=may_arrange):
        raise PermissionDenied
    to = reverse("admin:roster_swap_change", args=[pk])
    if request.method == "POST":
        try:
            carry_out(Step.GIVE_BACK, swap, by=actor, at=timezone.now(), may_arrange=may_arrange)
        except DomainError as error:
            messages.error(request, error.message)
        else:
            messages.success(request, DONE[Step.GIVE_BACK].format(swap=swap.reference))
        return redirect(to)
    now = timezone.now()
    context = {
        **admin.site.each_context(request),
        "title": f"Give back {swap.reference}",
        "swap": swap,
        "facts": facts_about(swap, timezone.get_current_timezone_name()),
        "zone": timezone.get_current_timezone_name(),
        "has_begun": swap.first_starts_at <= now,
        "refusal": "" if swap.state == Swap.State.TAKEN else swaps.what_became(swap),
        "to": to,
    }
    return TemplateResponse(request, "admin/roster/swap_give_back.html", context)


def _swap_of(request: HttpRequest, pk: int) -> tuple[Swap, Actor, bool]:
    if not request.user.has_perm("roster.view_schedule"):
        raise PermissionDenied
    swap = get_object_or_404(Swap.objects.for_display(), pk=pk)
    return swap, actor_of(request), request.user.has_perm("roster.arrange_swap")
