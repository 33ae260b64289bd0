"""The WSGI entry point, warmed before it takes requests."""

import logging
import os

from django.core.wsgi import get_wsgi_application
from django.db import DatabaseError, connection
from django.urls import resolve

logger = logging.getLogger(__name__)

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_wsgi_application()


def warm() -> None:
    """Do now what the first request would otherwise wait about a second for.

    Resolving any address imports every view; the connection loads the driver. A database that is
    down is no reason not to start: `/readyz` says so, and intake answers 503 until it is back.
    """
    resolve("/healthz")
    try:
        connection.ensure_connection()
    except DatabaseError:
        logger.warning("The database does not answer yet.")
    finally:
        connection.close()


warm()
