"""How long pages wait to be handed over, from when they are due (PAGING-RULES, Guarantee 6).

A page that fails and is tried again is not late by this count: nothing that waits was left lying.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Min

from comms.models import Message, Priority
from comms.models.messages import MessageQuerySet
from comms.outbox import GIVE_UP_AFTER

LATE_AFTER = timedelta(seconds=30)
LOOK_BACK = timedelta(hours=1)
LOOKED_AT = 5_000  # pages at most, the latest


@dataclass(frozen=True)
class Late:
    """How many pages wait too long, and how long the oldest of them has."""

    count: int
    oldest: timedelta

    def __str__(self) -> str:
        """As people are told, in one sentence."""
        seconds = round(self.oldest.total_seconds())
        if self.count == 1:
            return f"A page has waited {seconds} s to be sent."
        return f"{self.count} pages wait to be sent, the oldest for {seconds} s."


def late_pages(*, at: datetime) -> Late | None:
    """The pages that were due too long ago and nobody has handed over; None if none. One query."""
    found = _waiting(before=at - LATE_AFTER).aggregate(count=Count("pk"), oldest=Min("due_at"))
    return Late(found["count"], at - found["oldest"]) if found["count"] else None


def oldest_due_page(*, at: datetime) -> timedelta:
    """How long the page that waits longest has been due; none waits, no time. One query."""
    oldest = _waiting(before=at).aggregate(oldest=Min("due_at"))["oldest"]
    return at - oldest if oldest else timedelta()


def _waiting(*, before: datetime) -> MessageQuerySet:
    return Message.objects.unsent().filter(priority__lte=Priority.PAGE, due_at__lt=before)


def lateness(*, at: datetime) -> list[timedelta]:
    """How late each page of the last hour was handed over, the promptest first. One query."""
    sent = Message.objects.filter(
        priority__lte=Priority.PAGE, sent_at__gt=at - LOOK_BACK, sent_at__lte=at
    )
    rows = sent.order_by("-sent_at").values_list("sent_at", "give_up_at")[:LOOKED_AT]
    return sorted(
        # When it became due is forgotten once it is sent; when it would be given up is not.
        max(sent_at - (give_up_at - GIVE_UP_AFTER), timedelta())
        for sent_at, give_up_at in rows
        if sent_at
    )


def quantile(sorted_times: list[timedelta], share: float) -> timedelta:
    """The time that this share of them did not exceed; no time where there are none."""
    if not sorted_times:
        return timedelta()
    return sorted_times[min(len(sorted_times) - 1, int(share * len(sorted_times)))]
