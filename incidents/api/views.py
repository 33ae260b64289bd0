"""Incidents and their catalogue; every change of state is a POST to an action."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db.models import Prefetch, QuerySet
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from incidents import acknowledgement, escalation, lifecycle, responders, roles
from incidents.api.filters import AlertFilter, ChangeFilter, IncidentFilter, ServiceFilter
from incidents.api.serializers import (
    AdvanceInput,
    AlertSerializer,
    ChangeSerializer,
    ClosingInput,
    DeclarationInput,
    DeclineInput,
    DetectionInput,
    EntrySerializer,
    EscalationInput,
    IncidentSerializer,
    IntegrationSerializer,
    NoteInput,
    PageInput,
    PageSerializer,
    ReasonInput,
    ReleaseInput,
    ReopenInput,
    RequestInput,
    ResponderSerializer,
    RoleAssignmentSerializer,
    RoleInput,
    RoleSerializer,
    ServiceSerializer,
    SeverityInput,
    SeveritySerializer,
    SnoozeInput,
    SummaryInput,
)
from incidents.models import (
    Alert,
    Change,
    Incident,
    Integration,
    Role,
    RoleAssignment,
    Service,
    Severity,
)
from incidents.models.incident import IncidentQuerySet
from incidents.models.responders import ResponderError
from incidents.models.roles import INCIDENT_MANAGER
from incidents.permissions import may
from roster.actors import Actor
from roster.api.authentication import actor_of
from roster.api.idempotency import IdempotentPosts
from roster.api.pagination import StableCursorPagination
from roster.api.permissions import ViewPermission
from roster.api.views import EditableViewSet, ReadOnlyViewSet

# What a serializer's `validated_data` holds is decided by the serializer.
type Values = dict[str, Any]


class ServiceViewSet(EditableViewSet[Service]):
    """What the organisation runs."""

    queryset = Service.objects.select_related("owner_team", "policy").prefetch_related(
        "depends_on", "schedules"
    )
    serializer_class = ServiceSerializer
    filterset_class = ServiceFilter


class WorstFirstPagination(StableCursorPagination):
    """By rank, of which no two have the same."""

    ordering = "rank"


class SeverityViewSet(ReadOnlyViewSet[Severity]):
    """How bad an incident can be, worst first."""

    queryset = Severity.objects.all()
    serializer_class = SeveritySerializer
    pagination_class = WorstFirstPagination


class RoleViewSet(ReadOnlyViewSet[Role]):
    """The parts people play."""

    queryset = Role.objects.select_related("required_from")
    serializer_class = RoleSerializer


class IntegrationViewSet(EditableViewSet[Integration]):
    """Monitors that may send alerts."""

    queryset = Integration.objects.select_related("service").prefetch_related("keys")
    serializer_class = IntegrationSerializer
    secret_fields = frozenset({"key"})

    def create(self, request: Request, *args: object, **kwargs: object) -> Response:
        """Issue an integration; `key` is in this answer and can never be shown again.

        A repeat under the same `Idempotency-Key` is answered without it.
        """
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        integration, key = Integration.issue(
            **serializer.validated_data, by=actor_of(request), at=timezone.now()
        )
        return Response({**self.get_serializer(integration).data, "key": key}, status=201)


class AlertViewSet(
    mixins.RetrieveModelMixin, mixins.ListModelMixin, viewsets.GenericViewSet[Alert]
):
    """What monitors report, newest first."""

    queryset = Alert.objects.all()
    serializer_class = AlertSerializer
    filterset_class = AlertFilter

    def get_queryset(self) -> QuerySet[Alert]:
        """Leave out what belongs to incidents the reader may not see."""
        visible = Alert.objects.visible_to(self.request.user)
        return visible.select_related("integration", "service", "incident")


class ChangeViewSet(
    mixins.RetrieveModelMixin, mixins.ListModelMixin, viewsets.GenericViewSet[Change]
):
    """Deployments, releases and the like, newest received first."""

    queryset = Change.objects.select_related("integration", "service")
    serializer_class = ChangeSerializer
    filterset_class = ChangeFilter


class IncidentViewSet(
    IdempotentPosts,
    mixins.RetrieveModelMixin,
    mixins.UpdateModelMixin,
    mixins.ListModelMixin,
    viewsets.GenericViewSet[Incident],
):
    """Incidents. What one may not see is 404, what one may not do is 403, a refusal is 409."""

    queryset = Incident.objects.all()
    serializer_class = IncidentSerializer
    filterset_class = IncidentFilter
    permission_classes = [ViewPermission]
    lookup_field = "reference"
    lookup_value_regex = r"[A-Za-z]+-\d+"
    http_method_names = ["get", "head", "options", "post", "patch"]

    def get_queryset(self) -> IncidentQuerySet:
        """Fetch what the reader may see."""
        return _with_shown_parts(Incident.objects.visible_to(self.request.user))

    def get_object(self) -> Incident:
        """Find an incident by `INC-142`; permission to see it is part of the query."""
        try:
            incident = self.get_queryset().get_by_reference(self.kwargs["reference"])
        except Incident.DoesNotExist as error:
            raise Http404 from error
        self.check_object_permissions(self.request, incident)
        return incident

    @extend_schema(request=DetectionInput, responses={201: IncidentSerializer})
    def create(self, request: Request) -> Response:
        """Enter an incident by hand; it is then in `detected`, and its policy starts to page."""
        self._require("declare")
        values = self._values(DetectionInput)
        at = timezone.now()
        actor = actor_of(request)
        incident = lifecycle.detect(**values, by=actor, at=at)
        escalation.start_escalation(incident, by=actor, at=at)
        return self._shown(incident, status=201)

    @extend_schema(request=IncidentSerializer, responses=IncidentSerializer)
    def partial_update(self, request: Request, *args: object, **kwargs: object) -> Response:
        """Change what is known: title, summary, causes, links."""
        incident = self.get_object()
        self._require("edit", incident)
        serializer = self.get_serializer(incident, data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        incident.edit(**serializer.validated_data, by=actor_of(request), at=timezone.now())
        return self._shown(incident)

    @extend_schema(request=None, responses=IncidentSerializer)
    @action(methods=["post"], detail=True)
    def acknowledge(self, request: Request, reference: str) -> Response:
        """Say "mine": stops the escalation."""
        return self._change(
            "acknowledge",
            lambda incident, by, at: incident.acknowledge(by=by, at=at),
        )

    @extend_schema(request=EscalationInput, responses=IncidentSerializer)
    @action(methods=["post"], detail=True)
    def escalate(self, request: Request, reference: str) -> Response:
        """Have the next level paged at once; whoever has the incident keeps it meanwhile."""
        return self._change("acknowledge", escalation.escalate, EscalationInput)

    @extend_schema(request=SnoozeInput, responses=IncidentSerializer)
    @action(methods=["post"], detail=True)
    def snooze(self, request: Request, reference: str) -> Response:
        """Acknowledge until a time, at most a day; then paging begins again."""
        return self._change("acknowledge", _snooze, SnoozeInput)

    @extend_schema(request=None, responses=IncidentSerializer)
    @action(methods=["post"], detail=True)
    def confirm(self, request: Request, reference: str) -> Response:
        """Say "still on it": the time without a sign of work begins anew."""
        return self._change("acknowledge", acknowledgement.confirm)

    @extend_schema(responses=PageSerializer(many=True))
    @action(methods=["get"], detail=True, filterset_class=None)
    def pages(self, request: Request, reference: str) -> Response:
        """Read who was paged, and what they answered."""
        return self._page_of(self.get_object().pages.select_related("person"), PageSerializer)

    @extend_schema(request=PageInput, responses=IncidentSerializer)
    @action(methods=["post"], detail=True, url_path="acknowledge-page")
    def acknowledge_page(self, request: Request, reference: str) -> Response:
        """Answer a page with "mine": one's own, or anybody's with the right to acknowledge."""
        return self._answer(
            lambda page, by, at: escalation.acknowledge_page(page, by=by, at=at, via=by.via),
            PageInput,
        )

    @extend_schema(request=DeclineInput, responses=IncidentSerializer)
    @action(methods=["post"], detail=True, url_path="decline-page")
    def decline_page(self, request: Request, reference: str) -> Response:
        """Answer a page with "not me": the next person is paged at once."""
        return self._answer(escalation.decline_page, DeclineInput)

    @extend_schema(request=DeclarationInput, responses=IncidentSerializer)
    @action(methods=["post"], detail=True)
    def declare(self, request: Request, reference: str) -> Response:
        """Decide that it is an incident, and how bad."""
        return self._change(
            "declare",
            lambda incident, by, at, **values: incident.declare(**values, by=by, at=at),
            DeclarationInput,
        )

    @extend_schema(request=AdvanceInput, responses=IncidentSerializer)
    @action(methods=["post"], detail=True)
    def advance(self, request: Request, reference: str) -> Response:
        """Move on to the next phase."""
        return self._change(
            "advance",
            lambda incident, by, at, phase, **values: incident.advance(
                phase, **values, by=by, at=at
            ),
            AdvanceInput,
        )

    @extend_schema(request=SummaryInput, responses=IncidentSerializer)
    @action(methods=["post"], detail=True)
    def restore(self, request: Request, reference: str) -> Response:
        """Say that customer impact has ended."""
        return self._change(
            "restore",
            lambda incident, by, at, summary: incident.restore(by=by, at=at, summary=summary),
            SummaryInput,
        )

    @extend_schema(request=None, responses=IncidentSerializer)
    @action(methods=["post"], detail=True, url_path="start-learning")
    def start_learning(self, request: Request, reference: str) -> Response:
        """Go from restored to learning."""
        return self._change(
            "advance", lambda incident, by, at: incident.start_learning(by=by, at=at)
        )

    @extend_schema(request=ClosingInput, responses=IncidentSerializer)
    @action(methods=["post"], detail=True)
    def close(self, request: Request, reference: str) -> Response:
        """Say that learning is done; releases whoever is still engaged."""
        return self._change(
            "close",
            lambda incident, by, at, **values: incident.close(**values, by=by, at=at),
            ClosingInput,
        )

    @extend_schema(request=ReasonInput, responses=IncidentSerializer)
    @action(methods=["post"], detail=True)
    def dismiss(self, request: Request, reference: str) -> Response:
        """Decide that it is no incident."""
        return self._change(
            "dismiss",
            lambda incident, by, at, reason: incident.dismiss(reason=reason, by=by, at=at),
            ReasonInput,
        )

    @extend_schema(request=ReopenInput, responses=IncidentSerializer)
    @action(methods=["post"], detail=True)
    def reopen(self, request: Request, reference: str) -> Response:
        """Go back to an earlier phase: the fix did not hold."""
        return self._change(
            "advance",
            lambda incident, by, at, phase, reason: incident.reopen(
                phase, reason=reason, by=by, at=at
            ),
            ReopenInput,
        )

    @extend_schema(request=SeverityInput, responses=IncidentSerializer)
    @action(methods=["post"], detail=True, url_path="change-severity")
    def change_severity(self, request: Request, reference: str) -> Response:
        """Call it worse, or less bad."""
        return self._change(
            "classify",
            lambda incident, by, at, severity, reason: incident.change_severity(
                severity, reason=reason, by=by, at=at
            ),
            SeverityInput,
        )

    @extend_schema(methods=["get"], responses=EntrySerializer(many=True))
    @extend_schema(methods=["post"], request=NoteInput, responses=IncidentSerializer)
    @action(methods=["get", "post"], detail=True, filterset_class=None)
    def timeline(self, request: Request, reference: str) -> Response:
        """Read the timeline, newest first, or add a note to it."""
        if request.method == "POST":
            return self._change(
                "note",
                lambda incident, by, at, text, happened_at: incident.note(
                    text, by=by, at=at, happened_at=happened_at
                ),
                NoteInput,
            )
        return self._page_of(self.get_object().timeline.all(), EntrySerializer)

    @extend_schema(methods=["get"], responses=RoleAssignmentSerializer(many=True))
    @extend_schema(methods=["post"], request=RoleInput, responses=IncidentSerializer)
    @action(methods=["get", "post"], detail=True, filterset_class=None)
    def roles(self, request: Request, reference: str) -> Response:
        """Read who held which role, or give a role to somebody."""
        if request.method == "POST":
            return self._change(
                "assign_role",
                lambda incident, by, at, role, person, **said: roles.assign_role(
                    incident, role, person, by=by, at=at, **said
                ),
                RoleInput,
            )
        held = self.get_object().role_assignments.select_related("role", "person")
        return self._page_of(held, RoleAssignmentSerializer)

    @extend_schema(responses=ResponderSerializer(many=True))
    @action(methods=["get"], detail=True, filterset_class=None)
    def responders(self, request: Request, reference: str) -> Response:
        """Read every engagement of everybody who was asked to help."""
        return self._page_of(
            self.get_object().responders.select_related("person"), ResponderSerializer
        )

    @extend_schema(request=RequestInput, responses=IncidentSerializer)
    @action(methods=["post"], detail=True, url_path="request-responder")
    def request_responder(self, request: Request, reference: str) -> Response:
        """Ask a person, a team, or whoever is on call for a service."""
        return self._change("request_responder", _request, RequestInput)

    @extend_schema(request=ReleaseInput, responses=IncidentSerializer)
    @action(methods=["post"], detail=True)
    def release(self, request: Request, reference: str) -> Response:
        """Let a responder go, with thanks."""
        return self._change("release_responder", _release, ReleaseInput)

    def _change(
        self,
        right: str,
        change: Callable[..., object],
        takes: type[serializers.Serializer[Any]] | None = None,
    ) -> Response:
        """Check the right, read the input, make the change, show the incident."""
        incident = self.get_object()
        self._require(right, incident)
        values = self._values(takes) if takes else {}
        change(incident, by=actor_of(self.request), at=timezone.now(), **values)
        return self._shown(incident)

    def _answer(
        self, answer: Callable[..., object], takes: type[serializers.Serializer[Any]]
    ) -> Response:
        """Check that the page is of this incident and that it may be answered, and answer it."""
        incident = self.get_object()
        values = self._values(takes)
        page = values.pop("page")
        if page.incident_id != incident.pk:
            raise Http404
        if page.person.user_id != self.request.user.pk:
            self._require("acknowledge", incident)
        answer(page, by=actor_of(self.request), at=timezone.now(), **values)
        return self._shown(incident)

    def _require(self, right: str, incident: Incident | None = None) -> None:
        if not may(self.request.user, right, incident):
            raise PermissionDenied

    def _values(self, takes: type[serializers.Serializer[Any]]) -> Values:
        serializer = takes(data=self.request.data)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)

    def _shown(self, incident: Incident, status: int = 200) -> Response:
        # Whoever reports a private incident sees this answer, and no more of it.
        fresh = _with_shown_parts(Incident.objects.filter(pk=incident.pk)).get()
        return Response(self.get_serializer(fresh).data, status=status)

    def _page_of(
        self, rows: QuerySet[Any], serializer_class: type[serializers.BaseSerializer[Any]]
    ) -> Response:
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(serializer_class(page, many=True).data)


def _with_shown_parts(incidents: IncidentQuerySet) -> IncidentQuerySet:
    """Read everything a list shows along with it, in two more queries."""
    managers = RoleAssignment.objects.current().filter(role__slug=INCIDENT_MANAGER)
    return incidents.select_related("severity").prefetch_related(
        "services",
        Prefetch("role_assignments", managers.select_related("person"), to_attr="current_managers"),
    )


def _snooze(incident: Incident, *, by: Actor, at: Any, **values: Any) -> None:
    until = values.get("until") or at + timedelta(minutes=values["minutes"])
    acknowledgement.snooze(incident, until, by=by, at=at)


def _request(incident: Incident, *, by: Actor, at: Any, **values: Any) -> None:
    person, team, service = (values.pop(name) for name in ("person", "team", "service"))
    if person:
        responders.request_responder(incident, person, **values, by=by, at=at)
        return
    values.pop("area")
    if team:
        responders.request_team(incident, team, **values, by=by, at=at)
    else:
        responders.request_on_call(incident, service, **values, by=by, at=at)


def _release(incident: Incident, *, by: Actor, at: Any, person: Any, reason: str) -> None:
    engagement = incident.responders.open().filter(person=person).first()
    if engagement is None:
        raise ResponderError(
            "not_engaged",
            f"{person.name} is neither asked nor engaged on {incident.reference}.",
        )
    engagement.release(reason=reason, by=by, at=at)
