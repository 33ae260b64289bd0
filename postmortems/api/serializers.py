"""Postmortems and action items as the API shows them."""

from rest_framework import serializers

from postmortems.models import ActionItem, Invitation, Postmortem, Section
from roster.api.serializers import CheckedSerializer
from roster.models import Person


class SectionSerializer(serializers.ModelSerializer[Section]):
    """One part of a postmortem, in Markdown."""

    class Meta:
        model = Section
        fields = ["title", "guidance", "body", "position"]


class InvitationSerializer(serializers.ModelSerializer[Invitation]):
    """Who is asked to the review, and the answer."""

    person = serializers.SlugRelatedField[Person](slug_field="slug", read_only=True)

    class Meta:
        model = Invitation
        fields = ["person", "expectation", "state", "reason"]


class PostmortemSerializer(serializers.ModelSerializer[Postmortem]):
    """A postmortem in the list."""

    incident = serializers.CharField(source="incident.reference", read_only=True)
    owner = serializers.SlugRelatedField[Person](slug_field="slug", read_only=True)

    class Meta:
        model = Postmortem
        fields = [
            "reference", "incident", "owner", "state", "due_on", "review_at", "review_minutes",
            "opened_at", "approved_at", "published_at",
        ]  # fmt: skip


class PostmortemDetailSerializer(PostmortemSerializer):
    """A postmortem with what it says and who is invited."""

    sections = SectionSerializer(many=True, read_only=True)
    invitations = InvitationSerializer(many=True, read_only=True)

    class Meta(PostmortemSerializer.Meta):
        fields = [*PostmortemSerializer.Meta.fields, "sections", "invitations"]


class ActionItemSerializer(CheckedSerializer[ActionItem]):
    """What somebody will change because of an incident."""

    incident = serializers.CharField(source="incident.reference", read_only=True)
    owner = serializers.SlugRelatedField(
        slug_field="slug",
        queryset=Person.objects.active(),
        allow_null=True,
        required=False,
    )

    class Meta:
        model = ActionItem
        fields = [
            "reference", "incident", "title", "details", "kind", "priority", "owner", "due_on",
            "ticket_url", "state", "created_at", "ended_at", "outcome",
        ]  # fmt: skip
        read_only_fields = ["state", "created_at", "ended_at", "outcome"]
