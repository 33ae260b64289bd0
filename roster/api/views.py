"""People, teams, schedules, policies, and the question they all serve: who is on call?"""

from django.db.models import Prefetch, QuerySet
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from roster import preview
from roster.api.filters import PersonFilter, ScheduleFilter, TeamFilter
from roster.api.idempotency import IdempotentPosts
from roster.api.moments import moment_asked
from roster.api.permissions import ModelOrActionPermission
from roster.api.serializers import (
    EscalationPolicySerializer,
    OnCallSerializer,
    PersonSerializer,
    ScheduleDetailSerializer,
    ScheduleSerializer,
    TeamSerializer,
)
from roster.api.shifts import PERIOD, ScheduleShiftsSerializer, period_asked, shifts_as_json
from roster.models import EscalationPolicy, EscalationTarget, Layer, Person, Schedule, Team
from roster.oncall import on_call
from roster.watch import prove_people_soon

SLUG = r"[-A-Za-z0-9_]+"
# Beyond them some zone's clock has no name for the moment.
YEARS = range(1970, 2201)


class EditableViewSet[Row](
    IdempotentPosts,
    mixins.CreateModelMixin,
    mixins.UpdateModelMixin,
    mixins.RetrieveModelMixin,
    mixins.ListModelMixin,
    viewsets.GenericViewSet[Row],  # type: ignore[type-var]  # bound in the stubs to their own TypeVar
):
    """Rows addressed by slug that are edited and never deleted, since history names them."""

    lookup_field = "slug"
    lookup_value_regex = SLUG
    http_method_names = ["get", "head", "options", "post", "patch"]


class ReadOnlyViewSet[Row](
    IdempotentPosts,
    mixins.RetrieveModelMixin,
    mixins.ListModelMixin,
    viewsets.GenericViewSet[Row],  # type: ignore[type-var]  # bound in the stubs to their own TypeVar
):
    """Rows addressed by slug that the API only shows, beside the actions a view declares."""

    lookup_field = "slug"
    lookup_value_regex = SLUG
    http_method_names = ["get", "head", "options", "post"]


class PersonViewSet(EditableViewSet[Person]):
    """People, inside the company or not."""

    queryset = Person.objects.prefetch_related("teams")
    serializer_class = PersonSerializer
    filterset_class = PersonFilter

    def perform_update(self, serializer: BaseSerializer[Person]) -> None:
        """Whoever leaves or comes back changes what is covered."""
        super().perform_update(serializer)
        if serializer.instance and "is_active" in serializer.validated_data:
            prove_people_soon([serializer.instance.pk], at=timezone.now())


class TeamViewSet(EditableViewSet[Team]):
    """Teams, technical or not."""

    queryset = Team.objects.select_related("lead", "default_policy")
    serializer_class = TeamSerializer
    filterset_class = TeamFilter


class EscalationPolicyViewSet(ReadOnlyViewSet[EscalationPolicy]):
    """Who is paged, in which order."""

    queryset = EscalationPolicy.objects.select_related("team", "fallback_team").prefetch_related(
        "steps",
        Prefetch(
            "steps__targets",
            EscalationTarget.objects.select_related("schedule", "person", "team"),
        ),
    )
    serializer_class = EscalationPolicySerializer


class ScheduleViewSet(ReadOnlyViewSet[Schedule]):
    """Schedules, their layers and overrides, and the preview of ones not yet saved."""

    queryset = Schedule.objects.select_related("team")
    serializer_class = ScheduleSerializer
    filterset_class = ScheduleFilter

    def get_queryset(self) -> QuerySet[Schedule]:
        """Fetch layers only where they are shown."""
        schedules = super().get_queryset()
        if self.action != "retrieve":
            return schedules
        layers = Layer.objects.order_by("position", "pk").prefetch_related(
            "windows", "participants__person"
        )
        return schedules.prefetch_related(Prefetch("layers", layers))

    def get_serializer_class(self) -> type[BaseSerializer[Schedule]]:
        """Show layers on the page of one schedule."""
        return ScheduleDetailSerializer if self.action == "retrieve" else ScheduleSerializer

    @extend_schema(parameters=PERIOD, responses=ScheduleShiftsSerializer)
    @action(methods=["get"], detail=True)
    def shifts(self, request: Request, slug: str) -> Response:
        """Who is on call in a period, why, and when nobody is."""
        schedule = self.get_object()
        start, end = period_asked(request)
        return Response(shifts_as_json(schedule, start, end, now=timezone.now()))

    @extend_schema(request=OpenApiTypes.OBJECT, responses=OpenApiTypes.OBJECT)
    @action(methods=["post"], detail=False, permission_classes=[IsAuthenticated])
    def preview(self, request: Request) -> Response:
        """Compute who would be on call, saving nothing (ROSTER-RULES, the preview call)."""
        try:
            return Response(preview.preview(request.data))
        except preview.PreviewError as error:
            raise ValidationError(error.fields) from error


class OnCallView(APIView):
    """Who is on call, now or at a moment."""

    # `IsAuthenticated` would show it to machines that may not read schedules.
    queryset = Schedule.objects.active()
    permission_classes = [ModelOrActionPermission]

    @extend_schema(
        parameters=[
            OpenApiParameter("schedule", str, many=True, description="Slugs; all without it."),
            OpenApiParameter("at", OpenApiTypes.DATETIME, description="With offset; now without."),
        ],
        responses=OnCallSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """List everybody on call for the schedules asked for, in a constant number of queries."""
        schedules = list(self._schedules(request.query_params.getlist("schedule")))
        moment = moment_asked(request)
        answer = on_call(schedules, moment)
        rows = [
            {
                "schedule": schedule.slug,
                "person": duty.person.slug,
                "name": duty.person.name,
                "start": duty.shift.start,
                "end": duty.shift.end,
                "layer": duty.shift.source.layer,
                "override": duty.shift.source.override is not None,
            }
            for schedule in schedules
            for duty in answer[schedule.pk]
        ]
        return Response(OnCallSerializer(rows, many=True).data)

    def _schedules(self, slugs: list[str]) -> QuerySet[Schedule]:
        schedules = self.queryset.order_by("name")
        if not slugs:
            return schedules
        found = schedules.filter(slug__in=slugs)
        if missing := sorted(set(slugs) - {schedule.slug for schedule in found}):
            raise ValidationError({"schedule": [f"There is no schedule “{missing[0]}”."]})
        return found
