"""Swaps in words: what is offered, what waits for a yes, what is agreed, and what is off."""

from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from comms.content import Content
from comms.notices.registry import words_for
from comms.rendering import escape_markdown
from roster import swaps
from roster.link_purposes.swaps import AcceptSwap, ConfirmSwap, DeclineSwap
from roster.links import make_url
from roster.models import Notice, NoticeKind, Person, Swap
from roster.swaps.wording import facts_about, headline, warnings_of


@words_for(NoticeKind.SWAP_OFFERED)
def offered(notice: Notice) -> Content | None:
    """None once it can no longer be taken, or by this person."""
    swap, person = _swap(notice), notice.person
    if swap is None or swap.state != Swap.State.OFFERED:
        return None
    said_no = swap.declined_by.filter(pk=person.pk).exists()
    if said_no:
        return None
    lines = [
        f"{_escaped(headline(swap, person))}. Whoever says yes first has it.",
        *_facts(swap, person),
        *_against(swap, person),
        _link("I take it", AcceptSwap.name, swap, person),
        _link("I cannot take it", DeclineSwap.name, swap, person),
    ]
    if swap.asked_id:
        lines[0] = f"{_escaped(headline(swap, person))}."
    return Content(f"{swap.reference}: {headline(swap, person)}", "\n\n".join(lines))


@words_for(NoticeKind.SWAP_TO_CONFIRM)
def to_confirm(notice: Notice) -> Content | None:
    """None once the giver has answered."""
    swap, person = _swap(notice), notice.person
    if swap is None or not swap.is_open or swap.giver_confirmed_at:
        return None
    lines = [
        f"{_escaped(headline(swap, person))}. Nothing changes before you agree.",
        *_facts(swap, person),
        *_against(swap, person),
        _link("I agree", ConfirmSwap.name, swap, person),
        _link("No, I keep my shift", DeclineSwap.name, swap, person),
    ]
    return Content(f"{swap.reference}: {headline(swap, person)}", "\n\n".join(lines))


@words_for(NoticeKind.SWAP_TAKEN)
def taken(notice: Notice) -> Content | None:
    """Who is on call now; after an edit of the rotation, when. None once it is off again."""
    swap, person = _swap(notice), notice.person
    is_moved = bool(notice.data.get("moved"))
    if swap is None or not (swap.state == Swap.State.TAKEN or (is_moved and swap.is_open)):
        return None
    if is_moved:
        subject = f"{swap.reference} moved with its shift on {swap.schedule}"
        first = "The rotation was edited, and the swap moved with its shift. It is now:"
    else:
        subject = f"{swap.reference}: {_outcome(swap, person)}"
        first = f"{_escaped(_outcome(swap, person))}."
    undo = _page_link(swap, person, "See the swap, or give it back")
    return Content(subject, "\n\n".join([first, *_facts(swap, person), *undo]))


@words_for(NoticeKind.SWAP_ENDED)
def ended(notice: Notice) -> Content | None:
    swap, person = _swap(notice), notice.person
    if swap is None or swap.is_open or swap.state == Swap.State.TAKEN:
        return None
    lines = [f"{_escaped(swap.ended_because)} {_escaped(_who_is_on_call(swap, person))}".strip()]
    lines += [*_facts(swap, person), *_page_link(swap, person, "See the swap")]
    subject = f"{swap.reference} is off: {swap.giver}'s shift on {swap.schedule}"
    return Content(subject, "\n\n".join(lines))


def _swap(notice: Notice) -> Swap | None:
    return Swap.objects.for_display().filter(pk=notice.data["swap"]).first()


def _outcome(swap: Swap, person: Person) -> str:
    if swap.kind == Swap.Kind.EXCHANGE:
        other = swap.taker if person.pk == swap.giver_id else swap.giver
        return f"You and {other} have swapped shifts on {swap.schedule}"
    if person.pk == swap.giver_id:
        return f"{swap.taker} takes your shift on {swap.schedule}"
    return f"You take {swap.giver}'s shift on {swap.schedule}"


def _who_is_on_call(swap: Swap, person: Person) -> str:
    """The one thing that must not be missed: whose shift it is after all."""
    if person.pk == swap.giver_id:
        return "You are on call for it as the rotation has it."
    if swap.taker_id == person.pk:
        return f"You are not on call in place of {swap.giver}."
    return "There is nothing left to answer."


def _facts(swap: Swap, person: Person) -> list[str]:
    rows = facts_about(swap, person.time_zone)
    return ["\n".join(f"- {_escaped(label)}: **{_escaped(value)}**" for label, value in rows)]


def _against(swap: Swap, person: Person) -> list[str]:
    conflicts = swaps.conflicts_about(swap, person, at=timezone.now())
    lines = warnings_of(conflicts, person.time_zone)
    if not lines:
        return []
    return ["Against it:\n\n" + "\n".join(f"- {_escaped(line)}" for line in lines)]


def _link(label: str, purpose: str, swap: Swap, person: Person) -> str:
    return f"[{label}]({make_url(purpose, swap.pk, person)})"


def _page_link(swap: Swap, person: Person, label: str) -> list[str]:
    """Only for those who can log in."""
    if person.user_id is None:
        return []
    page = reverse("admin:roster_swap_change", args=[swap.pk])
    return [f"[{label}]({settings.PUBLIC_URL}{page})"]


def _escaped(text: str) -> str:
    return escape_markdown(text)
