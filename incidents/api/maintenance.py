"""Maintenance windows: planned, changed, ended early, called off."""

from typing import Any

import django_filters
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from incidents import maintenance
from incidents.models import MaintenanceWindow, Service
from roster.api.authentication import actor_of
from roster.api.filters import BooleanFilter, SlugFilter
from roster.api.idempotency import IdempotentPosts
from roster.api.serializers import CheckedSerializer, StrictSerializer

NEXT_SHOWN = 5


class OccurrenceSerializer(serializers.Serializer[object]):
    """One time that it is on."""

    starts_at = serializers.DateTimeField(source="0")
    ends_at = serializers.DateTimeField(source="1")


class MaintenanceSerializer(CheckedSerializer[MaintenanceWindow]):
    """A window; `starts_at` to `ends_at` is the first time, `next` what is on or to come.

    One that repeats does so at the same clock time of `time_zone`.
    """

    key = serializers.CharField(source="pk", read_only=True)
    services = serializers.SlugRelatedField(
        slug_field="slug", queryset=Service.objects.all(), many=True, allow_empty=False
    )
    labels = serializers.DictField(child=serializers.CharField(max_length=1_000), required=False)
    weekdays = serializers.ListField(
        child=serializers.IntegerField(min_value=0, max_value=6), required=False
    )
    state = serializers.SerializerMethodField()
    next = serializers.SerializerMethodField()

    class Meta:
        model = MaintenanceWindow
        fields = [
            "key", "name", "reason", "services", "labels", "mode", "starts_at", "ends_at",
            "time_zone", "repeats", "weekdays", "repeats_until", "state", "next",
            "created_by_name", "created_at", "ended_at", "ended_by_name",
        ]  # fmt: skip
        read_only_fields = ["created_by_name", "created_at", "ended_at", "ended_by_name"]

    @extend_schema_field(serializers.ChoiceField(choices=["on", "planned", "over"]))
    def get_state(self, window: MaintenanceWindow) -> str:
        now = timezone.now()
        span = next(maintenance.spans(window, now), None)
        if span is None:
            return "over"
        return "on" if span[0] <= now else "planned"

    @extend_schema_field(OccurrenceSerializer(many=True))
    def get_next(self, window: MaintenanceWindow) -> list[dict[str, object]]:
        found = maintenance.upcoming(window, timezone.now(), NEXT_SHOWN)
        return [{"starts_at": starts_at, "ends_at": ends_at} for starts_at, ends_at in found]

    def create(self, validated_data: dict[str, Any]) -> MaintenanceWindow:
        by, now = actor_of(self.context["request"]), timezone.now()
        given = validated_data | {"created_by_name": by.name, "created_at": now}
        with transaction.atomic():
            return super().create(given)

    def update(
        self, instance: MaintenanceWindow, validated_data: dict[str, Any]
    ) -> MaintenanceWindow:
        """Change it; what waited for its end is looked at again."""
        with maintenance.replanning(instance, timezone.now()):
            return super().update(instance, validated_data)


class MaintenanceFilter(django_filters.FilterSet):
    """`?service=checkout&over=false`."""

    service = SlugFilter(field_name="services", queryset=Service.objects.all())
    over = BooleanFilter(method="filter_over", label="Nothing of it is to come")

    class Meta:
        model = MaintenanceWindow
        fields: list[str] = []

    def filter_over(
        self, windows: QuerySet[MaintenanceWindow], name: str, value: bool
    ) -> QuerySet[MaintenanceWindow]:
        """By what the database knows: one that repeats until a day counts as not over."""
        left = MaintenanceWindow.objects.not_over(timezone.now())
        return windows.exclude(pk__in=left) if value else windows.filter(pk__in=left)


class MaintenanceViewSet(
    IdempotentPosts,
    mixins.CreateModelMixin,
    mixins.UpdateModelMixin,
    mixins.RetrieveModelMixin,
    mixins.ListModelMixin,
    viewsets.GenericViewSet[MaintenanceWindow],
):
    """When work is planned, and alerts are expected."""

    queryset = MaintenanceWindow.objects.prefetch_related("services")
    serializer_class = MaintenanceSerializer
    filterset_class = MaintenanceFilter
    lookup_field = "pk"
    lookup_url_kwarg = "key"
    lookup_value_regex = r"[0-9]{1,18}"
    http_method_names = ["get", "head", "options", "post", "patch"]

    @extend_schema(request=StrictSerializer, responses=MaintenanceSerializer)
    @action(methods=["post"], detail=True, filterset_class=None)
    def end(self, request: Request, key: str) -> Response:
        """End what is on now; one that repeats comes back as planned."""
        return self._changed(maintenance.end_now)

    @extend_schema(request=StrictSerializer, responses=MaintenanceSerializer)
    @action(methods=["post"], detail=True, filterset_class=None)
    def cancel(self, request: Request, key: str) -> Response:
        """Call it off for good."""
        return self._changed(maintenance.cancel)

    def check_permissions(self, request: Request) -> None:
        """Ending one changes it, which is another right than planning one."""
        if self.action not in ("end", "cancel"):
            super().check_permissions(request)
        elif not request.user.is_authenticated:
            self.permission_denied(request)
        elif not request.user.has_perm("incidents.change_maintenancewindow"):
            raise PermissionDenied

    def _changed(self, change: Any) -> Response:  # end_now or cancel
        window = self.get_object()
        change(window, by=actor_of(self.request), at=timezone.now())
        return Response(self.get_serializer(self.get_object()).data)
