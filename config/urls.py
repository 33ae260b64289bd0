"""Every address of the application; see DESIGN.md, public contract."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponseRedirect
from django.templatetags.static import static
from django.urls import include, path
from django.views.generic import RedirectView

from config import health
from incidents.report_views import report_page, secret_report_page
from roster.feed_views import feed
from roster.link_views import link_page


def favicon(request: HttpRequest) -> HttpResponseRedirect:
    """Browsers ask for it on every page, the ones behind a signed link too."""
    return HttpResponseRedirect(static("muster/favicon.svg"))


urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
    path("admin/", admin.site.urls),
    path("a/<path:token>/", link_page, name="signed-link"),
    path("calendar/<str:token>.ics", feed, name="calendar-feed"),
    path("api/", include("config.api")),
    # Answered by config.middleware.IngestFastLane; named here for `reverse`.
    path("ingest/", include("incidents.ingest_urls")),
    path("report/", report_page, name="report"),
    path("report/<str:key>/", secret_report_page, name="secret-report"),
    path("favicon.ico", favicon),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
]
