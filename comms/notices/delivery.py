"""From a notice to messages, by the ways in which its person wants to be reached."""

from datetime import datetime, timedelta

from comms.models import Message, Priority
from comms.notices.registry import words_of
from comms.notification import Stage, stages
from comms.outbox import About, Address, compose, enqueue
from comms.outbox import withdraw as withdraw_messages
from roster.models import Notice, NoticeKind, Urgency


def deliver(sender: type[Notice], notice: Notice, at: datetime, **kwargs: object) -> None:
    """Queue the messages of a notice; a second time queues nothing (the keys are the same)."""
    content = words_of(notice)
    if content is None:
        return
    enqueue(
        compose(
            content,
            stage.address,
            key=f"notice-{notice.pk}-{stage.address.slug}",
            priority=_priority(notice),
            about=About(notice=notice),
            at=at,
            due_at=at + stage.delay,
        )
        for stage in _stages(notice, at)
    )


def withdraw(sender: type[Notice], notice: Notice, **kwargs: object) -> None:
    """Take back the messages of a notice that nobody is handing over at this moment."""
    withdraw_messages(Message.objects.filter(notice=notice))


def _stages(notice: Notice, at: datetime) -> list[Stage]:
    """A test page goes the whole way a page goes; anything else is told once.

    What is not urgent waits for the end of quiet hours, unless it has an address of its own:
    somebody asked for it there this minute.
    """
    if notice.contact_method:
        address = Address.of_method(notice.person, notice.contact_method)
        return [Stage(timedelta(), address)]
    found = stages(notice.person, urgency=notice.urgency, at=at)
    if notice.urgency == Urgency.HIGH:
        return found
    return [stage for stage in found if stage.delay == found[0].delay]


def _priority(notice: Notice) -> Priority:
    if notice.kind == NoticeKind.PAGE_TEST:
        return Priority.PAGE
    if notice.kind == NoticeKind.VERIFICATION_CODE:  # somebody sits and waits for it
        return Priority.REQUEST
    return Priority.REQUEST if notice.urgency == Urgency.HIGH else Priority.DIGEST
