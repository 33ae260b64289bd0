"""Incidents and what belongs to them, by reference and slug."""

from rest_framework import serializers

from incidents.models import (
    Alert,
    Change,
    ImpactDegree,
    ImpactExtent,
    Incident,
    Integration,
    Page,
    Phase,
    Responder,
    Role,
    RoleAssignment,
    Service,
    Severity,
    TimelineEntry,
)
from incidents.vocabulary import sentence
from roster.api.serializers import CheckedSerializer
from roster.models import EscalationPolicy, Person, Schedule, Team


class ServiceSerializer(CheckedSerializer[Service]):
    """Something the organisation runs, and who answers for it."""

    owner_team = serializers.SlugRelatedField(slug_field="slug", queryset=Team.objects.all())
    policy = serializers.SlugRelatedField(
        slug_field="slug",
        queryset=EscalationPolicy.objects.all(),
        allow_null=True,
        required=False,
    )
    depends_on = serializers.SlugRelatedField(
        slug_field="slug", queryset=Service.objects.all(), many=True, required=False
    )
    schedules = serializers.SlugRelatedField(
        slug_field="slug", queryset=Schedule.objects.all(), many=True, required=False
    )

    class Meta:
        model = Service
        fields = [
            "slug", "name", "description", "owner_team", "policy", "tier", "runbook_url",
            "depends_on", "schedules", "is_public",
        ]  # fmt: skip


class SeveritySerializer(serializers.ModelSerializer[Severity]):
    """How bad, and what that demands; minutes are minutes."""

    class Meta:
        model = Severity
        fields = [
            "slug", "name", "rank", "description", "urgency", "acknowledge_within_minutes",
            "acknowledgement_expires_minutes", "request_repeat_minutes",
            "internal_update_minutes", "external_update_minutes", "is_major",
            "postmortem_required", "postmortem_due_days",
        ]  # fmt: skip


class RoleSerializer(serializers.ModelSerializer[Role]):
    """A part somebody plays in an incident."""

    required_from = serializers.SlugRelatedField[Severity](slug_field="slug", read_only=True)

    class Meta:
        model = Role
        fields = [
            "slug", "name", "aliases", "category", "purpose", "responsibilities", "checklist",
            "is_single", "required_from",
        ]  # fmt: skip


class IntegrationSerializer(serializers.ModelSerializer[Integration]):
    """A monitor that may send alerts; its key is shown once, when it is issued."""

    service = serializers.SlugRelatedField(slug_field="slug", queryset=Service.objects.all())
    key_prefix = serializers.CharField(read_only=True, help_text="How its newest key begins.")

    class Meta:
        model = Integration
        fields = ["slug", "name", "kind", "service", "key_prefix", "revoked_at", "last_event_at"]
        read_only_fields = ["revoked_at", "last_event_at"]


class AlertSerializer(serializers.ModelSerializer[Alert]):
    """One thing a monitor reports."""

    integration = serializers.SlugRelatedField[Integration](slug_field="slug", read_only=True)
    service = serializers.SlugRelatedField[Service](slug_field="slug", read_only=True)
    incident = serializers.SlugRelatedField[Incident](slug_field="reference", read_only=True)

    class Meta:
        model = Alert
        fields = [
            "id", "integration", "dedup_key", "state", "title", "description", "severity_label",
            "labels", "service", "incident", "count", "started_at", "first_seen_at",
            "last_seen_at", "resolved_at",
        ]  # fmt: skip


class ChangeSerializer(serializers.ModelSerializer[Change]):
    """Something that was changed on purpose."""

    integration = serializers.SlugRelatedField[Integration](slug_field="slug", read_only=True)
    service = serializers.SlugRelatedField[Service](slug_field="slug", read_only=True)

    class Meta:
        model = Change
        fields = [
            "id", "integration", "key", "title", "kind", "state", "environment", "source",
            "service", "actor_name", "at", "received_at", "links", "labels",
        ]  # fmt: skip


class IncidentSerializer(serializers.ModelSerializer[Incident]):
    """An incident; its phase, severity and milestones change by actions only."""

    severity = serializers.SlugRelatedField[Severity](slug_field="slug", read_only=True)
    services = serializers.SlugRelatedField[Service](slug_field="slug", read_only=True, many=True)
    manager = serializers.SerializerMethodField()

    class Meta:
        model = Incident
        fields = [
            "reference", "title", "kind", "phase", "severity", "services", "source", "manager",
            "customer_impact", "summary", "workaround", "suspected_cause", "confirmed_cause",
            "is_private", "bridge_url", "chat_url", "ticket_url", "impact_began_at",
            "detected_at", "acknowledged_at", "declared_at", "cause_found_at", "restored_at",
            "closed_at",
        ]  # fmt: skip
        read_only_fields = [
            "reference", "kind", "phase", "source", "is_private", "impact_began_at",
            "detected_at", "acknowledged_at", "declared_at", "cause_found_at", "restored_at",
            "closed_at",
        ]  # fmt: skip

    def get_manager(self, incident: Incident) -> str | None:
        """Return the incident manager's slug; assignments are prefetched by the view."""
        for assignment in incident.current_managers:  # type: ignore[attr-defined]  # prefetched under this name
            return str(assignment.person.slug)
        return None


class EntrySerializer(serializers.ModelSerializer[TimelineEntry]):
    """One line of the timeline, with its wording."""

    sentence = serializers.SerializerMethodField()
    actor = serializers.CharField(source="actor_name")

    class Meta:
        model = TimelineEntry
        fields = ["id", "at", "recorded_at", "kind", "actor", "via", "sentence", "text", "data"]

    def get_sentence(self, entry: TimelineEntry) -> str:
        """Return the entry in words."""
        return sentence(entry)


class ResponderSerializer(serializers.ModelSerializer[Responder]):
    """One engagement of one person: from request to release."""

    person = serializers.SlugRelatedField[Person](slug_field="slug", read_only=True)

    class Meta:
        model = Responder
        fields = [
            "id", "person", "purpose", "area", "message", "state", "requested_by_name",
            "requested_at", "acknowledged_at", "declined_at", "wants_to_leave_at", "ended_at",
            "released_by_name", "release_reason",
        ]  # fmt: skip


class RoleAssignmentSerializer(serializers.ModelSerializer[RoleAssignment]):
    """Who held a role, from when to when."""

    role = serializers.SlugRelatedField[Role](slug_field="slug", read_only=True)
    person = serializers.SlugRelatedField[Person](slug_field="slug", read_only=True)

    class Meta:
        model = RoleAssignment
        fields = ["role", "person", "starts_at", "ends_at", "note"]


# --- What the actions take -----------------------------------------------------------------------


class DetectionInput(serializers.Serializer[object]):
    """An incident entered by hand."""

    title = serializers.CharField(max_length=200)
    services = serializers.SlugRelatedField(
        slug_field="slug", queryset=Service.objects.all(), many=True, allow_empty=False
    )
    severity = serializers.SlugRelatedField(slug_field="slug", queryset=Severity.objects.all())
    # The stubs take it for the attribute of that name which every field has.
    source = serializers.ChoiceField(  # type: ignore[assignment]
        choices=Incident.Source.choices, default=Incident.Source.INDIVIDUAL
    )
    kind = serializers.ChoiceField(choices=Incident.Kind.choices, default=Incident.Kind.UNPLANNED)
    is_private = serializers.BooleanField(default=False)


class DeclarationInput(serializers.Serializer[object]):
    """The two questions, and a reason where the answer's severity is overruled."""

    extent = serializers.SlugRelatedField(
        slug_field="slug", queryset=ImpactExtent.objects.all(), allow_null=True, default=None
    )
    degree = serializers.SlugRelatedField(
        slug_field="slug", queryset=ImpactDegree.objects.all(), allow_null=True, default=None
    )
    severity = serializers.SlugRelatedField(
        slug_field="slug", queryset=Severity.objects.all(), allow_null=True, default=None
    )
    reason = serializers.CharField(default="", allow_blank=True)
    title = serializers.CharField(max_length=200, allow_null=True, default=None)


class AdvanceInput(serializers.Serializer[object]):
    """The next phase; a guard is overridden with a reason."""

    phase = serializers.ChoiceField(choices=Phase.choices)
    note = serializers.CharField(default="", allow_blank=True)
    override_reason = serializers.CharField(default="", allow_blank=True)


class ReopenInput(serializers.Serializer[object]):
    """Back to an earlier phase, and why."""

    phase = serializers.ChoiceField(choices=Phase.choices)
    reason = serializers.CharField()


class SummaryInput(serializers.Serializer[object]):
    """What was done, in a sentence."""

    summary = serializers.CharField()


class ClosingInput(serializers.Serializer[object]):
    """What was done, in a sentence; what is still missing is overridden with a reason."""

    summary = serializers.CharField(default="", allow_blank=True)
    override_reason = serializers.CharField(default="", allow_blank=True)


class PageSerializer(serializers.ModelSerializer[Page]):
    """Somebody who was asked whether an incident is theirs, and what they said."""

    person = serializers.SlugRelatedField[Person](slug_field="slug", read_only=True)

    class Meta:
        model = Page
        fields = [
            "id", "person", "state", "via_target", "urgency", "step_position", "pass_number",
            "must_answer", "created_at", "acknowledged_at", "ended_at",
        ]  # fmt: skip


class PageInput(serializers.Serializer[object]):
    """Which page is answered, by its `id`."""

    page = serializers.PrimaryKeyRelatedField(queryset=Page.objects.select_related("person"))


class DeclineInput(PageInput):
    """Which page is declined, and why if one likes."""

    reason = serializers.CharField(default="", allow_blank=True, max_length=300)


class EscalationInput(serializers.Serializer[object]):
    """What those who are called in should know."""

    reason = serializers.CharField(default="", allow_blank=True, max_length=300)


class SnoozeInput(serializers.Serializer[object]):
    """For so many minutes, or until a moment: one of them."""

    minutes = serializers.IntegerField(min_value=1, max_value=24 * 60, required=False)
    until = serializers.DateTimeField(required=False)

    def validate(self, attrs: dict[str, object]) -> dict[str, object]:
        """Exactly one."""
        if len(attrs) != 1:
            raise serializers.ValidationError("Give either minutes or until.")
        return attrs


class ReasonInput(serializers.Serializer[object]):
    """Why."""

    reason = serializers.CharField()


class SeverityInput(serializers.Serializer[object]):
    """Another severity, and why; only a worse one explains itself."""

    severity = serializers.SlugRelatedField(slug_field="slug", queryset=Severity.objects.all())
    reason = serializers.CharField(default="", allow_blank=True)


class NoteInput(serializers.Serializer[object]):
    """A line for the timeline; `happened_at` where it is told late."""

    text = serializers.CharField(max_length=10_000)
    happened_at = serializers.DateTimeField(allow_null=True, default=None)


class RoleInput(serializers.Serializer[object]):
    """Who takes which role."""

    role = serializers.SlugRelatedField(slug_field="slug", queryset=Role.objects.all())
    person = serializers.SlugRelatedField(slug_field="slug", queryset=Person.objects.active())
    note = serializers.CharField(default="", allow_blank=True)
    override_reason = serializers.CharField(default="", allow_blank=True)


class RequestInput(serializers.Serializer[object]):
    """Whom to ask for help, and what for: a person, a team, or who is on call for a service."""

    person = serializers.SlugRelatedField(
        slug_field="slug", queryset=Person.objects.active(), allow_null=True, default=None
    )
    team = serializers.SlugRelatedField(
        slug_field="slug", queryset=Team.objects.all(), allow_null=True, default=None
    )
    service = serializers.SlugRelatedField(
        slug_field="slug", queryset=Service.objects.all(), allow_null=True, default=None
    )
    purpose = serializers.ChoiceField(
        choices=Responder.Purpose.choices, default=Responder.Purpose.INVESTIGATE
    )
    area = serializers.CharField(default="", allow_blank=True, max_length=200)
    message = serializers.CharField(default="", allow_blank=True)

    def validate(self, attrs: dict[str, object]) -> dict[str, object]:
        """Exactly one of the three is asked, and only a person has an area."""
        if attrs["area"] and attrs["person"] is None:
            raise serializers.ValidationError({"area": ["Only a person is asked for an area."]})
        if sum(attrs[name] is not None for name in ("person", "team", "service")) != 1:
            raise serializers.ValidationError({"person": ["Name a person, a team or a service."]})
        return attrs


class ReleaseInput(serializers.Serializer[object]):
    """Who may go, and why."""

    person = serializers.SlugRelatedField(slug_field="slug", queryset=Person.objects.all())
    reason = serializers.CharField(default="", allow_blank=True)
