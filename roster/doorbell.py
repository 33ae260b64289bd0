"""The doorbell: tell the workers that a table has something due, without relying on it."""

import logging
from datetime import timedelta
from time import monotonic

from celery import current_app
from django.db import transaction

logger = logging.getLogger(__name__)

QUIET_FOR = timedelta(milliseconds=100)
# A broker that is away is left alone: trying it makes the one who rings wait.
UNHEARD_FOR = timedelta(seconds=5)
# Unheard rings are dropped by the worker, or a stopped one would wake up to a pile of them.
RING_EXPIRES = timedelta(seconds=10)

_last_rung: dict[str, float] = {}


def ring(task_name: str) -> None:
    """Once the transaction commits, ask a worker to run the sweep `task_name` now.

    Rings for one task within 100 ms of another in this process are left out, for five seconds if
    the broker cannot be reached. That is no error: beat runs the same sweep every second.
    """
    transaction.on_commit(lambda: _ring(task_name))


def _ring(task_name: str) -> None:
    now = monotonic()
    if now - _last_rung.get(task_name, 0.0) < QUIET_FOR.total_seconds():
        return
    _last_rung[task_name] = now
    try:
        current_app.send_task(task_name, expires=RING_EXPIRES.total_seconds(), ignore_result=True)
    except Exception:  # kombu lets each transport raise its own
        logger.warning("Could not ring %s; its sweep will find the row", task_name)
        _last_rung[task_name] = now + UNHEARD_FOR.total_seconds()
