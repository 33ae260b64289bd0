"""People, teams, schedules and policies as the API shows them: by slug, never by key."""

from rest_framework import serializers

from roster.models import (
    EscalationPolicy,
    EscalationStep,
    EscalationTarget,
    Layer,
    LayerWindow,
    Override,
    Participant,
    Person,
    Schedule,
    Team,
)


class PersonSerializer(serializers.ModelSerializer[Person]):
    """A person; how to reach them is shown only to those who may see contact methods."""

    teams = serializers.SlugRelatedField(
        slug_field="slug", queryset=Team.objects.all(), many=True, required=False
    )

    class Meta:
        model = Person
        fields = [
            "slug", "name", "title", "email", "phone", "time_zone", "country", "teams", "is_active",
        ]  # fmt: skip

    CONTACT_FIELDS = ("email", "phone")

    def to_representation(self, instance: Person) -> dict[str, object]:
        """Leave contact details out where the reader may not see them."""
        shown = super().to_representation(instance)
        user = self.context["request"].user
        if instance.user_id != user.pk and not user.has_perm("roster.view_contactmethod"):
            for name in self.CONTACT_FIELDS:
                shown.pop(name)
        return shown


class TeamSerializer(serializers.ModelSerializer[Team]):
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


class OverrideSerializer(serializers.ModelSerializer[Override]):
    """A span in which a schedule answers differently."""

    person = serializers.SlugRelatedField(slug_field="slug", queryset=Person.objects.active())
    replaces = serializers.SlugRelatedField(
        slug_field="slug", queryset=Person.objects.all(), allow_null=True, required=False
    )

    class Meta:
        model = Override
        fields = ["kind", "person", "replaces", "starts_at", "ends_at", "reason"]

    def validate(self, attrs: dict[str, object]) -> dict[str, object]:
        """Let the model explain what does not fit together."""
        Override(**attrs).clean()
        return attrs


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
        fields = ["position", "wait_minutes", "targets"]


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
