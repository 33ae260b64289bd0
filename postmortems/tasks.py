"""What Celery calls."""

from celery import shared_task

from postmortems.reminders import remind_due
from roster.sweeps import run_sweep


@shared_task(name="postmortems.remind_owners")
def remind_owners() -> None:
    """Every five minutes. A missed run costs those minutes: the next finds the same rows."""
    run_sweep("postmortems.remind_owners", lambda at: remind_due(at=at))
