"""Audiences, templates, and updates to stakeholders."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import generics, mixins, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from comms import updates
from comms.api.serializers import (
    AudienceSerializer,
    TemplateSerializer,
    UpdateInput,
    UpdateSerializer,
)
from comms.models import Audience, AudienceKind, Template, Update, UpdateState
from incidents.models import Incident
from roster.api.authentication import actor_of
from roster.api.idempotency import IdempotentPosts
from roster.api.permissions import ViewPermission
from roster.api.views import EditableViewSet


class AudienceViewSet(EditableViewSet[Audience]):
    """Named sets of people, teams and addresses."""

    queryset = Audience.objects.select_related("min_severity").prefetch_related(
        "teams", "people", "services"
    )
    serializer_class = AudienceSerializer


class TemplateViewSet(EditableViewSet[Template]):
    """What messages start from."""

    queryset = Template.objects.select_related("severity")
    serializer_class = TemplateSerializer


class UpdateFilter(django_filters.FilterSet):
    """`?kind=external&state=sent`."""

    kind = django_filters.ChoiceFilter(choices=AudienceKind.choices)
    state = django_filters.ChoiceFilter(choices=UpdateState.choices)

    class Meta:
        model = Update
        fields: list[str] = []


def require_right_to_send(request: Request, kind: str) -> None:
    """Refuse whoever may not write to this kind of audience (R047)."""
    right = "send_external_update" if kind == AudienceKind.EXTERNAL else "send_update"
    if not request.user.has_perm(f"comms.{right}"):
        raise PermissionDenied


class UpdateViewSet(
    IdempotentPosts,
    mixins.RetrieveModelMixin,
    mixins.ListModelMixin,
    viewsets.GenericViewSet[Update],
):
    """Updates of every incident the reader may see; written under their incident."""

    queryset = Update.objects.all()
    serializer_class = UpdateSerializer
    filterset_class = UpdateFilter
    permission_classes = [ViewPermission]

    def get_queryset(self) -> QuerySet[Update]:
        """Leave out the incidents the reader may not see."""
        return (
            Update.objects.visible_to(self.request.user)
            .select_related("incident")
            .prefetch_related("audiences")
        )

    @extend_schema(request=None, responses=UpdateSerializer)
    @action(methods=["post"], detail=True)
    def approve(self, request: Request, pk: str) -> Response:
        """Let somebody else's draft go out."""
        if not request.user.has_perm("comms.approve_update"):
            raise PermissionDenied
        update = self.get_object()
        updates.approve(update, by=actor_of(request), at=timezone.now())
        return Response(self.get_serializer(update).data)

    @extend_schema(request=None, responses=UpdateSerializer)
    @action(methods=["post"], detail=True)
    def send(self, request: Request, pk: str) -> Response:
        """Send a draft that needs no approval, or has it."""
        update = self.get_object()
        require_right_to_send(request, update.kind)
        updates.send_update(update, by=actor_of(request), at=timezone.now())
        return Response(self.get_serializer(update).data)


class IncidentUpdatesView(IdempotentPosts, generics.GenericAPIView[Update]):
    """The updates of one incident."""

    queryset = Update.objects.prefetch_related("audiences")
    serializer_class = UpdateSerializer
    permission_classes = [ViewPermission]

    def get_queryset(self) -> QuerySet[Update]:
        """Fetch this incident's, newest first."""
        return super().get_queryset().filter(incident=self._incident())

    def _incident(self) -> Incident:
        try:
            return Incident.objects.visible_to(self.request.user).get_by_reference(
                self.kwargs["reference"]
            )
        except Incident.DoesNotExist as error:
            raise Http404 from error

    @extend_schema(responses=UpdateSerializer(many=True))
    def get(self, request: Request, reference: str) -> Response:
        """List what was said and what is drafted."""
        page = self.paginate_queryset(self.get_queryset().select_related("incident"))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(request=UpdateInput, responses={201: UpdateSerializer})
    def post(self, request: Request, reference: str) -> Response:
        """Write an update; it is sent at once unless `send` is false."""
        incident = self._incident()
        serializer = UpdateInput(data=request.data)
        serializer.is_valid(raise_exception=True)
        values: dict[str, Any] = dict(serializer.validated_data)
        kind, send = values.pop("kind"), values.pop("send")
        require_right_to_send(request, kind)
        actor, at = actor_of(request), timezone.now()
        update = updates.draft_update(
            incident, kind=kind, draft=updates.Draft(**values), by=actor, at=at
        )
        if send:
            updates.send_update(update, by=actor, at=at)
        return Response(self.get_serializer(update).data, status=201)
