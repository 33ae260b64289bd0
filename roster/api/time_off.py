"""Time off over the API: one's own, and everybody's for whoever may see it."""

from datetime import datetime
from typing import Any

import django_filters
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import mixins, serializers, viewsets
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import IsAuthenticated
from rest_framework.serializers import BaseSerializer

from roster import time_off
from roster.api.authentication import account_of
from roster.api.filters import SlugFilter
from roster.api.idempotency import IdempotentPosts
from roster.models import Person, TimeOff
from roster.time_off import clashes_of


class ClashSerializer(serializers.Serializer[object]):
    """An on-call shift within the time off."""

    schedule = serializers.SlugField(source="schedule.slug")
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()


class TimeOffSerializer(serializers.ModelSerializer[TimeOff]):
    """A span in which a person is away; `calendar` is the name of the one it was read from.

    Right after entering or changing it, `conflicts` lists the on-call shifts that fall into it;
    nobody is taken off call by it.
    """

    key = serializers.CharField(source="pk", read_only=True)
    person = serializers.SlugRelatedField(slug_field="slug", queryset=Person.objects.active())
    calendar = serializers.SlugRelatedField[Any](slug_field="name", read_only=True)
    conflicts = serializers.SerializerMethodField()

    class Meta:
        model = TimeOff
        fields = ["key", "person", "starts_at", "ends_at", "note", "calendar", "conflicts"]

    @extend_schema_field(ClashSerializer(many=True, allow_null=True))
    def get_conflicts(self, row: TimeOff) -> list[dict[str, object]] | None:
        """List them where one row is the answer; a list of rows has null here."""
        if isinstance(self.parent, serializers.ListSerializer):
            return None
        found = clashes_of(row.person, [row], at=timezone.now()).get(row.pk, [])
        return list(ClashSerializer(found, many=True).data)

    def validate_person(self, person: Person) -> Person:
        """Refuse another person for the same row, and others where one may enter one's own only."""
        if self.instance and person != self.instance.person:
            raise serializers.ValidationError("Withdraw it, and enter it for the other person.")
        account = self.context["request"].user
        if person.user_id != account.pk and not account.has_perm("roster.add_timeoff"):
            raise PermissionDenied
        return person

    def create(self, validated_data: dict[str, Any]) -> TimeOff:
        """Enter it; a refusal names its field."""
        return time_off.enter(
            validated_data["person"],
            validated_data["starts_at"],
            validated_data["ends_at"],
            note=validated_data.get("note", ""),
            at=timezone.now(),
        )

    def update(self, instance: TimeOff, validated_data: dict[str, Any]) -> TimeOff:
        """Move what is not over and was not read from a calendar."""
        starts_at: datetime = validated_data.get("starts_at", instance.starts_at)
        return time_off.change(
            instance,
            starts_at=starts_at,
            ends_at=validated_data.get("ends_at", instance.ends_at),
            note=validated_data.get("note", instance.note),
            at=timezone.now(),
        )


class TimeOffFilter(django_filters.FilterSet):
    """`?person=ana&from=…&to=…`: those that touch any instant in between."""

    person = SlugFilter(field_name="person", queryset=Person.objects.all())
    from_ = django_filters.IsoDateTimeFilter(field_name="ends_at", lookup_expr="gt")
    to = django_filters.IsoDateTimeFilter(field_name="starts_at", lookup_expr="lt")

    class Meta:
        model = TimeOff
        fields: list[str] = []


TimeOffFilter.base_filters["from"] = TimeOffFilter.base_filters.pop("from_")


class TimeOffViewSet(
    IdempotentPosts,
    mixins.CreateModelMixin,
    mixins.UpdateModelMixin,
    mixins.DestroyModelMixin,
    mixins.RetrieveModelMixin,
    mixins.ListModelMixin,
    viewsets.GenericViewSet[TimeOff],
):
    """When people are away. DELETE withdraws: what has begun ends now and stays on record."""

    queryset = TimeOff.objects.select_related("person", "calendar")
    serializer_class = TimeOffSerializer
    filterset_class = TimeOffFilter
    permission_classes = [IsAuthenticated]
    lookup_value_regex = r"\d{1,18}"
    http_method_names = ["get", "head", "options", "post", "patch", "delete"]

    def get_queryset(self) -> QuerySet[TimeOff]:
        """Without the right to see everybody's, one's own is all there is."""
        rows = super().get_queryset()
        if self.request.user.has_perm("roster.view_timeoff"):
            return rows
        return rows.filter(person__user=account_of(self.request).pk)

    def perform_update(self, serializer: BaseSerializer[TimeOff]) -> None:
        """Check the right to change somebody else's."""
        self._require("roster.change_timeoff", serializer.instance)
        serializer.save()

    def perform_destroy(self, instance: TimeOff) -> None:
        """Check the right to withdraw somebody else's."""
        self._require("roster.delete_timeoff", instance)
        time_off.withdraw(instance, at=timezone.now())

    def _require(self, permission: str, row: Any) -> None:  # Any: the serializer's row
        is_own = row.person.user_id == account_of(self.request).pk
        if not is_own and not self.request.user.has_perm(permission):
            self.permission_denied(self.request)
