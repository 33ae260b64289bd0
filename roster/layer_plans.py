"""Changes of layers that are entered and have yet to take effect."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Prefetch

from roster.errors import DomainError
from roster.models import Layer, Participant, Schedule
from roster.swaps import follow_edits
from roster.watch import prove_soon


@dataclass(frozen=True)
class PlannedChange:
    """From a moment on, `layer` has this order; if `is_successor`, its other rules begin then too.

    `order` names the people turn by turn; an empty turn is a free one.
    """

    layer: Layer
    takes_effect_at: datetime
    order: list[list[str]]
    is_successor: bool


def planned_changes(layers: Iterable[Layer], at: datetime) -> list[PlannedChange]:
    """What takes effect after a moment in the lineages of these layers, soonest first. Two queries.

    The beginning of a layer that takes over from none is no change.
    """
    lineages = {layer.lineage for layer in layers}
    rows = list(
        Layer.objects.filter(lineage__in=lineages)
        .select_related("schedule")
        .order_by("pk")
        .prefetch_related(
            Prefetch("participants", Participant.objects.select_related("person").order_by("pk"))
        )
    )
    ends = {(row.lineage, row.effective_until) for row in rows if row.effective_until}
    found = [change for row in rows for change in _changes_of(row, ends, at)]
    return sorted(found, key=lambda change: change.takes_effect_at)


def _changes_of(
    row: Layer, ends: set[tuple[UUID, datetime]], at: datetime
) -> Iterable[PlannedChange]:
    begins, until = row.effective_from, row.effective_until
    takes_over = begins is not None and (row.lineage, begins) in ends
    moments = {each.effective_at for each in row.participants.all() if each.effective_at}
    if begins and takes_over:
        moments = {each for each in moments if each > begins} | {begins}
    for moment in moments:
        is_successor = takes_over and moment == begins
        counts = moment >= row.begins_at() and (until is None or moment < until)
        if moment > at and counts:
            yield PlannedChange(row, moment, order_in_words(row, moment), is_successor)


def order_in_words(layer: Layer, at: datetime) -> list[list[str]]:
    """The people of each turn at a moment, by name; no query if they are prefetched."""
    turns: dict[int, list[str]] = {}
    for row in layer.order_at(at):
        turns.setdefault(row.position, []).extend([row.person.name] if row.person else [])
    return list(turns.values())


def withdraw_planned(layer: Layer, *, takes_effect_at: datetime, at: datetime) -> None:
    """Take back what is planned for a layer at a moment; what is planned for later stays.

    Raises DomainError once it has taken effect.
    """
    if takes_effect_at <= at:
        raise DomainError(
            "in_effect", "This change has taken effect, and stays on record. Enter a new one."
        )
    with transaction.atomic():
        Schedule.objects.select_for_update().get(pk=layer.schedule_id)
        planned = planned_changes([layer], at)
        if not any(each.takes_effect_at == takes_effect_at for each in planned):
            raise DomainError("not_planned", "This change was withdrawn meanwhile.")
        _drop(layer, [each for each in planned if each.takes_effect_at == takes_effect_at])
        announce(layer.schedule, at=at)


def announce(schedule: Schedule, *, at: datetime) -> None:
    """After an edit of a rotation: its swaps follow their shifts, and its coverage is proven."""
    follow_edits(schedule, at=at)
    prove_soon([schedule.pk], at=at)


def drop_planned(layer: Layer, *, after: datetime) -> None:
    """Remove every change planned later than a moment; the rows must be locked by the caller."""
    _drop(layer, planned_changes([layer], after))
    layer.refresh_from_db(fields=["effective_until"])


def _drop(layer: Layer, planned: list[PlannedChange]) -> None:
    for change in reversed(planned):
        row = change.layer
        if not change.is_successor:
            row.participants.filter(effective_at=change.takes_effect_at).delete()
            continue
        before = Layer.objects.get(lineage=row.lineage, effective_until=change.takes_effect_at)
        until = Layer.objects.values_list("effective_until", flat=True).get(pk=row.pk)
        # The one before goes on, with what was planned for the one that goes.
        before.participants.filter(effective_at__gte=change.takes_effect_at).delete()
        row.participants.filter(effective_at__gt=change.takes_effect_at).update(layer=before)
        row.delete()
        before.effective_until = until
        before.save()
