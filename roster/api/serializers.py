"""People, teams, schedules and policies as the API shows them: by slug, never by key."""

import copy
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from django.db import models
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied, ValidationError

from roster.models import (
    EscalationPolicy,
    EscalationStep,
    EscalationTarget,
    Layer,
    LayerWindow,
    Participant,
    Person,
    Schedule,
    Team,
)


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses by name what it does not know, where DRF would leave it out without a word."""

    def to_internal_value(self, data: Any) -> Any:
        """Raise ValidationError on each unknown field."""
        if isinstance(data, Mapping):
            unknown = [str(name) for name in data if name not in self.fields]
            if unknown:
                raise ValidationError({name: [self._hint(name)] for name in unknown})
        return super().to_internal_value(data)

    def _hint(self, name: str) -> str:
        writable = [str(known) for known, field in self.fields.items() if not field.read_only]
        near = get_close_matches(name, writable, n=1)
        hint = f"Did you mean “{near[0]}”?" if near else f"Known are {', '.join(writable)}."
        return f"There is no such field. {hint}"


class CheckedSerializer[Row: models.Model](StrictSerializer, serializers.ModelSerializer[Row]):
    """A row that the model itself checks before it is saved, as the admin's forms have it do."""

    def validate(self, attrs: dict[str, object]) -> dict[str, object]:
        """Raise what `clean` and the constraints say of the row as it would become."""
        model: type[models.Model] = self.Meta.model
        row = copy.copy(self.instance) if isinstance(self.instance, model) else model()
        columns = {field.name for field in model._meta.concrete_fields}
        for name in attrs.keys() & columns:
            setattr(row, name, attrs[name])
        row.full_clean(exclude=columns - self.fields.keys(), validate_unique=False)
        return attrs


class PersonSerializer(CheckedSerializer[Person]):
    """A person; only those who may see contact methods read or change how to reach them."""

    teams = serializers.SlugRelatedField(
        slug_field="slug", queryset=Team.objects.all(), many=True, required=False
    )

    class Meta:
        model = Person
        fields = [
            "slug", "name", "title", "email", "phone", "time_zone", "country", "work_from",
            "work_until", "work_days", "teams", "is_active",
        ]  # fmt: skip

    CONTACT_FIELDS = frozenset({"email", "phone"})

    def to_representation(self, instance: Person) -> dict[str, object]:
        """Leave contact details out where the reader may not see them."""
        shown = super().to_representation(instance)
        if not self._may_see_contacts(instance):
            for name in self.CONTACT_FIELDS:
                shown.pop(name)
        return shown

    def validate(self, attrs: dict[str, object]) -> dict[str, object]:
        """Refuse contact details from whoever may not see them: pages would go elsewhere."""
        if attrs.keys() & self.CONTACT_FIELDS and not self._may_see_contacts(self.instance):
            raise PermissionDenied("E-mail and phone need the right to see contact methods.")
        return super().validate(attrs)

    def _may_see_contacts(self, person: object) -> bool:
        user = self.context["request"].user
        is_own = isinstance(person, Person) and person.user_id == user.pk
        return is_own or bool(user.has_perm("roster.view_contactmethod"))


class TeamSerializer(CheckedSerializer[Team]):
    """A team with its lead and what it escalates by."""

    lead = serializers.SlugRelatedField(
        slug_field="slug", queryset=Person.objects.active(), allow_null=True, required=False
    )
    default_policy = serializers.SlugRelatedField(
        slug_field="slug",
        queryset=EscalationPolicy.objects.all(),
        allow_null=True,
        required=False,
    )

    class Meta:
        model = Team
        fields = ["slug", "name", "kind", "lead", "default_policy"]


class ParticipantSerializer(serializers.ModelSerializer[Participant]):
    """One place in a layer's order."""

    person = serializers.SlugRelatedField[Person](slug_field="slug", read_only=True)

    class Meta:
        model = Participant
        fields = ["effective_at", "position", "person"]


class LayerWindowSerializer(serializers.ModelSerializer[LayerWindow]):
    """A span of the week in which a layer counts; weekdays from 0, Monday."""

    class Meta:
        model = LayerWindow
        fields = ["opens_on", "opens_at", "closes_on", "closes_at"]


class LayerSerializer(serializers.ModelSerializer[Layer]):
    """A rotation; its first handoff is a wall-clock time in its zone."""

    participants = ParticipantSerializer(many=True, read_only=True)
    windows = LayerWindowSerializer(many=True, read_only=True)

    class Meta:
        model = Layer
        fields = [
            "name", "position", "starts_on", "handoff_time", "length", "unit", "time_zone",
            "effective_from", "effective_until", "turns", "windows", "participants",
        ]  # fmt: skip


class ScheduleSerializer(serializers.ModelSerializer[Schedule]):
    """A schedule in the list."""

    team = serializers.SlugRelatedField[Team](slug_field="slug", read_only=True)

    class Meta:
        model = Schedule
        fields = ["slug", "name", "description", "team", "time_zone", "is_active"]


class ScheduleDetailSerializer(ScheduleSerializer):
    """A schedule with what it is made of."""

    layers = LayerSerializer(many=True, read_only=True)

    class Meta(ScheduleSerializer.Meta):
        fields = [*ScheduleSerializer.Meta.fields, "layers"]


class EscalationTargetSerializer(serializers.ModelSerializer[EscalationTarget]):
    """Whom a step pages."""

    schedule = serializers.SlugRelatedField[Schedule](slug_field="slug", read_only=True)
    person = serializers.SlugRelatedField[Person](slug_field="slug", read_only=True)
    team = serializers.SlugRelatedField[Team](slug_field="slug", read_only=True)

    class Meta:
        model = EscalationTarget
        fields = ["kind", "schedule", "person", "team"]


class EscalationStepSerializer(serializers.ModelSerializer[EscalationStep]):
    """One rung of a policy."""

    targets = EscalationTargetSerializer(many=True, read_only=True)

    class Meta:
        model = EscalationStep
        fields = ["position", "wait_minutes", "condition", "all_must_acknowledge", "targets"]


class EscalationPolicySerializer(serializers.ModelSerializer[EscalationPolicy]):
    """Who is paged, in which order."""

    team = serializers.SlugRelatedField[Team](slug_field="slug", read_only=True)
    fallback_team = serializers.SlugRelatedField[Team](slug_field="slug", read_only=True)
    steps = EscalationStepSerializer(many=True, read_only=True)

    class Meta:
        model = EscalationPolicy
        fields = ["slug", "name", "team", "repeats", "fallback_team", "version", "steps"]


class OnCallSerializer(serializers.Serializer[object]):
    """One person on call for one schedule, with when the shift began and ends."""

    schedule = serializers.SlugField()
    person = serializers.SlugField()
    name = serializers.CharField()
    start = serializers.DateTimeField()
    end = serializers.DateTimeField(allow_null=True)
    layer = serializers.CharField(allow_null=True)
    override = serializers.BooleanField()
