"""Changing a layer without changing who was on call.

A layer that has not begun is simply edited. Of one that has, the participants change by a new
version from a moment on; anything else ends it there and lets a successor take over (rule 8 and
"a past on-call fact never changes").
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction

from roster.errors import DomainError
from roster.models import Layer, LayerWindow, Participant, Person

Turn = tuple[int, Person | None]
"""A place in the order, and who is in it; places with the same number are on call together."""

# What may change in place, since it says nothing about the past.
HARMLESS_FIELDS = frozenset({"name", "effective_until"})


@dataclass(frozen=True)
class LayerChange:
    """What is to become different. None leaves participants or windows as they are."""

    values: dict[str, Any] = field(default_factory=dict)  # model fields of any type
    participants: Sequence[Turn] | None = None
    windows: Sequence[LayerWindow] | None = None

    @property
    def needs_successor(self) -> bool:
        return self.windows is not None or bool(self.values.keys() - HARMLESS_FIELDS)


def change_layer(layer: Layer, change: LayerChange, *, takes_effect_at: datetime) -> Layer:
    """Apply a change from a moment on, which must not be past; answer the layer in force then.

    `layer` must be as the database has it. Raises DomainError if the layer ends before.
    """
    if layer.effective_until and layer.effective_until <= takes_effect_at:
        raise DomainError(
            "layer_ended",
            f"{layer} ends before the change would take effect. Add a new layer instead.",
            {"takes_effect_at": ["The layer has ended by then."]},
        )
    has_begun = layer.begins_at() < takes_effect_at
    with transaction.atomic():
        if change.needs_successor and has_begun:
            layer = _succeed(layer, change, at=takes_effect_at)
        else:
            _edit(layer, change)
        if change.participants is not None:
            _list_participants(
                layer, change.participants, at=takes_effect_at if has_begun else None
            )
    return layer


def _edit(layer: Layer, change: LayerChange) -> None:
    for name, value in change.values.items():
        setattr(layer, name, value)
    layer.save()
    if change.windows is not None:
        layer.windows.all().delete()
        _add_windows(layer, change.windows)


def _succeed(layer: Layer, change: LayerChange, *, at: datetime) -> Layer:
    """End a layer and begin another that continues its order of participants."""
    versions = list(layer.participants.all())
    windows = list(layer.windows.all()) if change.windows is None else change.windows
    until = layer.effective_until
    layer.effective_until = at
    layer.save()
    successor = Layer.objects.get(pk=layer.pk)
    successor.pk = None
    successor._state.adding = True
    successor.effective_until = until
    for name, value in change.values.items():
        setattr(successor, name, value)
    successor.effective_from = at
    successor.save()
    for row in versions:
        row.pk, row.layer = None, successor
    Participant.objects.bulk_create(versions)
    _add_windows(successor, windows)
    return successor


def _add_windows(layer: Layer, windows: Sequence[LayerWindow]) -> None:
    for window in windows:
        window.pk, window.layer = None, layer
    LayerWindow.objects.bulk_create(windows)


def _list_participants(layer: Layer, turns: Sequence[Turn], *, at: datetime | None) -> None:
    """Write the order as a version from `at` on (None: from the start), over any planned later."""
    layer.participants.filter(**({"effective_at__gte": at} if at else {})).delete()
    Participant.objects.bulk_create(
        Participant(layer=layer, effective_at=at, position=position, person=person)
        for position, person in turns
    )
