"""What an operator has to look at: a message that failed, an event that could not be read."""

from datetime import datetime, timedelta

from comms.models import Message, MessageState
from config.demo.organisation import Organisation
from incidents.models import AlertEvent
from incidents.processing import process_due


def leave_loose_ends(company: Organisation, at: datetime) -> None:
    _send_nonsense(company, at - timedelta(hours=5))
    _fail_a_message(company)


def _send_nonsense(company: Organisation, at: datetime) -> None:
    """Somebody pointed the wrong tool at our address: kept, set aside, and why."""
    AlertEvent.objects.create(
        integration=company.integration,
        received_at=at,
        due_at=at,
        content_type="application/json",
        body=b'{"text": "Build 4711 failed"}',
    )
    process_due(at=at)


def _fail_a_message(company: Organisation) -> None:
    """One mail of the latest update could not be delivered."""
    sent = Message.objects.filter(state=MessageState.SENT, update__isnull=False)
    message = sent.order_by("-pk").first()
    if message:
        Message.objects.filter(pk=message.pk).update(
            state=MessageState.DEAD,
            sent_at=None,
            attempts=1,
            last_error="The mail server refused the address: 550 5.1.1 User unknown",
            provider_response="",
        )
