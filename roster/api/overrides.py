"""Overrides of a schedule: entered, changed until they begin, taken back."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework import mixins, serializers, viewsets
from rest_framework.serializers import BaseSerializer

from roster.api.authentication import actor_of
from roster.api.idempotency import IdempotentPosts
from roster.api.serializers import CheckedSerializer, StrictSerializer
from roster.models import Override, OverrideShift, Person, Schedule
from roster.override_changes import change_override, enter_override, withdraw_override


class OverrideShiftSerializer(StrictSerializer, serializers.ModelSerializer[OverrideShift]):
    """One line of a list of shifts."""

    person = serializers.SlugRelatedField(slug_field="slug", queryset=Person.objects.active())

    class Meta:
        model = OverrideShift
        fields = ["person", "starts_at", "ends_at"]


class OverrideSerializer(CheckedSerializer[Override]):
    """A span in which a schedule answers differently; `key` is what shifts name as their source."""

    key = serializers.CharField(source="pk", read_only=True)
    person = serializers.SlugRelatedField(
        slug_field="slug", queryset=Person.objects.active(), allow_null=True, required=False
    )
    replaces = serializers.SlugRelatedField(
        slug_field="slug", queryset=Person.objects.all(), allow_null=True, required=False
    )
    shifts = OverrideShiftSerializer(many=True, required=False)

    class Meta:
        model = Override
        fields = ["key", "kind", "person", "replaces", "starts_at", "ends_at", "reason", "shifts"]

    def create(self, validated_data: dict[str, Any]) -> Override:
        """Enter it, and tell whose shifts change."""
        lines = validated_data.pop("shifts", [])
        override = Override(schedule=self.context["schedule"], **validated_data)
        enter_override(override, _shifts(lines), by=self._actor(), at=timezone.now())
        return override

    def update(self, instance: Override, validated_data: dict[str, Any]) -> Override:
        """Change it as far as it has not begun."""
        lines = validated_data.pop("shifts", None)
        for name, value in validated_data.items():
            setattr(instance, name, value)
        shifts = None if lines is None else _shifts(lines)
        change_override(instance, shifts, by=self._actor(), at=timezone.now())
        return Override.objects.get(pk=instance.pk)

    def _actor(self) -> Any:  # an Actor
        return actor_of(self.context["request"])


def _shifts(lines: list[dict[str, Any]]) -> list[OverrideShift]:
    return [OverrideShift(**line) for line in lines]


class OfScheduleMixin(IdempotentPosts):
    """For rows below `/schedules/<slug>/`: the schedule is there, or the answer is 404."""

    def schedule(self) -> Schedule:
        return get_object_or_404(Schedule, slug=self.kwargs["schedule"])

    def get_serializer_context(self) -> dict[str, Any]:  # as DRF's
        """Hand the schedule to the serializer, except where only the schema is made."""
        context: dict[str, Any] = super().get_serializer_context()  # type: ignore[misc]  # a mixin
        if "schedule" in self.kwargs:
            context["schedule"] = self.schedule()
        return context


class OverrideViewSet(
    OfScheduleMixin,
    mixins.CreateModelMixin,
    mixins.RetrieveModelMixin,
    mixins.UpdateModelMixin,
    mixins.DestroyModelMixin,
    mixins.ListModelMixin,
    viewsets.GenericViewSet[Override],
):
    """The overrides of one schedule, newest first; those of swaps and calendars only to read."""

    queryset = Override.objects.select_related("person", "replaces", "schedule")
    serializer_class: type[BaseSerializer[Override]] = OverrideSerializer
    lookup_field = "pk"
    lookup_url_kwarg = "key"
    lookup_value_regex = r"[0-9]{1,18}"
    http_method_names = ["get", "head", "options", "post", "patch", "delete"]

    def get_queryset(self) -> QuerySet[Override]:
        """Only those of the schedule in the address."""
        rows = super().get_queryset().prefetch_related("shifts__person")
        if "schedule" not in self.kwargs:  # the schema is made
            return rows.none()
        return rows.filter(schedule=self.schedule())

    def perform_destroy(self, instance: Override) -> None:
        """Take it back, or end it now: what it has answered stays."""
        withdraw_override(instance, by=actor_of(self.request), at=timezone.now())
