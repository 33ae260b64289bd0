"""Changing a layer without changing who was on call.

A layer that has not begun is simply edited. Of one that has, the participants change by a new
version from a moment on; anything else ends it there and lets a successor take over (rule 8 and
"a past on-call fact never changes"). The successor goes on from whoever is on call.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction

from roster.errors import DomainError
from roster.layer_checks import Turn, check_turns, check_windows
from roster.layer_plans import PlannedChange, announce, drop_planned, planned_changes
from roster.layer_succession import continue_order, handover_at, list_participants, succeed
from roster.models import Layer, LayerWindow, Schedule
from roster.models.schedules import ENTRY_GRACE

# What may change in place, since it says nothing about the past.
HARMLESS_FIELDS = frozenset({"name", "effective_until"})
# What moves the handoffs, and lets every turn keep its number; and what numbers them anew.
RETIMING_FIELDS = frozenset({"handoff_time", "time_zone"})
RENUMBERING_FIELDS = frozenset({"starts_on", "length", "unit", "turns"})


@dataclass(frozen=True)
class LayerChange:
    """What is to become different. None leaves participants or windows as they are.

    A change that later ones are planned after is refused unless it `replaces_planned` ones.
    """

    values: dict[str, Any] = field(default_factory=dict)  # model fields of any type
    participants: Sequence[Turn] | None = None
    windows: Sequence[LayerWindow] | None = None
    replaces_planned: bool = False

    @property
    def needs_successor(self) -> bool:
        return self.windows is not None or bool(self.values.keys() - HARMLESS_FIELDS)

    @property
    def retimes(self) -> bool:
        return bool(self.values.keys() & RETIMING_FIELDS)

    def renumbers(self, layer: Layer) -> bool:
        counts_windows = self.windows is not None and layer.turns == Layer.Turns.ACTIVE_DAYS
        return counts_windows or bool(self.values.keys() & RENUMBERING_FIELDS)


def add_layer(
    layer: Layer, participants: Sequence[Turn], windows: Sequence[LayerWindow], *, at: datetime
) -> Layer:
    """Save a new layer with its people; it counts from `at` on at the earliest."""
    check_turns(participants)
    check_windows(windows)
    _refuse_past_end(layer.effective_until, at)
    if layer.effective_from and layer.effective_from < at - ENTRY_GRACE:
        raise _refused("invalid", "effective_from", _PASSED)
    if layer.begins_at() < at:
        layer.effective_from = at
    _refuse_empty_span(layer)
    with transaction.atomic():
        layer.save()
        _replace_windows(layer, windows)
        list_participants(layer, participants, at=None)
        announce(layer.schedule, at=at)
    return layer


def change_layer(
    layer: Layer, change: LayerChange, *, takes_effect_at: datetime, at: datetime | None = None
) -> Layer:
    """Apply a change from a moment on; answer the layer in force then.

    `at` is the present, None: the moment the change takes effect. `layer` must be as the database
    has it. Where handoffs move to another time of day, the successor takes over as soon as both
    rotations agree about who is on call, which is at one of the next two handoffs.

    Raises DomainError if the moment has passed, the layer ends before it, the new order or windows
    are not sound, or changes are planned for later.
    """
    at = at or takes_effect_at
    with transaction.atomic():
        Schedule.objects.select_for_update().get(pk=layer.schedule_id)
        layer.refresh_from_db(fields=["effective_from", "effective_until"])
        _check(layer, change, takes_effect_at, at)
        _drop_replaced(layer, change, takes_effect_at)
        if layer.begins_at() < takes_effect_at:
            layer = _change_begun(layer, change, takes_effect_at)
        else:
            _edit(layer, change, at)
        announce(layer.schedule, at=at)
    return layer


def _change_begun(layer: Layer, change: LayerChange, takes_effect_at: datetime) -> Layer:
    if not change.needs_successor:
        _set(layer, change.values)
        if change.participants is not None:
            list_participants(layer, change.participants, at=takes_effect_at)
        return layer
    predecessor, since = layer, takes_effect_at
    layer = succeed(predecessor, change.values, change.windows, at=since)
    if change.renumbers(predecessor):
        continue_order(predecessor, layer, at=since)
    elif change.retimes:
        since = handover_at(predecessor, layer, at=takes_effect_at)
    if change.participants is not None:
        if since > takes_effect_at:
            list_participants(predecessor, change.participants, at=takes_effect_at)
        list_participants(layer, change.participants, at=since)
    return layer


def _edit(layer: Layer, change: LayerChange, at: datetime) -> None:
    """Edit a layer that has not begun, and see that it does not begin in the past by that."""
    predecessor = predecessor_of(layer)
    _set(layer, change.values, save=False)
    if layer.begins_at() < at:
        layer.effective_from = at
    _refuse_empty_span(layer)
    layer.save()
    if change.windows is not None:
        _replace_windows(layer, change.windows)
    if predecessor and (change.retimes or change.renumbers(layer)):
        continue_order(predecessor, layer, at=layer.begins_at())
    if change.participants is not None:
        # A successor goes on from its predecessor's order, which its first version keeps.
        since = layer.begins_at() if predecessor else None
        list_participants(layer, change.participants, at=since)


def predecessor_of(layer: Layer) -> Layer | None:
    """The layer from which this one takes over, if it does."""
    if layer.effective_from is None:
        return None
    ended = Layer.objects.filter(lineage=layer.lineage, effective_until=layer.effective_from)
    return ended.exclude(pk=layer.pk).select_related("schedule").first()


def _set(layer: Layer, values: dict[str, Any], *, save: bool = True) -> None:
    for name, value in values.items():
        setattr(layer, name, value)
    if save:
        _refuse_empty_span(layer)
        layer.save()


def _replace_windows(layer: Layer, windows: Sequence[LayerWindow]) -> None:
    layer.windows.all().delete()
    for window in windows:
        window.pk, window.layer = None, layer
    LayerWindow.objects.bulk_create(windows)


def _check(layer: Layer, change: LayerChange, takes_effect_at: datetime, at: datetime) -> None:
    if takes_effect_at < at - ENTRY_GRACE:
        raise _refused("invalid", "takes_effect_at", _PASSED)
    if layer.effective_until and layer.effective_until <= takes_effect_at:
        raise DomainError(
            "layer_ended",
            f"{layer} ends before the change would take effect. Add a new layer instead.",
            {"takes_effect_at": ["The layer has ended by then."]},
        )
    if change.participants is not None:
        listed = layer.participants.exclude(person=None).values_list("person_id", flat=True)
        check_turns(change.participants, listed_before=set(listed))
    if change.windows is not None:
        check_windows(change.windows)
    if "effective_from" in change.values:
        _check_beginning(layer, change.values["effective_from"], at)
    until = change.values.get("effective_until")
    _refuse_past_end(until, at)
    if until and change.needs_successor and until <= takes_effect_at:
        sentence = "The layer must end after the change takes effect."
        raise _refused("invalid", "effective_until", sentence)


def _check_beginning(layer: Layer, begins: datetime | None, at: datetime) -> None:
    if layer.begins_at() < at:
        sentence = "This layer has begun. Who was on call then stays as it was."
        raise _refused("begun", "effective_from", sentence)
    if predecessor_of(layer):
        sentence = "It takes over from another layer then. Withdraw the planned change instead."
        raise _refused("takes_over", "effective_from", sentence)
    if begins and begins < at - ENTRY_GRACE:
        raise _refused("invalid", "effective_from", _PASSED)


def replaced_by(
    layer: Layer, change: LayerChange, *, takes_effect_at: datetime
) -> list[PlannedChange]:
    """The changes planned for later that cannot stay with this one, soonest first."""
    # A layer to come takes its changes from its own beginning.
    since = max(takes_effect_at, layer.begins_at())
    moves = change.needs_successor or "effective_until" in change.values
    return [
        each
        for each in planned_changes([layer], since)
        if change.participants is not None or (each.is_successor and moves)
    ]


def _drop_replaced(layer: Layer, change: LayerChange, takes_effect_at: datetime) -> None:
    replaced = replaced_by(layer, change, takes_effect_at=takes_effect_at)
    if not replaced:
        return
    if not change.replaces_planned:
        raise DomainError(
            "changes_planned",
            f"A later change of {layer} is planned, from {replaced[0].takes_effect_at:%-d %B %Y} "
            "on. Withdraw it first, or say that this change replaces it.",
        )
    drop_planned(layer, after=max(takes_effect_at, layer.begins_at()))


def _refuse_past_end(until: datetime | None, at: datetime) -> None:
    if until and until < at - ENTRY_GRACE:
        raise _refused("invalid", "effective_until", _PASSED)


def _refuse_empty_span(layer: Layer) -> None:
    if layer.effective_until and layer.effective_until <= layer.begins_at():
        sentence = "A layer must end after it begins."
        raise _refused("invalid", "effective_until", sentence)


_PASSED = "This has passed. Who was on call then stays as it was."


def _refused(code: str, name: str, sentence: str) -> DomainError:
    return DomainError(code, sentence, {name: [sentence]})
