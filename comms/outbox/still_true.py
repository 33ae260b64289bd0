"""Whether what waits in the outbox need still be said.

After downtime this leaves one page for each person, channel and incident, and only if nobody has
answered yet (PAGING-RULES, Guarantee 4).
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db.models import Max, Q

from comms.models import UNSENT_STATES, Message, MessageState
from incidents.models import ENDED_PHASES, Page

# A bundle in one of these says, or has said, what its parts are about.
SAID_BY_BUNDLE = [*UNSENT_STATES, MessageState.SENT]


def still_true(messages: Sequence[Message], *, at: datetime) -> set[int]:
    """Those (ids) of the messages that are worth sending at this moment. Two queries at most.

    A page is not, once it is answered or over, once its person has left, or when a later one to
    the same address repeats it. A later one that still waits for its stage repeats nothing: it
    would put this one off. What is no page is always worth sending.
    """
    pages = [message for message in messages if message.page_id]
    if not pages:
        return {message.pk for message in messages}
    pending = _pending({message.page_id for message in pages if message.page_id})
    latest = _latest([message for message in pages if message.page_id in pending], at)
    return {
        message.pk
        for message in messages
        if message.page_id is None
        or (message.page_id in pending and latest.get(_place(message), 0) <= message.page_id)
    }


def _pending(page_pks: Iterable[int]) -> set[int]:
    pages = Page.objects.pending().filter(pk__in=page_pks, person__is_active=True)
    return set(pages.exclude(incident__phase__in=ENDED_PHASES).values_list("pk", flat=True))


def _place(message: Message) -> tuple[int | None, str, str]:
    return message.incident_id, message.channel, message.recipient


def _latest(messages: Sequence[Message], at: datetime) -> dict[tuple[int | None, str, str], int]:
    """By incident and address, the latest page of which a message is due or was sent."""
    if not messages:
        return {}
    said = Q(due_at__lte=at) | Q(sent_at__isnull=False)
    said |= Q(state=MessageState.BUNDLED, bundle__state__in=SAID_BY_BUNDLE)
    rows = Message.objects.filter(
        said,
        page__isnull=False,
        incident__in={message.incident_id for message in messages},
        recipient__in={message.recipient for message in messages},
    )
    found = rows.order_by().values_list("incident", "channel", "recipient")
    return {
        (incident, channel, recipient): page
        for incident, channel, recipient, page in found.annotate(Max("page"))
    }
