"""Audiences, templates and updates as the API shows them."""

from rest_framework import serializers

from comms.models import Audience, AudienceKind, Template, Update
from incidents.models import Service, Severity
from roster.api.serializers import CheckedSerializer
from roster.models import Person, Team


class AudienceSerializer(CheckedSerializer[Audience]):
    """Who is told."""

    teams = serializers.SlugRelatedField(
        slug_field="slug", queryset=Team.objects.all(), many=True, required=False
    )
    people = serializers.SlugRelatedField(
        slug_field="slug", queryset=Person.objects.active(), many=True, required=False
    )
    services = serializers.SlugRelatedField(
        slug_field="slug", queryset=Service.objects.all(), many=True, required=False
    )
    min_severity = serializers.SlugRelatedField(
        slug_field="slug", queryset=Severity.objects.all(), allow_null=True, required=False
    )

    class Meta:
        model = Audience
        fields = [
            "slug", "name", "kind", "description", "teams", "people", "addresses", "services",
            "min_severity", "told_at_declare", "requires_approval", "is_active",
        ]  # fmt: skip


class TemplateSerializer(CheckedSerializer[Template]):
    """The words a message starts from; checked when saved, with the line of each problem."""

    severity = serializers.SlugRelatedField(
        slug_field="slug", queryset=Severity.objects.all(), allow_null=True, required=False
    )

    class Meta:
        model = Template
        fields = [
            "slug", "name", "purpose", "audience_kind", "phase", "severity", "channel",
            "subject", "body", "is_active",
        ]  # fmt: skip


class UpdateSerializer(serializers.ModelSerializer[Update]):
    """What an audience was told, or will be."""

    incident = serializers.CharField(source="incident.reference", read_only=True)
    audiences = serializers.SlugRelatedField[Audience](slug_field="slug", many=True, read_only=True)

    class Meta:
        model = Update
        fields = [
            "id", "incident", "kind", "state", "subject", "body", "audiences", "author_name",
            "approved_by_name", "approved_at", "created_at", "sent_at", "next_update_due_at",
            "is_last",
        ]  # fmt: skip


class UpdateInput(serializers.Serializer[object]):
    """An update to write; sent at once unless `send` is false."""

    kind = serializers.ChoiceField(choices=AudienceKind.choices, default=AudienceKind.INTERNAL)
    subject = serializers.CharField(max_length=300)
    body = serializers.CharField(max_length=20_000)
    audiences = serializers.SlugRelatedField(
        slug_field="slug",
        queryset=Audience.objects.active(),
        many=True,
        allow_empty=False,
    )
    next_due_at = serializers.DateTimeField(allow_null=True, default=None)
    is_last = serializers.BooleanField(default=False)
    send = serializers.BooleanField(default=True)
