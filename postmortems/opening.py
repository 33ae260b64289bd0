"""Opening a postmortem: who owns it, by when, and the first draft."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction

from incidents.models import Incident, RoleAssignment
from postmortems.drafting import draft_sections
from postmortems.errors import PostmortemError
from postmortems.kinds import Kind
from postmortems.models import Postmortem
from roster.actors import Actor
from roster.models import Person
from roster.references import next_number

REVIEW_AFTER_WORKING_DAYS = 2
REVIEW_TIME = time(14)
DEFAULT_DUE_DAYS = 14
SATURDAY = 5


def open_postmortem(
    incident: Incident, *, by: Actor, at: datetime, owner: Person | None = None
) -> Postmortem:
    """Open the postmortem of `incident`, drafted from the record, with a review proposed.

    The owner is the incident manager unless given. An incident has one postmortem: asking again
    is refused. Invitations are sent separately (`postmortems.invitations.send_invitations`).
    """
    if Postmortem.objects.filter(incident=incident).exists():
        raise PostmortemError(
            "already_open", f"{incident.reference} already has a postmortem. Continue there."
        )
    owner = owner or incident_manager(incident)
    with transaction.atomic():
        postmortem = Postmortem.objects.create(
            number=next_number("PM"),
            incident=incident,
            owner=owner,
            opened_at=at,
            due_on=_due_on(incident, owner, at),
            review_at=proposed_review(at, owner),
        )
        draft_sections(postmortem, at=at)
        postmortem.record(Kind.POSTMORTEM_OPENED, by=by, at=at, owner=owner.name if owner else "")
    return postmortem


def incident_manager(incident: Incident) -> Person | None:
    """Who manages the incident, or did last. One query."""
    last = (
        RoleAssignment.objects.filter(incident=incident, role__slug="incident-manager")
        .select_related("person")
        .order_by("-starts_at", "-pk")
        .first()
    )
    return last.person if last else None


def proposed_review(at: datetime, owner: Person | None) -> datetime:
    """The second next working day at 14:00 where the owner is; in UTC without an owner.

    Monday to Friday are working days; a review that falls on a holiday is moved by a person.
    """
    zone = zone_of(owner)
    day, working_days = at.astimezone(zone).date(), 0
    while working_days < REVIEW_AFTER_WORKING_DAYS:
        day += timedelta(days=1)
        working_days += day.weekday() < SATURDAY
    return datetime.combine(day, REVIEW_TIME, tzinfo=zone)


def zone_of(person: Person | None) -> ZoneInfo:
    return ZoneInfo(person.time_zone if person else "UTC")


def _due_on(incident: Incident, owner: Person | None, at: datetime) -> date:
    days = incident.severity.postmortem_due_days or DEFAULT_DUE_DAYS
    return at.astimezone(zone_of(owner)).date() + timedelta(days=days)
