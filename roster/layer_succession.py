"""Letting one layer take over from another, in the order in which people take turns."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q

from roster import oncall, rotation
from roster.layer_checks import Turn
from roster.models import Layer, LayerWindow, Participant, Person
from roster.rotation.continuation import Progress, agreement


def succeed(
    layer: Layer,
    values: dict[str, Any],  # model fields of any type
    windows: Iterable[LayerWindow] | None,
    *,
    at: datetime,
) -> Layer:
    """End a layer and begin another of the same lineage that has its order of participants."""
    until = layer.effective_until
    layer.effective_until = at
    layer.save()
    successor = Layer.objects.select_related("schedule").get(pk=layer.pk)
    successor.pk = None
    successor._state.adding = True
    successor.effective_until = until
    for name, value in values.items():
        setattr(successor, name, value)
    successor.effective_from = at
    successor.save()
    participants = list(layer.participants.all())
    kept = list(layer.windows.all() if windows is None else windows)
    for row in participants:
        row.pk, row.layer = None, successor
    for window in kept:
        window.pk, window.layer = None, successor
    Participant.objects.bulk_create(participants)
    LayerWindow.objects.bulk_create(kept)
    return successor


def list_participants(layer: Layer, turns: Sequence[Turn], *, at: datetime | None) -> None:
    """Write the order as a version from `at` on (None: from the start), over any planned later."""
    layer.participants.filter(**({"effective_at__gte": at} if at else {})).delete()
    Participant.objects.bulk_create(
        Participant(layer=layer, effective_at=at, position=position, person=person)
        for position, person in turns
    )


def handover_at(layer: Layer, successor: Layer, *, at: datetime) -> datetime:
    """Move the takeover to when both rotations agree about who is on call; answer when.

    Handing off at 10:00 instead of 09:00, decided at 09:30, would otherwise bring back for half an
    hour whoever has just left. Where they do not come to agree, the order is continued at `at`.
    """
    since = agreement(progress_of(layer, at), progress_of(successor, at), at)
    if since is None:
        continue_order(layer, successor, at=at)
        return at
    if since != at:
        Layer.objects.filter(pk=layer.pk).update(effective_until=since)
        layer.effective_until = successor.effective_from = since
        successor.save(update_fields=["effective_from"])
    return since


def continue_order(layer: Layer, successor: Layer, *, at: datetime) -> None:
    """Shift the successor's order so that who is on call stays, and the next of it follows.

    Its turns are numbered anew, and turn numbers decide who begins. Versions of the order that
    are planned for later stay.
    """
    old, new = progress_of(layer, at), progress_of(successor, at)
    following = old.following(at)
    if not following:
        return
    order = new.order_for(at, following)
    holder, place = old.holder(at), new.place(at, len(order))
    known = {row.person.slug: row.person for row in _named(layer) if row.person}
    versions = successor.participants
    versions.filter(Q(effective_at=None) | Q(effective_at__lt=at)).delete()
    if order[place] != holder:
        # Somebody stands in until the next handoff only: the edit at `at` brings the order back.
        if not versions.filter(effective_at=at).exists():
            _write(successor, order, known, at)
        order[place] = holder
    _write(successor, order, known, None)


def _named(layer: Layer) -> Iterable[Participant]:
    return layer.participants.select_related("person")


def _write(
    layer: Layer, order: Sequence[rotation.Entry], known: dict[str, Person], at: datetime | None
) -> None:
    Participant.objects.bulk_create(
        Participant(
            layer=layer,
            effective_at=at,
            position=position,
            person=known[slug] if slug else None,
        )
        for position, crew in enumerate(order, start=1)
        for slug in crew or (None,)
    )


def progress_of(layer: Layer, at: datetime) -> Progress:
    """Read a layer's turns as the rotation engine does. Four queries."""
    around = timedelta(minutes=1)
    definition = oncall.definition_of(layer.schedule, at - around, at + around)
    found = [
        each
        for each in definition.layers
        if each.key == str(layer.lineage) and each.effective_from == layer.effective_from
    ]
    return Progress(found[0], definition.time_zone)
