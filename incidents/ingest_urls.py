from django.urls import path

from incidents.ingest_views import ingest

urlpatterns = [
    path("<str:key>/", ingest, name="ingest"),
    path("<str:key>/<path:call>", ingest, name="ingest-call"),
]
