"""What did not arrive: tried again later, by another way at once, and said on the incident."""

from datetime import datetime

from django.db import transaction

from comms.channels import ChannelError
from comms.entry_kinds import Kind
from comms.models import RETRIABLE_STATES, Message, MessageState
from comms.outbox.bundles import is_bundle, parts_of
from comms.outbox.writing import GIVE_UP_AFTER, Address, enqueue, ring_for
from incidents.timeline import TimelineEntry
from roster.actors import Actor
from roster.errors import DomainError
from roster.leases import backoff, still_mine

OUTBOX = Actor.system("outbox")
# Where a provider may still say that it did not deliver.
HANDED_OVER = [MessageState.SENT, MessageState.SENDING]


def record_failure(message: Message, error: ChannelError, *, at: datetime) -> bool:
    """Wait and try again, or give up and say so on the incident; another way is tried at once.

    False, and nothing changed, if the message is another worker's by now.
    """
    is_final = error.permanent or at >= message.give_up_at
    with transaction.atomic():
        ours = still_mine(message).update(
            state=MessageState.DEAD if is_final else MessageState.FAILED,
            due_at=None if is_final else at + backoff(message.attempts),
            lease_token=None,
            leased_until=None,
            last_error=str(error),
            possibly_sent_twice=message.possibly_sent_twice or error.outcome_unknown,
        )
        if not ours:
            return False
        for part in _said_by(message, at=at):
            if is_final:
                _record(part, Kind.MESSAGE_FAILED, by=OUTBOX, at=at, error=str(error))
            _try_another_way(part, at=at)
    return True


def report_undelivered(message: Message, reason: str, *, by: Actor, at: datetime) -> bool:
    """Take in that a provider, having accepted the message, could not deliver it after all.

    The person's next method is tried at once, as if the channel had failed, and the incident says
    so. False, and nothing changed, if that is known already. Raises DomainError for a message that
    was not handed over.
    """
    reason = reason.strip() or "The provider gave no reason."
    with transaction.atomic():
        handed_over = Message.objects.filter(pk=message.pk, state__in=HANDED_OVER)
        # Whoever is handing it over at this moment finds the lease gone, and records nothing.
        changed = handed_over.update(
            state=MessageState.DEAD,
            sent_at=None,
            due_at=None,
            lease_token=None,
            leased_until=None,
            last_error=f"Not delivered: {reason}",
        )
        if not changed:
            message.refresh_from_db()
            if message.state == MessageState.DEAD:
                return False
            raise DomainError(
                "message_not_sent",
                f"“{message}” was not handed over to a provider; nothing can have come back.",
            )
        sent_at = message.sent_at.isoformat() if message.sent_at else ""
        for part in _said_by(message, at=at):
            data = {"error": reason, "sent_at": sent_at}
            _record(part, Kind.MESSAGE_UNDELIVERED, by=by, at=at, **data)
            _try_another_way(part, at=at)
    return True


def retry(message: Message, *, by: Actor, at: datetime) -> None:
    """Have a failed message tried again at once, for a whole new period.

    Refused unless it is dead or waiting after a failure, and for a secret that was forgotten.
    """
    if message.is_confidential and not message.body:
        raise DomainError(
            "message_forgotten",
            f"What “{message}” said was for one person's eyes and is kept no longer."
            " Have a new one made instead.",
        )
    with transaction.atomic():
        failed = Message.objects.filter(pk=message.pk, state__in=RETRIABLE_STATES)
        if not failed.update(
            state=MessageState.QUEUED, due_at=at, attempts=0, give_up_at=at + GIVE_UP_AFTER
        ):
            raise DomainError(
                "message_not_failed",
                f"“{message}” has not failed; there is nothing to try again.",
            )
        for part in _said_by(message, at=at):
            _record(part, Kind.MESSAGE_RETRIED, by=by, at=at)
        ring_for(message.channel)


def _said_by(message: Message, *, at: datetime) -> list[Message]:
    """What the message is to the people and incidents it is about: itself, or a bundle's parts."""
    return parts_of(message, at=at) if is_bundle(message) else [message]


def _record(message: Message, kind: str, *, by: Actor, at: datetime, **data: str) -> None:
    if message.incident:
        about = {"message": message.pk, "subject": message.subject, "channel": message.channel}
        to = message.person.name if message.person else message.recipient
        TimelineEntry.record(
            message.incident, kind, by=by, at=at, data={**about, "person": to, **data}
        )


def _try_another_way(message: Message, *, at: datetime) -> None:
    """The person's next method, at once: the one that waits for its time, or one not used yet."""
    if not message.person or not (message.page_id or message.responder_id):
        return
    stem = message.key.rpartition("-")[0] + "-"
    siblings = Message.objects.filter(
        page=message.page_id, responder=message.responder_id, key__startswith=stem
    ).exclude(pk=message.pk)
    waiting = siblings.filter(state=MessageState.QUEUED).order_by("due_at").first()
    if waiting:
        sooner = Message.objects.filter(pk=waiting.pk, state=MessageState.QUEUED, due_at__gt=at)
        if sooner.update(due_at=at, give_up_at=at + GIVE_UP_AFTER):
            ring_for(waiting.channel)
        return
    tried = {message.recipient, *siblings.values_list("recipient", flat=True)}
    for method in message.person.reachable_methods():
        if method.address not in tried:
            _copy(message, Address.of_method(message.person, method), stem=stem, at=at)
            return


def _copy(message: Message, to: Address, *, stem: str, at: datetime) -> None:
    """The same message by another channel."""
    copy = Message(
        key=f"{stem}{to.slug}",
        channel=to.channel,
        recipient=to.recipient,
        person=to.person,
        contact_method=to.method,
        created_at=at,
        due_at=at,
        give_up_at=at + GIVE_UP_AFTER,
    )
    for name in ("incident_id", "page_id", "responder_id", "priority", "subject", "body"):
        setattr(copy, name, getattr(message, name))
    enqueue([copy])
