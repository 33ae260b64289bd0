"""What the viewer may do about a span, as links to the pages where it is done."""

from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils.http import urlencode

from roster.calendar.facts import Viewer
from roster.calendar.spans import Span
from roster.models import Override, Swap


@dataclass(frozen=True)
class Link:
    label: str
    url: str


def override_url(values: dict[str, str | int], back: str) -> str:
    """The form for an override, filled in, which returns to `back`."""
    return f"{reverse('admin:roster_override_enter')}?{urlencode({**values, 'next': back})}"


def links_of(span: Span, viewer: Viewer, now: datetime, back: str) -> list[Link]:
    """Nothing for what is over: who was on call stays as it was."""
    if span.ends_at <= now:
        return []
    links = swap_links(span, viewer)
    if viewer.may_override and not span.is_change:
        links.append(Link("Override", override_url(_where(span, now), back)))
    if viewer.may_change_override and span.override and _is_editable(span.override):
        change = reverse("admin:roster_override_change", args=[span.override.pk])
        links.append(Link("Edit the override", change))
    return links


def swap_links(span: Span, viewer: Viewer) -> list[Link]:
    """To give a shift away, take it or give it back, and to the swap that stands."""
    links = _swapping(span, viewer) if span.is_final and not span.offer else []
    if swap := span.offer or (span.override.swap if span.override else None):
        label = "See the offer" if swap.is_open else "See the swap"
        links.append(Link(label, reverse("admin:roster_swap_change", args=[swap.pk])))
    return links


def _swapping(span: Span, viewer: Viewer) -> list[Link]:
    swap = span.override.swap if span.override else None
    if span.person is None or not span.person.is_active:
        return []
    links = []
    if swap and swap.state == Swap.State.TAKEN and _is_of(swap, viewer):
        links.append(Link("Give back", reverse("admin:roster_swap_give_back", args=[swap.pk])))
    asked: dict[str, str | int] = {
        "schedule": span.row.schedule.pk,
        "person": span.person.pk,
        "start": span.starts_at.isoformat(),
        "end": span.ends_at.isoformat(),
    }
    if viewer.person == span.person:
        label = "Offer a swap"
    elif viewer.may_arrange:
        label = "Arrange a swap"
    else:
        label = ""
    if label:
        links.append(Link(label, f"{reverse('admin:roster_swap_offer')}?{urlencode(asked)}"))
    if viewer.person and viewer.person != span.person:
        links.append(Link("Take over", f"{reverse('admin:roster_swap_take')}?{urlencode(asked)}"))
    return links


def _is_editable(override: Override) -> bool:
    """What a swap or a calendar made is changed there."""
    return override.swap_id is None and override.calendar_id is None


def _is_of(swap: Swap, viewer: Viewer) -> bool:
    if viewer.may_arrange:
        return True
    return viewer.person is not None and viewer.person.pk in (swap.giver_id, swap.taker_id)


def _where(span: Span, now: datetime) -> dict[str, str | int]:
    return {
        "schedule": span.row.schedule.pk,
        "start": max(span.starts_at, now.replace(second=0, microsecond=0)).isoformat(),
        "end": span.ends_at.isoformat(),
    }
