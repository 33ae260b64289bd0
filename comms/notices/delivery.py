"""From a notice to messages, by the ways in which its person wants to be reached."""

from datetime import datetime, timedelta

from comms.models import Priority
from comms.notices.registry import words_of
from comms.notification import Stage, stages
from comms.outbox import About, Address, compose, enqueue
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
            about=About(),
            at=at,
            due_at=at + stage.delay,
        )
        for stage in _stages(notice)
    )


def _stages(notice: Notice) -> list[Stage]:
    """A test page goes the whole way a page goes; anything else is told once, at once."""
    if notice.contact_method:
        address = Address.of_method(notice.person, notice.contact_method)
        return [Stage(timedelta(), address)]
    found = stages(notice.person, urgency=notice.urgency)
    if notice.urgency == Urgency.HIGH:
        return found
    return [stage for stage in found if stage.delay == found[0].delay]


def _priority(notice: Notice) -> Priority:
    if notice.kind == NoticeKind.PAGE_TEST:
        return Priority.PAGE
    return Priority.REQUEST if notice.urgency == Urgency.HIGH else Priority.DIGEST
