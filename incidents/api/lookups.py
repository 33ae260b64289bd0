"""Who handles a service, and whom a policy would call: answers that change nothing."""

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from incidents.handlers import affected_components, handlers_of
from incidents.models import Service
from incidents.policy_preview import who_would_be_called
from roster.api.moments import moment_asked
from roster.api.permissions import ModelOrActionPermission
from roster.models import EscalationPolicy

AT = OpenApiParameter("at", OpenApiTypes.DATETIME, description="With offset; now without.")


class HandlerSerializer(serializers.Serializer[object]):
    """Somebody to turn to; `until` is when the shift ends they were found by."""

    person = serializers.CharField(source="person.slug")
    name = serializers.CharField(source="person.name")
    why = serializers.CharField()
    until = serializers.DateTimeField(allow_null=True)


class HandlersSerializer(serializers.Serializer[object]):
    """Who is paged first for a service, its specialists on call, and one level up."""

    service = serializers.CharField(source="service.slug")
    policy = serializers.CharField(source="policy.slug", default=None, allow_null=True)
    first = HandlerSerializer(many=True)
    specialists = HandlerSerializer(many=True)
    above = HandlerSerializer(many=True)


class CalledSerializer(serializers.Serializer[object]):
    """Somebody a rung pages, and by which target."""

    person = serializers.CharField(source="person.slug")
    name = serializers.CharField(source="person.name")
    via = serializers.CharField()


class CallSerializer(serializers.Serializer[object]):
    """One rung: its moment, whom it pages, and whom it cannot reach or leaves out at that hour."""

    at = serializers.DateTimeField()
    title = serializers.CharField()
    people = CalledSerializer(many=True)
    unreachable = CalledSerializer(many=True)
    left_out = CalledSerializer(many=True)
    must_answer = CalledSerializer(many=True)


class ServiceHandlersView(APIView):
    """Who should handle a problem with a service."""

    queryset = Service.objects.all()
    permission_classes = [ModelOrActionPermission]

    @extend_schema(parameters=[AT], responses=HandlersSerializer(many=True))
    def get(self, request: Request, slug: str) -> Response:
        """The service itself first, then what it depends on."""
        service = _found(self.queryset, slug)
        answers = handlers_of(affected_components([service]), at=moment_asked(request))
        return Response(HandlersSerializer(answers, many=True).data)


class PolicyPreviewView(APIView):
    """Who would be called by a policy, minute by minute, if nobody answered."""

    queryset = EscalationPolicy.objects.all()
    permission_classes = [ModelOrActionPermission]

    @extend_schema(parameters=[AT], responses=CallSerializer(many=True))
    def get(self, request: Request, slug: str) -> Response:
        """Every rung from the moment on, the fallback last."""
        calls = who_would_be_called(_found(self.queryset, slug), at=moment_asked(request))
        return Response(CallSerializer(calls, many=True).data)


def _found[Row: (Service, EscalationPolicy)](rows: QuerySet[Row], slug: str) -> Row:
    return get_object_or_404(rows, slug=slug)
