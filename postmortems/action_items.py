"""Adding action items, during an incident or in its postmortem."""

from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction

from incidents.models import Incident, TimelineEntry
from postmortems.errors import PostmortemError
from postmortems.kinds import Kind
from postmortems.models import ActionItem, Postmortem
from postmortems.models.action_items import ActionKind, Priority
from roster.actors import Actor
from roster.models import Person
from roster.references import next_number


@dataclass(frozen=True)
class NewActionItem:
    """What somebody promises to do."""

    title: str
    kind: ActionKind = ActionKind.PREVENT
    priority: Priority = Priority.MEDIUM
    owner: Person | None = None
    due_on: date | None = None
    details: str = ""
    ticket_url: str = ""


def add_action_item(
    incident: Incident, item: NewActionItem, *, by: Actor, at: datetime
) -> ActionItem:
    """Record a promise, in the incident's postmortem where there is one."""
    if not item.title.strip():
        message = "Say in a few words what will be done."
        raise PostmortemError("title_required", message, {"title": [message]})
    with transaction.atomic():
        added = ActionItem.objects.create(
            number=next_number("AI"),
            incident=incident,
            postmortem=Postmortem.objects.filter(incident=incident).first(),
            created_at=at,
            **vars(item),
        )
        TimelineEntry.record(
            incident,
            Kind.ACTION_ITEM_ADDED,
            by=by,
            at=at,
            data={"action_item": added.reference, "title": added.title},
        )
    return added
