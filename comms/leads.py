"""Telling those on call for it that nobody leads an incident (R155)."""

from django.db import transaction

from comms.content import Content
from comms.facts import absolute
from comms.models import Priority
from comms.notification import stages
from comms.outbox import About, compose, enqueue
from comms.rendering import escape_markdown
from incidents.models import Role
from incidents.models.roles import IMOC, INCIDENT_MANAGER
from incidents.signals import entry_recorded
from incidents.timeline import TimelineEntry
from incidents.vocabulary import Kind, sentence
from roster import oncall
from roster.models import Person, Urgency


def connect() -> None:
    entry_recorded.connect(alarm, dispatch_uid="comms.leads")


def alarm(sender: type[TimelineEntry], entry: TimelineEntry, **kwargs: object) -> None:
    """By their rules for what is urgent, until somebody leads it or the alarm is repeated."""
    if entry.kind != Kind.LEAD_MISSING or not entry.incident.is_live or entry.incident.manager():
        return
    incident = entry.incident
    words = Content(
        f"{incident.reference} {incident.severity.name}: nobody leads it",
        f"{sentence(entry)}\n\n**{escape_markdown(incident.title)}**\n\n"
        "Take the lead, or assign somebody: "
        f"{absolute(incident.get_absolute_url())}",
    )
    with transaction.atomic():
        for person in _on_call(entry):
            enqueue(
                compose(
                    words,
                    stage.address,
                    key=f"lead-{entry.pk}-{person.pk}-{stage.address.slug}",
                    priority=Priority.REQUEST,
                    about=About(incident=incident),
                    at=entry.at,
                    due_at=entry.at + stage.delay,
                )
                for stage in stages(person, urgency=Urgency.HIGH, at=entry.at)
                if not stage.delay
            )


def _on_call(entry: TimelineEntry) -> list[Person]:
    """The incident manager on call and the IMOC, each once."""
    roles = Role.objects.filter(slug__in=[INCIDENT_MANAGER, IMOC], schedule__isnull=False)
    schedules = [role.schedule for role in roles.select_related("schedule") if role.schedule]
    found = oncall.on_call(schedules, entry.at)
    people = {each.person.pk: each.person for rows in found.values() for each in rows}
    return list(people.values())
