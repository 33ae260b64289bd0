"""How a first responder ends their part: solved it, or passed it on and stays (R034)."""

from datetime import datetime

from django.db import transaction

from incidents.models import Incident, IncidentError, Phase, Responder
from incidents.responders import request_responder, request_team
from incidents.timeline import TimelineEntry
from incidents.vocabulary import Kind
from roster.actors import Actor
from roster.models import Team


def resolve(incident: Incident, *, summary: str, by: Actor, at: datetime) -> None:
    """Solved without calling anybody: declared as it is, restored and closed in one go.

    Raises IncidentError for a severity that demands the whole process (R033), and without a line
    that says what was done.
    """
    if not summary:
        raise IncidentError.of_field("summary", "Say in one line what you did.")
    if incident.severity.is_major:
        raise IncidentError(
            "major",
            f"{incident.severity} asks for the whole process. Declare it, or change the severity.",
        )
    with transaction.atomic():
        incident.lock()
        if incident.phase == Phase.DETECTED:
            reason = "Resolved at first line."
            severity = incident.severity
            incident.declare(
                extent=None, degree=None, severity=severity, reason=reason, by=by, at=at
            )
        TimelineEntry.record(
            incident, Kind.RESOLVED_AT_FIRST_LINE, by=by, at=at, data={"by": by.name}
        )
        incident.close(by=by, at=at, summary=summary)


def escalate_to_team(
    incident: Incident, team: Team, *, message: str = "", by: Actor, at: datetime
) -> list[Responder]:
    """Ask a team to take over; whoever passes it on supports them until released.

    Raises ResponderError if the team has nobody who is not asked already.
    """
    with transaction.atomic():
        incident.lock()
        data = {"team": str(team)}
        TimelineEntry.record(
            incident, Kind.ESCALATED_TO_TEAM, by=by, at=at, text=message, data=data
        )
        _stay(incident, by=by, at=at)
        return request_team(incident, team, message=message, by=by, at=at)


def _stay(incident: Incident, *, by: Actor, at: datetime) -> None:
    """Unless they are engaged already."""
    if by.person is None or not by.person.is_active:
        return
    if incident.responders.open().filter(person=by.person).exists():
        return
    purpose = Responder.Purpose.SUPPORT
    own = request_responder(incident, by.person, purpose=purpose, by=by, at=at)
    own.acknowledge(by=by, at=at)
