"""Reminding owners of postmortems and action items that are due soon, due, or overdue."""

from datetime import date, datetime, time, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet

from comms.content import Content
from comms.models import Message, Priority
from comms.outbox import About, Address, compose, enqueue
from comms.rendering import escape_markdown
from postmortems.models import ActionItem, Postmortem
from postmortems.opening import zone_of
from roster.models import Channel, Person

# The first reminder comes this long before the due day, the next ones until the thing is done.
REMIND_BEFORE = timedelta(days=3)
REMIND_EVERY = timedelta(days=3)
MORNING = time(9)


def remind_due(*, at: datetime, limit: int = 100) -> int:
    """Remind owners; answers how many rows were handled. Days are counted in UTC.

    `reminded_on` ends a row's turn for some days, and a message's key names the day, so that
    two runs at once tell nobody twice.
    """
    today = at.date()
    with transaction.atomic():
        rows: list[Postmortem | ActionItem] = [
            *_due(Postmortem.objects.unfinished(), today, limit),
            *_due(ActionItem.objects.open(), today, limit),
        ]
        messages = [_message(row, today=today, at=at) for row in rows]
        enqueue([message for message in messages if message])
        for row in rows:
            row.reminded_on = today
            row.save(update_fields=["reminded_on"])
    return len(rows)


def _due[Row: (Postmortem, ActionItem)](rows: QuerySet[Row], today: date, limit: int) -> list[Row]:
    not_lately = Q(reminded_on=None) | Q(reminded_on__lte=today - REMIND_EVERY)
    return list(
        rows.filter(not_lately, due_on__lte=today + REMIND_BEFORE)
        .select_related("owner", "incident")
        .order_by("due_on", "pk")[:limit]
    )


def _message(row: Postmortem | ActionItem, *, today: date, at: datetime) -> Message | None:
    """To the owner, in their morning; None when there is nobody to write to."""
    owner = row.owner
    if owner is None or not owner.email or not owner.is_active:
        return None
    to = Address(Channel.EMAIL, owner.email, person=owner)
    return compose(
        _content(row, owner, today),
        to,
        key=f"reminder-{row.reference}-{today}-{to.slug}",
        priority=Priority.DIGEST,
        about=About(incident=row.incident),
        at=at,
        due_at=_next_morning(at, owner),
    )


def _content(row: Postmortem | ActionItem, owner: Person, today: date) -> Content:
    title = row.title if isinstance(row, ActionItem) else f"postmortem of {row.incident}"
    when = _when(row.due_on, today)
    ask = (
        "Finish it, give it another day, or drop it with a reason"
        if isinstance(row, ActionItem)
        else "Send it to review, or say who will"
    )
    return Content(
        f"{row.incident.reference} {row.reference} {when}: {title}",
        f"{owner.name}, **{escape_markdown(title)}** ({row.reference}) {when}.\n\n"
        f"[{ask}]({row.url}).",
    )


def _when(due_on: date | None, today: date) -> str:
    days = (due_on - today).days if due_on else 0
    if days == 0:
        return "is due today"
    span = "1 day" if abs(days) == 1 else f"{abs(days)} days"
    return f"is due in {span}" if days > 0 else f"is {span} overdue"


def _next_morning(at: datetime, person: Person) -> datetime:
    local = at.astimezone(zone_of(person))
    morning = datetime.combine(local.date(), MORNING, tzinfo=local.tzinfo)
    return at if local >= morning else morning
