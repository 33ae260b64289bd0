"""Copies of pages for those who stand beside the person on call (R172).

A shadow reads along and holds no duty: the copy has no link to answer by, is no page, and no
escalation counts it. A mentor who stands by a trainee is reached as the trainee is; a learner's
copy may wait for the end of their quiet hours. Copies of private incidents go to nobody.
"""

from datetime import datetime

from django.db import transaction

from comms.content import Content
from comms.facts import absolute
from comms.models import Message, Priority
from comms.notification import stages
from comms.outbox import About, compose, enqueue
from comms.rendering import escape_markdown
from incidents.models import Page
from incidents.signals import entry_recorded
from incidents.timeline import TimelineEntry
from incidents.vocabulary import Kind
from roster import shadowing
from roster.models import EscalationTarget, Schedule, Shadowing, Urgency
from roster.oncall import on_call


def connect() -> None:
    entry_recorded.connect(copy_page, dispatch_uid="comms.shadow_copies")


def copy_page(sender: type[TimelineEntry], entry: TimelineEntry, **kwargs: object) -> None:
    """One copy to each observer for each person paged by an escalation, however often."""
    if entry.kind != Kind.RESPONDER_PAGED:
        return
    pages = Page.objects.select_related("incident__severity", "person", "escalation")
    page = pages.get(pk=entry.data["page"])
    if page.incident.is_private:
        return
    schedules = _schedules_of(page, entry.at)
    if not schedules:
        return
    with transaction.atomic():
        for rows in shadowing.observers(schedules, entry.at).values():
            for row in shadowing.beside(rows, page.person):
                enqueue(_copies(page, row, at=entry.at))


def _schedules_of(page: Page, at: datetime) -> list[Schedule]:
    """The schedules of the step that paged this person, on which they are on call."""
    if page.step_id is None:
        return []
    targets = EscalationTarget.objects.filter(step=page.step_id, schedule__isnull=False)
    schedules = {target.schedule for target in targets.select_related("schedule")}
    asked = [schedule for schedule in schedules if schedule]
    if not asked:
        return []
    found = on_call(asked, at)
    return [
        schedule
        for schedule in asked
        if any(each.person.pk == page.person_id for each in found[schedule.pk])
    ]


def _copies(page: Page, row: Shadowing, *, at: datetime) -> list[Message]:
    is_mentor = row.kind == Shadowing.Kind.REVERSE
    urgency = page.urgency if is_mentor else Urgency.LOW
    found = stages(row.person, urgency=urgency, at=at)
    return [
        compose(
            _words(page, row),
            stage.address,
            key=f"copy-{page.escalation_id}-{page.person_id}-{row.pk}-{stage.address.slug}",
            priority=Priority.DIGEST,
            about=About(incident=page.incident),
            at=at,
            due_at=at + stage.delay,
        )
        for stage in found
        if stage.delay == found[0].delay
    ]


def _words(page: Page, row: Shadowing) -> Content:
    incident = page.incident
    who, where = escape_markdown(page.person.name), escape_markdown(row.schedule.name)
    role = (
        f"You stand by {who}, who is on call for {where}. They were paged; ask how it goes, and "
        "help where they ask for it."
        if row.kind == Shadowing.Kind.REVERSE
        else f"You shadow {who}, who is on call for {where}. They were paged; watch how they go "
        "about it."
    )
    return Content(
        f"Copy: {incident.reference} {incident.severity.name}: {incident.title}",
        f"This is a copy. You hold no duty, and there is nothing you must answer.\n\n{role}\n\n"
        f"**{escape_markdown(incident.title)}**\n\n"
        f"Incident: {absolute(incident.get_absolute_url())}",
    )
