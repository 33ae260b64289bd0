"""Reports of people over the API."""

from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from incidents import reports
from incidents.models import Incident, Report, Service, Severity
from incidents.reports import Reporter, Said
from roster.actors import Actor
from roster.api.authentication import actor_of
from roster.api.idempotency import IdempotentPosts
from roster.api.permissions import ViewPermission


class ReportSerializer(serializers.ModelSerializer[Report]):
    """One report by a person, and what became of it."""

    reference = serializers.CharField(read_only=True)
    service = serializers.SlugRelatedField[Service](slug_field="slug", read_only=True)
    incident = serializers.SlugRelatedField[Incident](slug_field="reference", read_only=True)

    class Meta:
        model = Report
        fields = [
            "reference",
            "source",
            "title",
            "text",
            "service",
            "may_affect_customers",
            "customers",
            "ticket_url",
            "reporter_name",
            "created_at",
            "incident",
            "dismissed_at",
            "dismiss_reason",
        ]


class ReportInput(serializers.Serializer[object]):
    """What somebody reports; `reporter` where it is not the token's own user."""

    title = serializers.CharField(max_length=300)
    text = serializers.CharField(default="", allow_blank=True, max_length=8_000)
    # The stubs take it for the attribute of that name which every field has.
    source = serializers.ChoiceField(  # type: ignore[assignment]
        choices=[Incident.Source.INDIVIDUAL, Incident.Source.CUSTOMER],
        default=Incident.Source.INDIVIDUAL,
    )
    service = serializers.SlugRelatedField(
        slug_field="slug", queryset=Service.objects.all(), default=None, allow_null=True
    )
    may_affect_customers = serializers.BooleanField(default=False)
    customers = serializers.IntegerField(default=0, min_value=0, max_value=10**9)
    ticket_url = serializers.URLField(default="", allow_blank=True, max_length=500)
    reporter = serializers.CharField(default="", allow_blank=True, max_length=200)
    email = serializers.EmailField(default="", allow_blank=True)


class OpenInput(serializers.Serializer[object]):
    severity = serializers.SlugRelatedField(
        slug_field="slug", queryset=Severity.objects.all(), default=None, allow_null=True
    )


class OpenedSerializer(serializers.Serializer[object]):
    incident = serializers.CharField(help_text="The reference of the new incident.")


class AttachInput(serializers.Serializer[object]):
    incident = serializers.CharField(help_text="Its reference, such as INC-142.")


class DismissInput(serializers.Serializer[object]):
    reason = serializers.CharField(max_length=300)


class ReportPermission(ViewPermission):
    """Looking takes `view_report`, reporting `add_report`, deciding `decide_report`."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        asked = getattr(view, "action", None)
        if asked == "create":
            return request.user.has_perm("incidents.add_report")
        if asked in {"open_incident", "attach", "dismiss"}:
            return request.user.has_perm("incidents.decide_report")
        return super().has_permission(request, view)


class ReportViewSet(
    IdempotentPosts,
    mixins.RetrieveModelMixin,
    mixins.ListModelMixin,
    viewsets.GenericViewSet[Report],
):
    """What people reported, newest first."""

    queryset = Report.objects.all()
    serializer_class = ReportSerializer
    permission_classes: list[type[BasePermission]] = [ReportPermission]
    lookup_field = "reference"
    lookup_value_regex = r"REP-\d{1,9}"

    def get_queryset(self) -> QuerySet[Report]:
        """Leave out what belongs to incidents the reader may not see."""
        visible = Report.objects.visible_to(self.request.user)
        return visible.select_related("service", "incident")

    def get_object(self) -> Report:
        """Find a report by `REP-7`; permission to see it is part of the query."""
        number = int(self.kwargs["reference"].removeprefix("REP-"))
        found = self.get_queryset().filter(number=number).first()
        if found is None:
            raise Http404
        self.check_object_permissions(self.request, found)
        return found

    @extend_schema(request=ReportInput, responses={201: ReportSerializer})
    def create(self, request: Request) -> Response:
        """Report something; the same again within minutes answers with the report there is."""
        given = self._given(ReportInput)
        name, email = given.pop("reporter"), given.pop("email")
        actor = actor_of(request)
        reporter = Reporter(name, email) if name else _reporter_of(actor, email)
        report = reports.take(Said(**given), reporter, at=timezone.now())
        return Response(self.get_serializer(report).data, status=201)

    @extend_schema(request=OpenInput, responses={201: OpenedSerializer})
    @action(detail=True, methods=["post"], url_path="open-incident")
    def open_incident(self, request: Request, reference: str) -> Response:
        """Open an incident for it, and page the on-call."""
        given, report = self._given(OpenInput), self.get_object()
        incident = reports.open_incident(
            [report], severity=given["severity"], by=actor_of(request), at=timezone.now()
        )
        return Response({"incident": incident.reference}, status=201)

    @extend_schema(request=AttachInput, responses=ReportSerializer)
    @action(detail=True, methods=["post"])
    def attach(self, request: Request, reference: str) -> Response:
        """Let it belong to an incident there is."""
        named, report = self._given(AttachInput)["incident"], self.get_object()
        seen = Incident.objects.visible_to(request.user)
        try:
            incident = seen.get_by_reference(named)
        except Incident.DoesNotExist:
            sentence = f"There is no incident {named}."
            raise serializers.ValidationError({"incident": [sentence]}) from None
        reports.attach(report, incident, by=actor_of(request), at=timezone.now())
        return Response(self.get_serializer(report).data)

    @extend_schema(request=DismissInput, responses=ReportSerializer)
    @action(detail=True, methods=["post"])
    def dismiss(self, request: Request, reference: str) -> Response:
        """Decide that nothing follows from it."""
        reason, report = self._given(DismissInput)["reason"], self.get_object()
        reports.dismiss(report, reason=reason, by=actor_of(request), at=timezone.now())
        return Response(self.get_serializer(report).data)

    def _given(self, form: type[serializers.Serializer[object]]) -> dict[str, Any]:
        read = form(data=self.request.data)
        read.is_valid(raise_exception=True)
        given: dict[str, Any] = dict(read.validated_data)
        return given


def _reporter_of(actor: Actor, email: str) -> Reporter:
    if actor.person is None:
        return Reporter(actor.name, email)
    return Reporter(actor.name, email or actor.person.email, actor.person)
