"""Asking people to help, repeating what goes unanswered, and letting everyone go."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import transaction

from incidents.models.responders import Responder, ResponderError
from incidents.models.services import Service
from incidents.phases import ENDED_PHASES
from incidents.timeline import TimelineEntry
from incidents.vocabulary import Kind
from roster.actors import Actor
from roster.escalation_targets import people_at
from roster.leases import claim, still_mine
from roster.models import Person, Team

if TYPE_CHECKING:
    from incidents.models.incident import Incident

MAX_REMINDERS = 3
LEASE_FOR = timedelta(minutes=1)
REMINDING = Actor.system("Reminders")


def request_responder(
    incident: "Incident",
    person: Person,
    *,
    purpose: str = Responder.Purpose.INVESTIGATE,
    area: str = "",
    message: str = "",
    by: Actor,
    at: datetime,
) -> Responder:
    """Ask one person to help, perhaps with one `area` of it (R097).

    Whoever was released or declined may be asked again, which makes a new row. Raises
    ResponderError if the person is asked or engaged already or no longer active, and on an incident
    that has ended.
    """
    with transaction.atomic():
        incident.lock()
        _refuse_ended(incident)
        if not person.is_active:
            raise ResponderError("person_inactive", f"{person.name} is no longer active.")
        engaged = incident.responders.open().filter(person=person).first()
        if engaged is not None:
            state = "engaged in" if engaged.state == Responder.State.ACKNOWLEDGED else "asked for"
            raise ResponderError(
                "already_requested",
                f"{person.name} is already {state} {incident.reference}.",
            )
        return _request(incident, person, purpose=purpose, area=area, message=message, by=by, at=at)


def request_team(
    incident: "Incident",
    team: Team,
    *,
    purpose: str = Responder.Purpose.INVESTIGATE,
    message: str = "",
    by: Actor,
    at: datetime,
) -> list[Responder]:
    """Ask every active member of a team, each with a request of their own (R003).

    Those asked or engaged already are left as they are. Raises ResponderError if nobody is left.
    """
    members = team.members.active().order_by("name", "pk")
    return _request_each(
        incident, members, str(team), purpose=purpose, message=message, by=by, at=at
    )


def request_on_call(
    incident: "Incident",
    service: Service,
    *,
    purpose: str = Responder.Purpose.INVESTIGATE,
    message: str = "",
    by: Actor,
    at: datetime,
) -> list[Responder]:
    """Ask whoever the service's policy would page first at `at`: its first step with somebody.

    Raises ResponderError if the service has no policy, or it leads to nobody new.
    """
    policy = service.effective_policy()
    if policy is None:
        raise ResponderError(
            "no_policy",
            f"{service} has no escalation policy. Ask a person or a team instead.",
        )
    people: list[Person] = []
    for step in policy.steps.all():
        people = [target.person for target in people_at(step, at=at)]
        if people:
            break
    who = f"The on-call of {service}"
    return _request_each(incident, people, who, purpose=purpose, message=message, by=by, at=at)


def release_all(
    incident: "Incident",
    *,
    by: Actor,
    at: datetime,
    reason: str = "",
    keep: Collection[Responder] = (),
    is_automatic: bool = False,
) -> list[Responder]:
    """Release everyone engaged, and withdraw what is unanswered, except those in `keep` (R018)."""
    kept = [responder.pk for responder in keep]
    with transaction.atomic():
        leaving = list(
            incident.responders.open().exclude(pk__in=kept).select_related("person").order_by("pk")
        )
        for responder in leaving:
            responder.incident = incident
            responder.release(by=by, at=at, reason=reason, is_automatic=is_automatic)
    return leaving


def remind_due(*, at: datetime, limit: int = 100) -> int:
    """Repeat the requests that nobody answered in time; return how many were handled.

    After `MAX_REMINDERS` the incident's timeline says that the person does not answer, once, and
    nothing more is due. Safe to run twice at once: each row is claimed and finished conditionally.
    """
    waiting = Responder.objects.unanswered().select_related("person", "incident__severity")
    rows = claim(waiting, at=at, limit=limit, lease_for=LEASE_FOR)
    for responder in rows:
        _remind(responder, at=at)
    return len(rows)


def _remind(responder: Responder, *, at: datetime) -> None:
    given_up = responder.reminders_sent >= MAX_REMINDERS
    reminders = responder.reminders_sent + (not given_up)
    every = timedelta(minutes=responder.incident.severity.request_repeat_minutes)
    with transaction.atomic():
        if not (
            still_mine(responder)
            .filter(state=Responder.State.REQUESTED)
            .update(
                reminders_sent=reminders,
                due_at=None if given_up else at + every,
                lease_token=None,
                leased_until=None,
            )
        ):
            return
        TimelineEntry.record(
            responder.incident,
            Kind.RESPONDER_UNANSWERED if given_up else Kind.RESPONDER_REMINDED,
            by=REMINDING,
            at=at,
            data=_data_of(responder) | {"reminders": reminders},
        )


def _request_each(
    incident: "Incident",
    people: Iterable[Person],
    who: str,
    *,
    purpose: str,
    message: str,
    by: Actor,
    at: datetime,
) -> list[Responder]:
    with transaction.atomic():
        incident.lock()
        _refuse_ended(incident)
        taken = set(incident.responders.open().values_list("person_id", flat=True))
        requested = [
            _request(incident, person, purpose=purpose, message=message, by=by, at=at)
            for person in people
            if person.pk not in taken
        ]
        if not requested:
            raise ResponderError(
                "nobody_to_request",
                f"{who} has nobody who is not asked or engaged already. Ask a person by name.",
            )
    return requested


def _request(
    incident: "Incident",
    person: Person,
    *,
    purpose: str,
    area: str = "",
    message: str,
    by: Actor,
    at: datetime,
) -> Responder:
    responder = Responder.objects.create(
        incident=incident,
        person=person,
        purpose=purpose,
        area=area,
        message=message,
        requested_by=by.person,
        requested_by_name=by.name,
        requested_at=at,
        due_at=at + timedelta(minutes=incident.severity.request_repeat_minutes),
    )
    purpose = responder.get_purpose_display().lower()
    data = _data_of(responder) | {"purpose": f"{purpose}: {area}" if area else purpose}
    TimelineEntry.record(incident, Kind.RESPONDER_REQUESTED, by=by, at=at, text=message, data=data)
    return responder


def _refuse_ended(incident: "Incident") -> None:
    if incident.phase in ENDED_PHASES:
        raise ResponderError(
            "incident_ended",
            f"{incident.reference} is already {incident.get_phase_display().lower()}."
            " Reopen it to add responders.",
        )


def _data_of(responder: Responder) -> dict[str, object]:
    return {
        "responder": responder.pk,
        "person": responder.person.name,
        "person_id": responder.person_id,
    }
