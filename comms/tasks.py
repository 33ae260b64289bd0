from celery import shared_task

from comms.outbox import send_due
from comms.promises import check_due
from roster.sweeps import run_sweep


@shared_task(name="comms.send_messages")
def send_messages() -> None:
    """Every second, and whenever a message is queued. A missed run delays messages."""
    run_sweep("comms.send_messages", lambda at: send_due(at=at))


@shared_task(name="comms.check_promises")
def check_promises() -> None:
    """Every ten seconds. A missed run delays reminders; those that piled up are sent as one."""
    run_sweep("comms.check_promises", lambda at: check_due(at=at))
