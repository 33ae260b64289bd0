"""How far the messages of a notice have come, for the pages of the roster."""

from collections import defaultdict
from collections.abc import Sequence

from comms.models import Message, MessageState
from roster.deliveries import Delivery
from roster.models import Notice

TONES = {
    MessageState.QUEUED: "blue",
    MessageState.SENDING: "blue",
    MessageState.SENT: "green",
    MessageState.BUNDLED: "green",
    MessageState.FAILED: "amber",
    MessageState.DEAD: "red",
    MessageState.WITHDRAWN: "gray",
}


def deliveries(notices: Sequence[Notice]) -> dict[int, list[Delivery]]:
    """One query, whatever their number."""
    found: dict[int, list[Delivery]] = defaultdict(list)
    messages = Message.objects.filter(notice__in=notices).select_related("contact_method")
    for message in messages.order_by("created_at", "due_at", "pk"):
        found[message.notice_id or 0].append(_delivery(message))
    return found


def _delivery(message: Message) -> Delivery:
    state = MessageState(message.state)
    return Delivery(
        to=str(message.contact_method or "Profile e-mail"),
        state="Not needed any more" if state == MessageState.WITHDRAWN else state.label,
        tone=TONES[state],
        at=message.sent_at or message.due_at,
        error=message.last_error,
    )
