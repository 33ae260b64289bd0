"""Queueing messages in the transaction that decides on them, and taking them back."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from comms.content import Content
from comms.models import WITHDRAWABLE_STATES, Message, MessageState, Priority, Update
from comms.models.messages import MessageQuerySet
from incidents.models import Incident, Page, Responder
from roster.doorbell import ring
from roster.models import Channel, ContactMethod, Notice, Person

GIVE_UP_AFTER = timedelta(hours=6)  # greylisting takes minutes, a mail server's repair hours


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
    rows = list(messages)
    Message.objects.bulk_create(rows, ignore_conflicts=True, batch_size=200)
    ring_for(*(row.channel for row in rows))


def ring_for(*channels: str) -> None:
    """Ask the workers to look at what is due on these channels."""
    for channel in dict.fromkeys(channels):
        ring(f"comms.send_{channel}")


def withdraw(messages: MessageQuerySet) -> int:
    """Take back what nobody is handing over at this moment; answers how many.

    What waits as a part of a bundle is left out of it, and a bundle of which nothing is left is
    taken back with its last part.
    """
    over = {"due_at": None, "lease_token": None, "leased_until": None}
    parts = messages.filter(state=MessageState.BUNDLED, bundle__state__in=WITHDRAWABLE_STATES)
    bundled = dict(parts.values_list("pk", "bundle"))
    count = messages.withdrawable().update(state=MessageState.WITHDRAWN, **over)
    if bundled:
        rows = Message.objects.filter(pk__in=bundled)
        count += rows.update(state=MessageState.WITHDRAWN)
        bundles = Message.objects.withdrawable().filter(bundled__in=bundled)
        empty = bundles.exclude(bundled__state=MessageState.BUNDLED).values_list("pk", flat=True)
        Message.objects.filter(pk__in=list(empty)).update(state=MessageState.WITHDRAWN, **over)
    return count
