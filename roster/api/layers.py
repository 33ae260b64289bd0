"""The layers of a schedule: read as they are in force, changed from a moment on."""

import copy
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import Prefetch, Q, QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from roster.api.authentication import actor_of
from roster.api.overrides import OfScheduleMixin
from roster.api.serializers import StrictSerializer
from roster.layer_changes import LayerChange, add_layer, change_layer
from roster.layer_checks import Turn, default_turns
from roster.layer_plans import planned_changes, withdraw_planned
from roster.layer_succession import progress_of
from roster.models import Layer, LayerWindow, Participant, Person
from roster.models.schedules import ENTRY_GRACE
from roster.shift_changes import told

NEXT_HANDOFF = "next_handoff"


@extend_schema_field(
    {
        "type": "array",
        "items": {
            "oneOf": [
                {"type": "string"},
                {"type": "array", "items": {"type": "string"}},
                {"type": "null"},
            ]
        },
        "description": "By turn: a slug, a list of slugs on call together, or null for nobody.",
    }
)
class ParticipantsField(serializers.Field[Any, Any, Any, Any]):
    """The order of a layer, as the preview call has it."""

    def get_attribute(self, instance: Layer) -> Layer:
        """The order is worked out from the layer's versions."""
        return instance

    def to_representation(self, value: Layer) -> list[str | list[str] | None]:
        """Show the order in force now; of a layer to come, its first."""
        turns: dict[int, list[str]] = {}
        for row in value.order_at(timezone.now()):
            turns.setdefault(row.position, []).extend([row.person.slug] if row.person else [])
        return [crew if len(crew) > 1 else next(iter(crew), None) for crew in turns.values()]

    def to_internal_value(self, data: Any) -> list[Turn]:  # any JSON
        """Read turns; raise ValidationError for what is no order, and for unknown people."""
        if not isinstance(data, list):
            raise ValidationError("Give a list of slugs, of lists of them, or of null.")
        crews = [each if isinstance(each, list) else [each] for each in data]
        slugs = {slug for crew in crews for slug in crew if slug is not None}
        if not all(isinstance(slug, str) for slug in slugs) or [] in crews:
            raise ValidationError("Give a slug, a list of slugs, or null for each turn.")
        people = {person.slug: person for person in Person.objects.filter(slug__in=slugs)}
        if missing := sorted(slugs - people.keys()):
            raise ValidationError(f"There is no person “{missing[0]}”.")
        return [
            (position, people.get(slug))
            for position, crew in enumerate(crews, start=1)
            for slug in crew
        ]


@extend_schema_field({"type": "string", "description": "A moment with offset, or next_handoff."})
class EffectField(serializers.DateTimeField):
    """From when on a change counts."""

    def to_internal_value(self, value: Any) -> Any:  # a moment, or the word
        return value if value == NEXT_HANDOFF else super().to_internal_value(value)


class WindowSerializer(StrictSerializer, serializers.ModelSerializer[LayerWindow]):
    """A span of the week in which a layer counts; weekdays from 0, Monday."""

    class Meta:
        model = LayerWindow
        fields = ["opens_on", "opens_at", "closes_on", "closes_at"]


class PlannedSerializer(StrictSerializer):
    """A change to come: from when on, and who then takes turns, by name."""

    takes_effect_at = serializers.DateTimeField()
    order = serializers.ListField(
        child=serializers.ListField(child=serializers.CharField()), read_only=True
    )


class LayerEditSerializer(StrictSerializer, serializers.ModelSerializer[Layer]):
    """A rotation. `key` stays the same through every change of it.

    A change counts from `takes_effect_at` on (now without it); one that later changes are planned
    after needs `replace_planned`.
    """

    key = serializers.UUIDField(source="lineage", read_only=True)
    participants = ParticipantsField(required=True)
    windows = WindowSerializer(many=True, required=False)
    takes_effect_at = EffectField(write_only=True, required=False)
    replace_planned = serializers.BooleanField(write_only=True, required=False, default=False)

    class Meta:
        model = Layer
        fields = [
            "key", "name", "position", "starts_on", "handoff_time", "length", "unit", "time_zone",
            "turns", "effective_from", "effective_until", "windows", "participants",
            "takes_effect_at", "replace_planned",
        ]  # fmt: skip

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Raise what the model says of the row as it would become."""
        row = copy.copy(self.instance) if isinstance(self.instance, Layer) else Layer()
        row.schedule = self.context["schedule"]
        columns = {field.name for field in Layer._meta.concrete_fields}
        for name in attrs.keys() & columns:
            setattr(row, name, attrs[name])
        row.full_clean(exclude=columns - self.fields.keys(), validate_unique=False)
        if self.instance is None and "takes_effect_at" in attrs:
            said = "A new layer counts from effective_from on, or from its first handoff."
            raise ValidationError({"takes_effect_at": [said]})
        return attrs


class LayerViewSet(
    OfScheduleMixin,
    mixins.RetrieveModelMixin,
    mixins.ListModelMixin,
    viewsets.GenericViewSet[Layer],
):
    """The layers of one schedule, in force and to come; with a key, the one in force."""

    queryset = Layer.objects.select_related("schedule")
    serializer_class: type[BaseSerializer[Layer]] = LayerEditSerializer
    lookup_field = "lineage"
    lookup_url_kwarg = "key"
    lookup_value_regex = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    http_method_names = ["get", "head", "options", "post", "patch"]

    def get_queryset(self) -> QuerySet[Layer]:
        """Leave out what is over: the past is read as shifts."""
        people = Prefetch("participants", Participant.objects.select_related("person"))
        rows = super().get_queryset().prefetch_related(people, "windows")
        if "schedule" not in self.kwargs:  # the schema is made
            return rows.none()
        unended = Q(effective_until=None) | Q(effective_until__gt=timezone.now())
        return rows.filter(unended, schedule=self.schedule())

    def get_object(self) -> Layer:
        """Of a layer and its planned successors, the one in force, or the first to come."""
        return self._in_force(timezone.now())

    @extend_schema(request=LayerEditSerializer, responses={201: LayerEditSerializer})
    def create(self, request: Request, schedule: str) -> Response:
        """Add a layer, and tell whose shifts change."""
        serializer = LayerEditSerializer(data=request.data, context=self.get_serializer_context())
        serializer.is_valid(raise_exception=True)
        values, at, by = dict(serializer.validated_data), timezone.now(), actor_of(request)
        participants, windows = values.pop("participants"), values.pop("windows", [])
        values.pop("replace_planned", None)
        values.setdefault("turns", default_turns(values.get("unit", ""), _windows(windows)))
        layer = Layer(schedule=self.schedule(), **values)
        since = max(at, layer.begins_at())
        with told(layer.schedule, at=at, by=by.person, by_name=by.name, since=since):
            add_layer(layer, participants, _windows(windows), at=at)
        return self._shown(layer, status=201)

    @extend_schema(request=LayerEditSerializer(partial=True), responses=LayerEditSerializer)
    def partial_update(self, request: Request, schedule: str, key: str) -> Response:
        """Change a layer from a moment on, and tell whose shifts change."""
        at, by = timezone.now(), actor_of(request)
        effect = _effect_asked(request.data)
        layer = self._in_force(effect or at)
        serializer = LayerEditSerializer(
            layer, data=request.data, partial=True, context=self.get_serializer_context()
        )
        serializer.is_valid(raise_exception=True)
        asked = dict(serializer.validated_data)
        moment = self._takes_effect_at(layer, asked.pop("takes_effect_at", None), at)
        change = _change(layer, asked)
        since = max(moment, at)
        with told(layer.schedule, at=at, by=by.person, by_name=by.name, since=since):
            layer = change_layer(layer, change, takes_effect_at=moment, at=at)
        return self._shown(layer)

    @extend_schema(responses=PlannedSerializer(many=True))
    @action(methods=["get"], detail=True, pagination_class=None)
    def planned(self, request: Request, schedule: str, key: str) -> Response:
        """The changes that have yet to take effect, soonest first."""
        changes = planned_changes([self.get_object()], timezone.now())
        rows = [{"takes_effect_at": each.takes_effect_at, "order": each.order} for each in changes]
        return Response(PlannedSerializer(rows, many=True).data)

    @extend_schema(request=PlannedSerializer, responses=LayerEditSerializer)
    @action(methods=["post"], detail=True)
    def withdraw(self, request: Request, schedule: str, key: str) -> Response:
        """Take back what is planned for a moment."""
        if not request.user.has_perm("roster.change_layer"):
            self.permission_denied(request)
        serializer = PlannedSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        moment: datetime = serializer.validated_data["takes_effect_at"]
        layer, at, by = self.get_object(), timezone.now(), actor_of(request)
        since = max(moment, at)
        with told(layer.schedule, at=at, by=by.person, by_name=by.name, since=since):
            withdraw_planned(layer, takes_effect_at=moment, at=at)
        return self._shown(self.get_object())

    def _in_force(self, at: datetime) -> Layer:
        rows = list(self.get_queryset().filter(lineage=self.kwargs["key"]))
        rows.sort(key=lambda row: row.begins_at())
        begun = [row for row in rows if row.begins_at() <= at]
        if not rows:
            raise NotFound
        layer = begun[-1] if begun else rows[0]
        self.check_object_permissions(self.request, layer)
        return layer

    def _takes_effect_at(
        self, layer: Layer, asked: datetime | str | None, at: datetime
    ) -> datetime:
        if isinstance(asked, datetime):
            # Nearly now, by the clock of another machine, is now.
            return at if asked < at and _is_near(asked, at) else asked
        if asked == NEXT_HANDOFF and layer.begins_at() <= at:
            return progress_of(layer, at).next_handoff(at)
        return at

    def _shown(self, layer: Layer, status: int = 200) -> Response:
        layer = Layer.objects.select_related("schedule").get(pk=layer.pk)
        serializer = LayerEditSerializer(layer, context=self.get_serializer_context())
        return Response(serializer.data, status=status)


def _is_near(moment: datetime, at: datetime) -> bool:
    return at - moment <= ENTRY_GRACE


def _effect_asked(data: Any) -> datetime | None:  # any JSON
    """The moment in a body that is yet to be checked; None for none and for nonsense."""
    asked = data.get("takes_effect_at") if isinstance(data, dict) else None
    try:
        moment = datetime.fromisoformat(asked) if isinstance(asked, str) else None
    except ValueError:
        return None
    return moment if moment and moment.tzinfo else None


def _change(layer: Layer, asked: dict[str, Any]) -> LayerChange:
    """Only what differs: the same values again must not end a layer."""
    replaces_planned = asked.pop("replace_planned", False)
    participants, windows = asked.pop("participants", None), asked.pop("windows", None)
    if participants is not None and participants == _turns(layer):
        participants = None
    lines = None if windows is None else _windows(windows)
    if lines is not None and _spans(lines) == _spans(layer.windows.all()):
        lines = None
    return LayerChange(
        values={name: value for name, value in asked.items() if value != getattr(layer, name)},
        participants=participants,
        windows=lines,
        replaces_planned=replaces_planned,
    )


def _turns(layer: Layer) -> list[Turn]:
    rows = layer.order_at(timezone.now())
    positions = dict.fromkeys(row.position for row in rows)
    places = {position: number for number, position in enumerate(positions, start=1)}
    return [(places[row.position], row.person) for row in rows]


def _windows(lines: list[dict[str, Any]]) -> list[LayerWindow]:
    return [LayerWindow(**line) for line in lines]


def _spans(windows: Sequence[LayerWindow] | QuerySet[LayerWindow]) -> list[tuple[Any, ...]]:
    return sorted((w.opens_on, w.opens_at, w.closes_on, w.closes_at) for w in windows)
