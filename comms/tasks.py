from celery import shared_task

from comms.outbox import draining
from comms.promises import check_due
from roster.models import Channel
from roster.sweeps import run_sweep


@shared_task(name="comms.send_email")
def send_email() -> None:
    """Every second, and whenever a mail is queued. A missed run delays mails."""
    with draining(Channel.EMAIL) as step:
        run_sweep("comms.send_email", step)


@shared_task(name="comms.send_apprise")
def send_apprise() -> None:
    """Every second, and whenever such a message is queued. A missed run delays SMS and push."""
    with draining(Channel.APPRISE) as step:
        run_sweep("comms.send_apprise", step)


@shared_task(name="comms.check_promises")
def check_promises() -> None:
    """Every ten seconds. A missed run delays reminders; those that piled up are sent as one."""
    run_sweep("comms.check_promises", lambda at: check_due(at=at))
