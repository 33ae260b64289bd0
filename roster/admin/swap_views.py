"""The pages on which shifts are offered, taken over, answered and given back."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from roster import oncall, swaps
from roster.actors import Actor
from roster.admin.swap_choices import (
    Row,
    beside_of,
    choices_of,
    chosen_of,
    look_until,
    returns_of,
    shifts_ahead,
    span_of,
)
from roster.admin.swap_forms import OfferForm, SwapForm
from roster.admin_base import actor_of
from roster.conflicts import conflicts_of
from roster.errors import DomainError
from roster.models import Person, Schedule, Swap
from roster.refusals import add_refusal
from roster.swaps.parts import coming_shifts
from roster.swaps.wording import warnings_of

# What the domain calls an input, and what the form does.
FIELDS = {"other": "to", "return_starts_at": "in_return", "return_ends_at": "in_return"}


@dataclass(frozen=True)
class _Asking:
    """Who looks at a page, and whose shift it is about."""

    actor: Actor
    may_arrange: bool
    giver: Person | None
    now: datetime


def offer_page(request: HttpRequest) -> HttpResponse:
    """“Cover me” and “Swap with…”: choose a shift, a part of it, and who takes it.

    `?schedule=&start=&end=` names the shift, `?person=` whose it is: one's own, or anybody's for
    those who may arrange swaps.
    """
    asking = _asking(request)
    giver, people = asking.giver or asking.actor.person, []
    if asking.may_arrange:
        people = list(Person.objects.active().order_by("name"))
        giver = giver or next(iter(people), None)
    elif giver != asking.actor.person:
        return redirect(f"{reverse('admin:roster_swap_take')}?{request.GET.urlencode()}")
    if giver is None:
        messages.error(request, "Your login belongs to no person, so it has no shifts to offer.")
        return redirect("admin:roster_swap_changelist")
    shifts = coming_shifts(giver, at=asking.now, until=look_until(request, asking.now))
    rows = [(schedule, giver, shift) for schedule, shift in shifts]
    chosen = chosen_of(request, rows)
    form = _offer_form(request, asking, chosen) if chosen else None
    if form and form.is_valid() and (swap := _try(form, partial(_offer, form, asking))):
        messages.success(request, _said(swap))
        return redirect("admin:roster_swap_change", swap.pk)
    is_mine = giver == asking.actor.person
    return _render(
        request,
        "Offer a shift" if is_mine else f"Offer or arrange a shift of {giver}",
        form=form,
        button="Offer it" if is_mine else "Offer or arrange it",
        people=people,
        giver=giver,
        choices=choices_of(rows, chosen, names=False),
    )


def take_page(request: HttpRequest) -> HttpResponse:
    """“Take over”: ask the person on call to let one have their shift, or a part of it."""
    asking = _asking(request)
    taker = asking.actor.person
    if taker is None:
        messages.error(request, "Your login belongs to no person, and people take shifts over.")
        return redirect("admin:roster_swap_changelist")
    if asking.giver == taker:
        return redirect(f"{reverse('admin:roster_swap_offer')}?{request.GET.urlencode()}")
    shifts = _shifts_to_take(asking, taker, look_until(request, asking.now))
    chosen = chosen_of(request, shifts)
    choices = choices_of(shifts, chosen, names=True)
    if chosen is None:
        return _render(request, "Take over a shift", giver=asking.giver, choices=choices)
    schedule, giver, shift = chosen
    span = span_of(request, shift, asking.now)
    form = SwapForm(
        request.POST or None,
        schedule=schedule,
        giver=giver,
        span=span,
        returns=returns_of(schedule, [taker], asking.now),
        nothing="Nothing: I take it over",
    )
    if form.is_valid() and (swap := _try(form, partial(_take, form, asking, taker))):
        messages.success(request, f"{giver} is asked to confirm {swap.reference}.")
        return redirect("admin:roster_swap_change", swap.pk)
    against = conflicts_of([taker], schedule, shift.within(*span) or [span])[taker.pk]
    return _render(
        request,
        "Take over a shift",
        form=form,
        giver=giver,
        choices=choices,
        warnings=warnings_of(against, timezone.get_current_timezone_name()),
        must_confirm=bool(swaps.serious_of(against)),
        button=f"Ask {giver} to let me take over",
    )


def _offer_form(request: HttpRequest, asking: _Asking, chosen: Row) -> OfferForm:
    schedule, giver, shift = chosen
    rotation = [
        person
        for person in oncall.people_of([schedule], shift.starts_at)[schedule.pk]
        if person != giver
    ]
    return OfferForm(
        request.POST or None,
        schedule=schedule,
        giver=giver,
        span=span_of(request, shift, asking.now),
        returns=returns_of(schedule, rotation, asking.now),
        nothing="Nothing: it is covered",
        rotation=rotation,
        beside=beside_of(schedule, rotation, shift, asking.now),
        may_arrange=asking.may_arrange,
    )


def _asking(request: HttpRequest) -> _Asking:
    if not request.user.has_perm("roster.view_schedule"):
        raise PermissionDenied
    asked = request.GET.get("person", "")
    giver = Person.objects.filter(pk=asked).first() if asked.isdecimal() else None
    return _Asking(
        actor=actor_of(request),
        may_arrange=request.user.has_perm("roster.arrange_swap"),
        giver=giver,
        now=timezone.now(),
    )


def _offer(form: OfferForm, asking: _Asking) -> Swap:
    proposal = form.proposal(form.other())
    if form.cleaned_data.get("is_arranged"):
        return swaps.arrange(proposal, by=asking.actor, at=asking.now)
    return swaps.offer(proposal, by=asking.actor, at=asking.now)


def _take(form: SwapForm, asking: _Asking, taker: Person) -> Swap:
    return swaps.take_over(form.proposal(taker), by=asking.actor, at=asking.now)


def _try(form: SwapForm, change: Callable[[], Swap]) -> Swap | None:
    """None where it is refused, which the form then says."""
    try:
        return change()
    except DomainError as error:
        if error.code == "conflicts":
            form.ask_again()
        fields = {FIELDS.get(name, name): texts for name, texts in error.fields.items()}
        add_refusal(form, DomainError(error.code, error.message, fields))
    return None


def _said(swap: Swap) -> str:
    if swap.state == Swap.State.TAKEN:
        return f"{swap.reference} is arranged. {swap.giver} and {swap.taker} are told."
    asked = swap.asked or "everyone who takes turns there"
    return f"{swap.reference} is offered to {asked}. You are told as soon as it is taken."


def _shifts_to_take(asking: _Asking, taker: Person, until: datetime) -> list[Row]:
    """Of one person, or of everybody on the schedules on which the taker takes turns too."""
    if asking.giver:
        shifts = coming_shifts(asking.giver, at=asking.now, until=until)
        return [(schedule, asking.giver, shift) for schedule, shift in shifts]
    schedules = list(Schedule.objects.active().order_by("name"))
    rotations = oncall.people_of(schedules, asking.now)
    mine = [schedule for schedule in schedules if taker in rotations[schedule.pk]]
    found = [row for row in shifts_ahead(mine, rotations, asking.now) if row[1] != taker]
    return sorted(found, key=lambda row: (row[2].starts_at, row[0].name))


def _render(request: HttpRequest, title: str, **context: Any) -> HttpResponse:
    everywhere = {
        **admin.site.each_context(request),
        "title": title,
        "zone": timezone.get_current_timezone_name(),
        "form": None,
        "choices": [],
    }
    form = context.get("form")
    status = 422 if form is not None and form.is_bound else 200
    return TemplateResponse(
        request, "admin/roster/swap_offer.html", {**everywhere, **context}, status=status
    )
