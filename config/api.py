"""The API's addresses, and its documentation."""

from django.contrib.auth.decorators import login_required
from django.urls import include, path, re_path
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.plumbing import build_bearer_security_scheme_object
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.routers import DefaultRouter
from rest_framework.views import APIView

from comms.api import views as comms
from comms.api.messages import MessageUndeliveredView
from incidents.api import lookups
from incidents.api import views as incidents
from incidents.api.maintenance import MaintenanceViewSet
from incidents.api.reports import ReportViewSet
from incidents.api.rules import ExplainView, RoutingRuleViewSet
from postmortems.api import views as postmortems
from roster.api import views as roster
from roster.api.coverage import CoverageViewSet
from roster.api.layers import LayerViewSet
from roster.api.load import RosterLoadView
from roster.api.overrides import OverrideViewSet
from roster.api.page_tests import PageTestViewSet
from roster.api.swaps import SwapViewSet
from roster.api.time_off import TimeOffViewSet


class BearerTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # comes untyped
    """Tells readers of the schema how to log in; found by drf-spectacular once it is defined."""

    target_class = "roster.api.authentication.BearerTokenAuthentication"
    name = "bearerToken"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        """Describe `Authorization: Bearer mst_…`."""
        return build_bearer_security_scheme_object("Authorization", "Bearer")


class UnknownAddressView(APIView):
    """Anything else under `/api/`: answered in the API's error shape, not with a page."""

    authentication_classes = []
    permission_classes = []

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        """Whatever the method, there is nothing here."""
        raise NotFound


router = DefaultRouter()
# With or without a slash at the end: a client should not fail at night over one.
router.trailing_slash = "/?"
router.include_format_suffixes = False
router.register("people", roster.PersonViewSet)
router.register("teams", roster.TeamViewSet)
router.register("schedules", roster.ScheduleViewSet)
router.register(
    rf"schedules/(?P<schedule>{roster.SLUG})/layers", LayerViewSet, basename="schedule-layer"
)
router.register(
    rf"schedules/(?P<schedule>{roster.SLUG})/overrides",
    OverrideViewSet,
    basename="schedule-override",
)
router.register("coverage", CoverageViewSet)
router.register("page-tests", PageTestViewSet)
router.register("swaps", SwapViewSet)
router.register("time-off", TimeOffViewSet)
router.register("escalation-policies", roster.EscalationPolicyViewSet)
router.register("services", incidents.ServiceViewSet)
router.register("severities", incidents.SeverityViewSet)
router.register("roles", incidents.RoleViewSet)
router.register("integrations", incidents.IntegrationViewSet)
router.register("routing-rules", RoutingRuleViewSet, basename="routing-rule")
router.register("maintenance-windows", MaintenanceViewSet, basename="maintenance-window")
router.register("alerts", incidents.AlertViewSet)
router.register("changes", incidents.ChangeViewSet)
router.register("incidents", incidents.IncidentViewSet)
router.register("reports", ReportViewSet)
router.register("audiences", comms.AudienceViewSet)
router.register("templates", comms.TemplateViewSet)
router.register("updates", comms.UpdateViewSet)
router.register("postmortems", postmortems.PostmortemViewSet)
router.register("action-items", postmortems.ActionItemViewSet)

urlpatterns = [
    re_path(r"^v1/explain/?$", ExplainView.as_view(), name="explain"),
    re_path(r"^v1/oncall/?$", roster.OnCallView.as_view(), name="oncall"),
    re_path(r"^v1/roster-load/?$", RosterLoadView.as_view(), name="roster-load"),
    re_path(
        r"^v1/incidents/(?P<reference>[A-Za-z]+-\d+)/updates/?$",
        comms.IncidentUpdatesView.as_view(),
    ),
    re_path(
        r"^v1/messages/(?P<key>[-.\w]+)/undelivered/?$",
        MessageUndeliveredView.as_view(),
        name="message-undelivered",
    ),
    re_path(
        r"^v1/services/(?P<slug>[-\w]+)/who/?$",
        lookups.ServiceHandlersView.as_view(),
        name="service-who",
    ),
    re_path(
        r"^v1/escalation-policies/(?P<slug>[-\w]+)/preview/?$",
        lookups.PolicyPreviewView.as_view(),
        name="policy-preview",
    ),
    path("v1/", include(router.urls)),
    re_path("^schema/?$", SpectacularAPIView.as_view(), name="schema"),
    # The split view serves its script as a file, which the content security policy demands.
    re_path(
        "^docs/?$",
        login_required(SpectacularSwaggerSplitView.as_view(url_name="schema")),
        name="api-docs",
    ),
    re_path("", UnknownAddressView.as_view()),
]
