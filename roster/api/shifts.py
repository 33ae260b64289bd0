"""The final shifts of one schedule in a period, as the calendar shows them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from roster import oncall, rotation
from roster.api.moments import moment_asked
from roster.models import Schedule

LONGEST = timedelta(days=366)

PERIOD = [
    OpenApiParameter("from", OpenApiTypes.DATETIME, required=True, description="With offset."),
    OpenApiParameter(
        "to", OpenApiTypes.DATETIME, required=True, description="With offset; at most a year on."
    ),
]


class ShiftSourceSerializer(serializers.Serializer[Any]):
    """A turn of a layer, known by the layer's key, or an override, known by its own."""

    layer = serializers.CharField(required=False)
    layer_key = serializers.CharField(required=False)
    turn = serializers.IntegerField(required=False)
    override = serializers.CharField(required=False)


class ScheduleShiftSerializer(serializers.Serializer[Any]):
    """One person on call, and why."""

    person = serializers.SlugField()
    name = serializers.CharField()
    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    source = ShiftSourceSerializer()  # type: ignore[assignment]  # taken off by DRF


class GapSerializer(serializers.Serializer[Any]):
    """Nobody is on call."""

    start = serializers.DateTimeField()
    end = serializers.DateTimeField()


class ScheduleShiftsSerializer(serializers.Serializer[Any]):
    """What the rotation, its overrides and its swaps come to."""

    shifts = ScheduleShiftSerializer(many=True)
    gaps = GapSerializer(many=True)


def period_asked(request: Request) -> tuple[datetime, datetime]:
    """`?from=&to=` in UTC. Raises ValidationError on the name at fault."""
    for name in ("from", "to"):
        if not request.query_params.get(name):
            raise ValidationError({name: ["This field is required."]})
    start, end = moment_asked(request, "from"), moment_asked(request, "to")
    if end <= start:
        raise ValidationError({"to": ["The end must be after the start."]})
    if end - start > LONGEST:
        raise ValidationError({"to": ["Ask for a year at the most."]})
    return start, end


def shifts_as_json(
    schedule: Schedule, start: datetime, end: datetime, *, now: datetime
) -> dict[str, Any]:  # JSON
    """Somebody inactive answers no page: their shifts to come are gaps. Five queries at the most.

    Times are in the schedule's zone.
    """
    found = [
        each
        for each in oncall.shifts_between(schedule, start, end)
        if each.person.is_active or each.shift.end.astimezone(UTC) <= now
    ]
    gaps = rotation.gaps([each.shift for each in found], start, end)
    return {
        "shifts": [
            {
                "person": each.person.slug,
                "name": each.person.name,
                "start": each.shift.start,
                "end": each.shift.end,
                "source": _source(each.shift.source),
            }
            for each in found
        ],
        "gaps": [{"start": begins, "end": ends} for begins, ends in gaps],
    }


def _source(source: rotation.Source) -> dict[str, str | int | None]:
    if source.override is not None:
        return {"override": source.override}
    return {"layer": source.layer, "layer_key": source.layer_key, "turn": source.turn}
