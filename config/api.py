"""The API's addresses, and its documentation."""

from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.routers import DefaultRouter

from comms.api import views as comms
from incidents.api import views as incidents
from postmortems.api import views as postmortems
from roster.api import views as roster

router = DefaultRouter()
# With or without a slash at the end: a client should not fail at night over one.
router.trailing_slash = "/?"
router.register("people", roster.PersonViewSet)
router.register("teams", roster.TeamViewSet)
router.register("schedules", roster.ScheduleViewSet)
router.register("escalation-policies", roster.EscalationPolicyViewSet)
router.register("services", incidents.ServiceViewSet)
router.register("severities", incidents.SeverityViewSet)
router.register("roles", incidents.RoleViewSet)
router.register("integrations", incidents.IntegrationViewSet)
router.register("alerts", incidents.AlertViewSet)
router.register("incidents", incidents.IncidentViewSet)
router.register("audiences", comms.AudienceViewSet)
router.register("templates", comms.TemplateViewSet)
router.register("updates", comms.UpdateViewSet)
router.register("postmortems", postmortems.PostmortemViewSet)
router.register("action-items", postmortems.ActionItemViewSet)

urlpatterns = [
    re_path(r"^v1/oncall/?$", roster.OnCallView.as_view(), name="oncall"),
    re_path(
        r"^v1/incidents/(?P<reference>[A-Za-z]+-\d+)/updates/?$",
        comms.IncidentUpdatesView.as_view(),
    ),
    path("v1/", include(router.urls)),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    # The split view serves its script as a file, which the content security policy demands.
    path("docs/", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="api-docs"),
]
