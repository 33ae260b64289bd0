"""Changing a schedule itself without changing who was on call."""

from datetime import datetime

from django.db import transaction
from django.db.models import Q

from roster.layer_changes import LayerChange, change_layer
from roster.layer_plans import announce
from roster.models import Layer, Schedule


def change_time_zone(schedule: Schedule, time_zone: str, *, at: datetime) -> None:
    """Read the schedule's handoffs in another zone from a moment on.

    Layers without a zone of their own follow: one that has begun keeps the old zone for what was,
    and a successor goes on in the new one. One that is over keeps the old zone. One that is still
    to come simply begins by the other clock, if that is not past already.
    """
    with transaction.atomic():
        stored = Schedule.objects.select_for_update().get(pk=schedule.pk)
        old = stored.time_zone
        if old == time_zone:
            return
        layers = list(Layer.objects.select_related("schedule").filter(schedule=stored))
        following = [layer for layer in layers if not layer.time_zone]
        begun = [layer for layer in following if layer.begins_at() < at]
        running = [layer for layer in begun if not _is_over(layer, at)]
        for layer in begun:
            layer.time_zone = old
            layer.save(update_fields=["time_zone"])
        Schedule.objects.filter(pk=stored.pk).update(time_zone=time_zone)
        stored.time_zone = schedule.time_zone = time_zone
        for layer in running:
            layer.schedule = stored
            change_layer(layer, LayerChange(values={"time_zone": ""}), takes_effect_at=at)
        _begin_no_earlier(stored, at)
        announce(stored, at=at)


def _is_over(layer: Layer, at: datetime) -> bool:
    return layer.effective_until is not None and layer.effective_until <= at


def _begin_no_earlier(schedule: Schedule, at: datetime) -> None:
    """See that no layer to come has, by the other clock, begun in the past."""
    to_come = Layer.objects.filter(schedule=schedule, time_zone="", effective_from=None)
    unended = Q(effective_until=None) | Q(effective_until__gt=at)
    for layer in to_come.filter(unended).select_related("schedule"):
        if layer.begins_at() < at:
            layer.effective_from = at
            layer.save(update_fields=["effective_from"])
