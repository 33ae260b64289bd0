"""Every address of the application; see DESIGN.md, public contract."""

from importlib.util import find_spec

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

urlpatterns = [path("admin/", admin.site.urls), path("", RedirectView.as_view(pattern_name="admin:index"), name="home")]
# TEMPORARY while the parts appear
if find_spec("incidents.ingest_urls"):
    urlpatterns.append(path("ingest/", include("incidents.ingest_urls")))
if find_spec("roster.link_views"):
    from roster.link_views import link_page

    urlpatterns.append(path("a/<path:token>/", link_page, name="signed-link"))
if find_spec("config.health"):
    from config import health

    urlpatterns += [path("healthz", health.healthz), path("readyz", health.readyz), path("metrics", health.metrics)]
if find_spec("config.api"):
    urlpatterns.append(path("api/", include("config.api")))
