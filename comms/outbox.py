"""The outbox: write a message in the transaction that decides on it, hand it over afterwards.

A message is claimed under a lease and marked `sending` before anything leaves; what the provider
answered is recorded only while the lease is still ours. A worker that dies in between leaves a
row in `sending`: nobody knows whether it went out, so it is sent again under the same key and
marked as possibly sent twice. It is never dropped.
"""

import logging
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import ModuleType

from django.db import transaction
from django.db.models import BooleanField, Case, F, Q, Value, When

from comms.channels import ChannelError, apprise, email
from comms.content import Content
from comms.entry_kinds import Kind
from comms.models import RETRIABLE_STATES, Message, MessageState, Priority, Update
from comms.models.messages import MessageQuerySet
from incidents.models import ENDED_PHASES, Incident, Page, Responder
from incidents.timeline import TimelineEntry
from roster.actors import Actor
from roster.doorbell import ring
from roster.errors import DomainError
from roster.leases import backoff, claim, still_mine
from roster.models import Channel, ContactMethod, Notice, Person

logger = logging.getLogger(__name__)

BATCH = 8
# Longer than a whole batch of time-outs, yet short: so long waits a page that a dead worker held.
LEASE_FOR = timedelta(seconds=100)
GIVE_UP_AFTER = timedelta(hours=6)  # greylisting takes minutes, a mail server's repair hours
CHANNELS: dict[str, ModuleType] = {Channel.EMAIL: email, Channel.APPRISE: apprise}
OUTBOX = Actor.system("outbox")


@dataclass(frozen=True)
class Address:
    """Where a message goes. `person` and `method` are None for an address nobody here owns."""

    channel: str
    recipient: str
    person: Person | None = None
    method: ContactMethod | None = None

    @classmethod
    def of_method(cls, person: Person, method: ContactMethod) -> "Address":
        saved = method if method.pk else None
        return cls(method.channel, method.address, person=person, method=saved)

    @property
    def slug(self) -> str:
        """Its part of an idempotency key, after the last hyphen."""
        return str(self.method.pk) if self.method else "profile"


@dataclass(frozen=True)
class About:
    """What a message is about, so that it can be found, withdrawn, and kept from strangers."""

    incident: Incident | None = None
    page: Page | None = None
    responder: Responder | None = None
    update: Update | None = None
    notice: Notice | None = None


# --- Writing -----------------------------------------------------------------------------------


def compose(
    content: Content,
    to: Address,
    *,
    key: str,
    priority: Priority,
    about: About,
    at: datetime,
    due_at: datetime | None = None,
) -> Message:
    """An unsaved message, due at once unless `due_at` says later.

    `key` makes it that message: letters, digits, hyphens; for a person it ends in `-<to.slug>`.
    """
    due_at = due_at or at
    return Message(
        key=key,
        channel=to.channel,
        recipient=to.recipient,
        person=to.person,
        contact_method=to.method,
        incident=about.incident,
        page=about.page,
        responder=about.responder,
        update=about.update,
        notice=about.notice,
        is_confidential=content.is_confidential,
        priority=priority,
        subject=content.subject[:300],
        body=content.text,
        html=content.html if to.channel == Channel.EMAIL else "",
        attachments=[dict(file) for file in content.attachments],
        created_at=at,
        due_at=due_at,
        give_up_at=due_at + GIVE_UP_AFTER,
    )


def enqueue(messages: Iterable[Message]) -> None:
    """Queue messages in the transaction that decided on them.

    One whose key is there already is left as it is: asking twice sends once.
    """
    Message.objects.bulk_create(messages, ignore_conflicts=True, batch_size=200)
    ring("comms.send_messages")


def withdraw(messages: MessageQuerySet) -> int:
    """Take back what nobody is handing over at this moment; answers how many."""
    return messages.withdrawable().update(
        state=MessageState.WITHDRAWN, due_at=None, lease_token=None, leased_until=None
    )


def retry(message: Message, *, by: Actor, at: datetime) -> None:
    """Have a failed message tried again at once, for a whole new period.

    Refused unless it is dead or waiting after a failure.
    """
    with transaction.atomic():
        failed = Message.objects.filter(pk=message.pk, state__in=RETRIABLE_STATES)
        if not failed.update(
            state=MessageState.QUEUED, due_at=at, attempts=0, give_up_at=at + GIVE_UP_AFTER
        ):
            raise DomainError(
                "message_not_failed",
                f"“{message}” has not failed; there is nothing to try again.",
            )
        _record(message, Kind.MESSAGE_RETRIED, by=by, at=at)
        ring("comms.send_messages")


# --- Sending -----------------------------------------------------------------------------------


def send_due(*, at: datetime, limit: int = BATCH) -> int:
    """Hand over the messages that are due, the most urgent first; answers how many were taken.

    Everything the network does happens outside any transaction.
    """
    batch = _claim(at=at, limit=limit)
    down: dict[str, ChannelError] = {}
    with ExitStack() as stack:
        senders = {
            channel: stack.enter_context(CHANNELS[channel].open())
            for channel in {message.channel for message in batch}
        }
        for message in batch:
            if _is_moot(message, at=at):
                _finish(message, state=MessageState.WITHDRAWN)
                continue
            try:
                if message.channel in down:
                    raise down[message.channel]
                answer = senders[message.channel].send(message)
            except ChannelError as error:
                if error.is_down:
                    down[message.channel] = error
                _record_failure(message, error, at=at)
            except Exception:  # a provider's library may raise anything; the queue goes on
                logger.exception("Could not hand over message %s", message.key)
                surprise = ChannelError("The channel failed unexpectedly.", permanent=False)
                _record_failure(message, surprise, at=at)
            else:
                _finish(
                    message,
                    state=MessageState.SENT,
                    sent_at=at,
                    provider_response=answer,
                    **_forgotten(message),
                )
    return len(batch)


def _claim(*, at: datetime, limit: int) -> list[Message]:
    """Claim a batch and mark it as being sent, before anything leaves.

    A row found in `sending` had a worker that died: whether it went out is unknown.
    """
    due = Message.objects.unsent().in_sending_order().select_related("incident")
    batch = claim(due, at=at, limit=limit, lease_for=LEASE_FOR)
    in_doubt = {row.pk for row in batch if row.state == MessageState.SENDING}
    if batch:
        taken = [row.pk for row in batch]
        Message.objects.filter(pk__in=taken, lease_token=batch[0].lease_token).update(
            state=MessageState.SENDING,
            possibly_sent_twice=Case(
                When(pk__in=in_doubt, then=Value(True)),
                default=F("possibly_sent_twice"),
                output_field=BooleanField(),
            ),
        )
    return batch


def _is_moot(message: Message, *, at: datetime) -> bool:
    """Whether a page need not be sent any more: answered, over, or repeated by a later one.

    After downtime this leaves one page per address and incident, and only if it is still true.
    A later one that still waits for its stage repeats nothing: it would put this one off.
    """
    if message.page_id is None:
        return False
    still_true = Page.objects.filter(pk=message.page_id, state=Page.State.PENDING).exclude(
        incident__phase__in=ENDED_PHASES
    )
    later = Message.objects.filter(
        Q(due_at__lte=at) | Q(sent_at__isnull=False),
        page__gt=message.page_id,
        incident=message.incident_id,
        channel=message.channel,
        recipient=message.recipient,
    )
    return not still_true.exists() or later.exists()


def _finish(message: Message, *, state: MessageState, **outcome: object) -> None:
    ours = still_mine(message).update(
        state=state, due_at=None, lease_token=None, leased_until=None, last_error="", **outcome
    )
    if not ours:
        logger.warning("Message %s outlived its lease and was taken by another", message.key)


def _forgotten(message: Message) -> dict[str, str]:
    """What is blanked when it is sent: a secret has no business in the outbox any more."""
    return {"body": "", "html": ""} if message.is_confidential else {}


def _record_failure(message: Message, error: ChannelError, *, at: datetime) -> None:
    """Wait and try again, or give up and say so on the incident; another way is tried at once."""
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
            return
        if is_final:
            _record(message, Kind.MESSAGE_FAILED, by=OUTBOX, at=at, error=str(error))
        _try_another_way(message, at=at)


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
        Message.objects.filter(pk=waiting.pk, state=MessageState.QUEUED, due_at__gt=at).update(
            due_at=at
        )
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
