"""The least a Django server can do to keep a POST: one view, no middleware, one INSERT."""

import os

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils import timezone

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()
settings.ROOT_URLCONF = __name__
settings.MIDDLEWARE = []

CREATE = "CREATE TABLE IF NOT EXISTS bench_bare (received_at timestamp, body {blob})"
INSERT = "INSERT INTO bench_bare (received_at, body) VALUES (%s, %s)"


def prepare() -> None:
    """Make the table the view writes to, empty."""
    blob = "bytea" if connection.vendor == "postgresql" else "blob"
    with connection.cursor() as cursor:
        cursor.execute(CREATE.format(blob=blob))
        cursor.execute("DELETE FROM bench_bare")


def keep(request: HttpRequest) -> HttpResponse:
    """Store the body, answer 202."""
    with connection.cursor() as cursor:
        cursor.execute(INSERT, [timezone.now(), request.body])
    return HttpResponse(status=202, headers={"Content-Length": "0"})


urlpatterns = [path("bare/", keep)]
application = WSGIHandler()
