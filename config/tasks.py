"""The one task that belongs to no app."""

import logging
from urllib.request import urlopen

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from config import health

logger = logging.getLogger(__name__)

ANSWERS_WITHIN_SECONDS = 5


@shared_task(name="config.call_heartbeat")
def call_heartbeat() -> None:
    """Every 30 seconds, where HEARTBEAT_URL is set: call it, unless something is wrong.

    A missed call is what tells whoever watches that address, so a failed one is only logged.
    """
    if problems := list(health.problems(timezone.now())):
        logger.warning("No heartbeat is sent", extra={"problems": problems})
        return
    try:
        urlopen(settings.HEARTBEAT_URL, timeout=ANSWERS_WITHIN_SECONDS).close()  # noqa: S310 (the operator's own setting)
    except OSError as error:
        logger.warning("The heartbeat address does not answer", extra={"reason": str(error)})
