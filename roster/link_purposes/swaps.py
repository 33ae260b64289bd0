"""Answering a swap from a message: each side for itself, after seeing what stands against it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from django import forms
from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from roster import swaps
from roster.actors import Actor
from roster.conflicts import Conflict
from roster.links import LinkPurpose, make_url, register_purpose
from roster.models import Person, Swap
from roster.swaps.wording import facts_about, headline, warnings_of


class SeenForm(forms.Form):
    """Remembers whether the page named conflicts: one that came up since was not agreed to."""

    despite = forms.BooleanField(label="", required=False, widget=forms.HiddenInput)


class _SwapPurpose(LinkPurpose[Swap]):
    """A link about one swap. Shifts are swapped months ahead, so it lives long."""

    lifetime = timedelta(days=180)
    # Whoever only says no need not be told what would have stood against it.
    names_conflicts = True

    def load(self, pk: int) -> Swap | None:
        return Swap.objects.for_display().filter(pk=pk).first()

    def title(self, subject: Swap) -> str:
        return f"{subject.reference}: {subject.giver}'s shift on {subject.schedule}"

    def context(self, subject: Swap, person: Person) -> dict[str, object]:
        facts = facts_about(subject, person.time_zone)
        if self.names_conflicts:
            warnings = warnings_of(_conflicts(subject, person), person.time_zone)
            facts += [("Against it", line) for line in warnings]
        return {"facts": facts, "links": self.others(subject, person)}

    def others(self, subject: Swap, person: Person) -> list[tuple[str, str]]:
        return []

    def onward(self, subject: Swap) -> list[tuple[str, str]]:
        page = reverse("admin:roster_swap_change", args=[subject.pk])
        return [(f"Open {subject.reference} in Muster", f"{settings.PUBLIC_URL}{page}")]

    def form_for(self, subject: Swap, person: Person) -> Callable[..., forms.Form]:
        if not self.names_conflicts:
            return forms.Form
        return partial(SeenForm, initial={"despite": _must_confirm(subject, person)})

    def done(self, subject: Swap) -> str | None:
        if subject.is_open:
            return None
        return swaps.what_became(subject)


class AcceptSwap(_SwapPurpose):
    name = "swap.accept"
    button = "I take it"

    def button_for(self, subject: Swap, person: Person) -> str:
        return "Take it anyway" if _must_confirm(subject, person) else self.button

    def others(self, subject: Swap, person: Person) -> list[tuple[str, str]]:
        return [("I cannot take it", make_url(DeclineSwap.name, subject.pk, person))]

    def done(self, subject: Swap) -> str | None:
        is_offered = subject.state == Swap.State.OFFERED
        return None if is_offered else swaps.what_became(subject)

    def perform(self, subject: Swap, person: Person, *, at: datetime, despite: bool) -> str:
        swap = swaps.accept(subject, by=Actor.of_person(person), at=at, despite=despite)
        if swap.state == Swap.State.TAKEN:
            return f"Thank you. You take {swap.giver}'s shift on {swap.schedule}."
        return f"Thank you. {swap.giver} has to confirm, and you are told then."


class DeclineSwap(_SwapPurpose):
    name = "swap.decline"
    button = "I cannot take it"
    names_conflicts = False

    def button_for(self, subject: Swap, person: Person) -> str:
        return "No, I keep it" if person.pk == subject.giver_id else self.button

    def others(self, subject: Swap, person: Person) -> list[tuple[str, str]]:
        if person.pk == subject.giver_id:
            return [("I agree after all", make_url(ConfirmSwap.name, subject.pk, person))]
        return [("I can take it after all", make_url(AcceptSwap.name, subject.pk, person))]

    def perform(self, subject: Swap, person: Person, *, at: datetime) -> str:
        swap = swaps.decline(subject, by=Actor.of_person(person), at=at)
        if swap.is_open:
            return "Thank you. It stays on offer to the others."
        if person.pk == swap.giver_id:
            return f"You keep your shift on {swap.schedule}."
        return f"Thank you. {swap.giver} is told that you cannot take it."


class ConfirmSwap(_SwapPurpose):
    name = "swap.confirm"
    button = "I agree"

    def title(self, subject: Swap) -> str:
        return f"{subject.reference}: {headline(subject, subject.giver)}"

    def button_for(self, subject: Swap, person: Person) -> str:
        return "I agree anyway" if _must_confirm(subject, person) else self.button

    def others(self, subject: Swap, person: Person) -> list[tuple[str, str]]:
        return [("No, I keep my shift", make_url(DeclineSwap.name, subject.pk, person))]

    def done(self, subject: Swap) -> str | None:
        if subject.state == Swap.State.OFFERED and subject.giver_confirmed_at:
            return f"{subject.giver} has agreed. It is on offer until somebody takes it."
        return super().done(subject)

    def perform(self, subject: Swap, person: Person, *, at: datetime, despite: bool) -> str:
        swap = swaps.confirm(subject, by=Actor.of_person(person), at=at, despite=despite)
        if swap.state == Swap.State.TAKEN:
            return f"Thank you. {swap.taker} takes your shift on {swap.schedule}."
        return "Thank you. You are told as soon as somebody takes it."


def _conflicts(swap: Swap, person: Person) -> list[Conflict]:
    return swaps.conflicts_about(swap, person, at=timezone.now())


def _must_confirm(swap: Swap, person: Person) -> bool:
    return bool(swaps.serious_of(_conflicts(swap, person)))


for _purpose in (AcceptSwap(), DeclineSwap(), ConfirmSwap()):
    register_purpose(_purpose)
