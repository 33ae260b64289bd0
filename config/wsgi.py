"""The WSGI entry point, warmed before it takes requests."""

import logging
import os

from django.core.wsgi import get_wsgi_application
from django.db import DatabaseError, connection
from django.urls import resolve

logger = logging.getLogger(__name__)

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_wsgi_application()

from incidents import intake_keys  # noqa: E402  # needs the apps set up first


def warm() -> None:
    """Do now what the first request would otherwise wait about a second for.

    Resolving any address imports every view; the connection loads the driver. A database that is
    down is no reason not to start: `/readyz` says so, and intake spools what comes with a key that
    was known an hour ago.
    """
    resolve("/healthz")
    try:
        connection.ensure_connection()
        intake_keys.refresh()
    except DatabaseError:
        intake_keys.recall()
        logger.warning("The database does not answer yet.")
    finally:
        connection.close()


warm()
