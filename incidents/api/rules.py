"""Routing rules, tried and explained."""

import json
from typing import Any, cast

from django.db import transaction
from django.db.models import ProtectedError, QuerySet
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from incidents.api.lookups import CallSerializer
from incidents.explainer import Explained, explain_event, explain_pasted
from incidents.models import (
    AlertEvent,
    Incident,
    Integration,
    RoutingMatcher,
    RoutingRule,
    Service,
    Severity,
)
from incidents.rule_trial import try_rule
from roster.api.idempotency import IdempotentPosts
from roster.api.pagination import StableCursorPagination
from roster.api.serializers import CheckedSerializer, StrictSerializer
from roster.errors import DomainError
from roster.models import EscalationPolicy

BODY_LIMIT = 512 * 1024  # as intake has it


def _slug(rows: Any, **more: Any) -> Any:  # a manager of rows with a slug; as SlugRelatedField
    return serializers.SlugRelatedField(
        slug_field="slug", queryset=rows.all(), allow_null=True, required=False, **more
    )


@extend_schema_field(OpenApiTypes.STR)
class IncidentReferenceField(serializers.Field[Any, Any, Any, Any]):
    """INC-142; of an incident that the caller may not see, null."""

    def to_internal_value(self, data: Any) -> Incident:
        user = self.context["request"].user
        may_see = user.has_perm("incidents.view_incident")
        visible = Incident.objects.visible_to(user) if may_see else Incident.objects.none()
        try:
            return visible.get_by_reference(str(data))
        except Incident.DoesNotExist:
            raise serializers.ValidationError(f"There is no incident “{data}”.") from None

    def to_representation(self, value: Incident) -> str | None:
        return value.reference if value.pk in self._visible() else None

    def _visible(self) -> set[int]:
        """The incidents that rules name and the caller may see. One query for a whole list."""
        known: set[int] | None = self.context.get("visible_incidents")
        if known is None:
            user = self.context["request"].user
            named = Incident.objects.visible_to(user).filter(attaching_rules__isnull=False)
            may_see = user.has_perm("incidents.view_incident")
            known = set(named.values_list("pk", flat=True)) if may_see else set()
            cast(dict[str, Any], self.context)["visible_incidents"] = known
        return known


class MatcherSerializer(CheckedSerializer[RoutingMatcher]):
    """One condition; `label` names a label, or else a field of the alert."""

    class Meta:
        model = RoutingMatcher
        fields = ["label", "operator", "value"]


class RoutingRuleSerializer(CheckedSerializer[RoutingRule]):
    """A rule; sending `matchers` replaces all of its conditions."""

    key = serializers.CharField(source="pk", read_only=True)
    integration = _slug(Integration.objects)
    service = _slug(Service.objects)
    severity = _slug(Severity.objects)
    policy = _slug(EscalationPolicy.objects)
    attach_to = IncidentReferenceField(allow_null=True, required=False)
    group_by = serializers.ListField(child=serializers.CharField(max_length=200), required=False)
    matchers = MatcherSerializer(many=True, required=False)

    class Meta:
        model = RoutingRule
        fields = [
            "key", "name", "position", "is_active", "integration", "matchers", "service",
            "severity", "urgency", "policy", "group_by", "group_minutes", "hold_minutes",
            "attach_to", "declares", "may_affect_customers", "is_suppressing", "suppress_reason",
            "suppress_until",
        ]  # fmt: skip

    def create(self, validated_data: dict[str, Any]) -> RoutingRule:
        matchers = validated_data.pop("matchers", [])
        with transaction.atomic():
            rule = RoutingRule.objects.create(**validated_data)
            _write(rule, matchers)
        return rule

    def update(self, instance: RoutingRule, validated_data: dict[str, Any]) -> RoutingRule:
        matchers = validated_data.pop("matchers", None)
        with transaction.atomic():
            for name, value in validated_data.items():
                setattr(instance, name, value)
            instance.save()
            if matchers is not None:
                instance.matchers.all().delete()
                _write(instance, matchers)
        return RoutingRule.objects.get(pk=instance.pk)


def _write(rule: RoutingRule, matchers: list[dict[str, Any]]) -> None:
    RoutingMatcher.objects.bulk_create(RoutingMatcher(rule=rule, **each) for each in matchers)


class WaySerializer(serializers.Serializer[object]):
    """Where an alert goes: `fate` in words."""

    service = serializers.SlugField(source="service.slug")
    severity = serializers.SlugField(source="severity.slug")
    fate = serializers.CharField()
    urgency = serializers.CharField()
    declares = serializers.BooleanField()
    may_affect_customers = serializers.BooleanField()


class SampleSerializer(serializers.Serializer[object]):
    """One alert that matches, without the rule and with it."""

    at = serializers.DateTimeField()
    title = serializers.CharField()
    integration = serializers.SlugField(source="integration.slug")
    before = WaySerializer()
    after = WaySerializer()


class TrialSerializer(serializers.Serializer[object]):
    """What a rule would change of the messages since `since`; `cut` says why not of all days."""

    since = serializers.DateTimeField()
    cut = serializers.CharField()
    events = serializers.IntegerField()
    unreadable = serializers.IntegerField()
    alerts = serializers.IntegerField()
    matched = serializers.IntegerField()
    moved = serializers.IntegerField()
    changes = serializers.DictField(child=serializers.IntegerField())
    incidents_before = serializers.IntegerField()
    incidents_after = serializers.IntegerField()
    samples = SampleSerializer(many=True)


class MayExplain(BasePermission):
    """Whoever may see rules and messages may have them held against each other."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Ask for both rights."""
        needed = ["incidents.view_routingrule", "incidents.view_alertevent"]
        return request.user.is_authenticated and request.user.has_perms(needed)


class InOrderPagination(StableCursorPagination):
    """As rules are tried."""

    ordering: Any = ("position", "pk")  # as CursorPagination takes it


class RoutingRuleViewSet(
    IdempotentPosts,
    mixins.CreateModelMixin,
    mixins.UpdateModelMixin,
    mixins.DestroyModelMixin,
    mixins.RetrieveModelMixin,
    mixins.ListModelMixin,
    viewsets.GenericViewSet[RoutingRule],
):
    """What becomes of alerts, in the order in which the rules are tried."""

    queryset = RoutingRule.objects.select_related(
        "integration", "service", "severity", "policy", "attach_to"
    ).prefetch_related("matchers")
    serializer_class = RoutingRuleSerializer
    pagination_class = InOrderPagination
    lookup_field = "pk"
    lookup_url_kwarg = "key"
    lookup_value_regex = r"[0-9]{1,18}"
    http_method_names = ["get", "head", "options", "post", "patch", "delete"]

    def perform_destroy(self, instance: RoutingRule) -> None:
        """Delete it unless alerts name it: those keep why nobody heard of them."""
        try:
            instance.delete()
        except ProtectedError:
            message = f"Alerts name {instance} as the reason of their silence. Switch it off."
            raise DomainError("in_use", message) from None

    @extend_schema(request=None, responses=TrialSerializer)
    @action(
        methods=["post"],
        detail=True,
        url_path="try",
        url_name="try",
        permission_classes=[MayExplain],
    )
    def try_saved(self, request: Request, key: str) -> Response:
        """Hold a saved rule against the messages of the last 7 days. Changes nothing."""
        rule = self.get_object()
        trial = try_rule(rule, list(rule.matchers.all()), at=timezone.now())
        return Response(TrialSerializer(trial).data)

    @extend_schema(
        operation_id="routing_rules_try_unsaved",
        request=RoutingRuleSerializer,
        responses=TrialSerializer,
    )
    @action(
        methods=["post"],
        detail=False,
        url_path="try",
        url_name="try-new",
        permission_classes=[MayExplain],
    )
    def try_given(self, request: Request) -> Response:
        """Hold a rule that is not saved against the same. Changes nothing."""
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        given = dict(serializer.validated_data)
        matchers = [RoutingMatcher(**each) for each in given.pop("matchers", [])]
        trial = try_rule(RoutingRule(**given), matchers, at=timezone.now())
        return Response(TrialSerializer(trial).data)


# --- Explaining ----------------------------------------------------------------------------------


class ExplainInput(StrictSerializer):
    """A stored message, or one that is given: `body` as text, or as the JSON that it is."""

    event = serializers.IntegerField(required=False, min_value=1, max_value=(1 << 63) - 1)
    integration = serializers.SlugRelatedField(
        slug_field="slug", queryset=Integration.objects.active(), required=False
    )
    body = serializers.JSONField(required=False)
    content_type = serializers.CharField(required=False, default="application/json", max_length=200)
    headers = serializers.DictField(child=serializers.CharField(), required=False)
    call = serializers.CharField(required=False, allow_blank=True, max_length=1_000)
    at = serializers.DateTimeField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Ask for the one or the other."""
        if "event" in attrs:
            return attrs
        missing = [name for name in ("integration", "body") if attrs.get(name) is None]
        if missing:
            words = "Give this, or the number of a stored event."
            raise serializers.ValidationError({name: [words] for name in missing})
        body = attrs["body"]
        attrs["body"] = (body if isinstance(body, str) else json.dumps(body)).encode()
        if len(attrs["body"]) > BODY_LIMIT:
            raise serializers.ValidationError({"body": ["Intake takes 512 KB at most."]})
        return attrs


class CheckSerializer(serializers.Serializer[object]):
    """One condition as it was tried."""

    label = serializers.CharField(source="matcher.label")  # type: ignore[assignment]  # a field
    operator = serializers.CharField(source="matcher.operator")
    value = serializers.CharField(source="matcher.value")
    found = serializers.CharField()
    holds = serializers.BooleanField()


class RuleReadingSerializer(serializers.Serializer[object]):
    """One rule, and how it fared."""

    rule = serializers.CharField(source="rule.name")
    key = serializers.CharField(source="rule.pk")
    outcome = serializers.SerializerMethodField()
    checks = CheckSerializer(many=True)

    def get_outcome(self, reading: Any) -> str:
        """Say it as a word: decides, fails, over, later."""
        return str(reading.outcome.name).lower()


class ExplainedSerializer(serializers.Serializer[Explained]):
    """What becomes of one alert; `became` is the incident on record of a stored message."""

    dedup_key = serializers.CharField(source="alert.dedup_key")
    title = serializers.CharField(source="alert.title")
    action = serializers.CharField(source="alert.action")
    fate = serializers.CharField()
    service = serializers.SlugField(source="route.service.slug", default=None)
    service_from = serializers.CharField(source="route.service_from", default=None)
    severity = serializers.SlugField(source="route.severity.slug", default=None)
    severity_from = serializers.CharField(source="route.severity_from", default=None)
    rule = serializers.CharField(source="route.rule.name", default=None)
    maintenance = serializers.CharField(source="route.maintenance.name", default=None)
    incident = serializers.CharField(source="incident.reference", default=None)
    policy = serializers.SlugField(source="policy.slug", default=None)
    rules = RuleReadingSerializer(many=True)
    calls_from = serializers.DateTimeField()
    calls = CallSerializer(many=True)
    became = serializers.CharField(source="became_of.reference", default=None)
    paged = serializers.SerializerMethodField()

    @extend_schema_field(serializers.ListField(child=serializers.SlugField()))
    def get_paged(self, explained: Explained) -> list[str]:
        return [page.person.slug for page in explained.pages]


class ExplanationSerializer(serializers.Serializer[object]):
    """A message explained; `refusal` says why it cannot be read."""

    integration = serializers.SlugField(source="integration.slug")
    at = serializers.DateTimeField()
    refusal = serializers.CharField()
    alerts = ExplainedSerializer(many=True)
    not_shown = serializers.IntegerField()


class ExplainView(APIView):
    """What becomes of a message, rule by rule. Changes nothing."""

    permission_classes = [MayExplain]

    @extend_schema(request=ExplainInput, responses=ExplanationSerializer)
    def post(self, request: Request) -> Response:
        """Explain a stored message or a given one, as if it came in at `at`."""
        serializer = ExplainInput(data=request.data)
        serializer.is_valid(raise_exception=True)
        given = serializer.validated_data
        if "event" in given:
            event = self._event(given["event"])
            at = given.get("at") or event.received_at
            found = explain_event(event, user=request.user, at=at)
        else:
            found = explain_pasted(
                given["integration"],
                given["body"],
                user=request.user,
                at=given.get("at") or timezone.now(),
                content_type=given["content_type"],
                headers=given.get("headers"),
                call=given.get("call", ""),
            )
        return Response(ExplanationSerializer(found).data)

    def _event(self, pk: int) -> AlertEvent:
        events: QuerySet[AlertEvent] = AlertEvent.objects.select_related(
            "integration__service", "integration__severity"
        )
        if event := events.filter(pk=pk).first():
            return event
        raise serializers.ValidationError({"event": ["There is no such event, or not any more."]})
