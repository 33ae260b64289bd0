"""The sweeps of this app, as the table SWEEPS of the settings runs them."""

from celery import shared_task

from roster import notices
from roster.sweeps import run_sweep


@shared_task(name="roster.deliver_notices")
def deliver_notices() -> None:
    """Every five seconds, and whenever somebody is to be told. A missed run delays notices."""
    run_sweep("roster.deliver_notices", lambda at: notices.deliver_due(at=at))
