"""What this app does when incidents announce something.

Receivers may be called twice for one entry, so each asks first what is there already.
"""

from typing import Any

from django.db import transaction

from incidents.models import Incident, Phase, TimelineEntry
from incidents.signals import entry_recorded, incident_closing
from postmortems.invitations import send_invitations
from postmortems.kinds import Kind
from postmortems.models import Postmortem, PostmortemState
from postmortems.opening import open_postmortem
from roster.actors import Actor

POSTMORTEMS = Actor.system("Muster")

# After these an incident may need a postmortem that it has not got: it is over, or turned out
# to be worse than thought when it was already over.
OPENING_KINDS = {"incident_restored", "incident_closed", "severity_changed"}
OVER_PHASES = {Phase.RESTORED, Phase.LEARNING, Phase.CLOSED}


def connect() -> None:
    entry_recorded.connect(on_entry, dispatch_uid="postmortems.on_entry")
    incident_closing.connect(lacking_before_close, dispatch_uid="postmortems.lacking_before_close")


def on_entry(sender: type[TimelineEntry], *, entry: TimelineEntry, **kwargs: Any) -> None:
    """`kwargs` is what Django requires of receivers."""
    if entry.kind in OPENING_KINDS:
        prepare_learning(entry)
    elif entry.kind == "incident_reopened":
        note_reopening(entry)


@transaction.atomic
def prepare_learning(entry: TimelineEntry) -> None:
    """Open the postmortem that the severity demands, and invite those who took part (R022).

    An incident restored a second time keeps its postmortem; who joined since is invited.
    """
    incident = Incident.objects.select_related("severity").get(pk=entry.incident_id)
    if incident.phase not in OVER_PHASES:
        return
    postmortem = Postmortem.objects.filter(incident=incident).first()
    if postmortem is None and incident.severity.postmortem_required:
        postmortem = open_postmortem(incident, by=POSTMORTEMS, at=entry.recorded_at)
    if postmortem and postmortem.review_at and postmortem.review_at > entry.recorded_at:
        send_invitations(postmortem, by=POSTMORTEMS, at=entry.recorded_at)


@transaction.atomic
def note_reopening(entry: TimelineEntry) -> None:
    """Nothing is deleted when a fix did not hold: the record says that the postmortem goes on."""
    postmortem = Postmortem.objects.filter(incident=entry.incident_id).first()
    if postmortem is None:
        return
    noted = TimelineEntry.objects.filter(
        incident=entry.incident_id, kind=Kind.POSTMORTEM_NOTED, data__about=entry.pk
    )
    if not noted.exists():
        postmortem.record(
            Kind.POSTMORTEM_NOTED,
            by=POSTMORTEMS,
            at=entry.recorded_at,
            about=entry.pk,
            why="the incident was reopened; bring the text up to date when it is over",
        )


def lacking_before_close(sender: object, *, incident: Incident, **kwargs: Any) -> str | None:
    """Where the severity demands a postmortem: the sentence that says it is not there yet.

    A reminder: incidents lets somebody close all the same who gives a reason.
    """
    if not incident.severity.postmortem_required:
        return None
    postmortem = Postmortem.objects.filter(incident=incident).first()
    if postmortem is None:
        return f"{incident.severity} asks for a postmortem. Open it first."
    if postmortem.state in {PostmortemState.DRAFT, PostmortemState.IN_REVIEW}:
        return f"{postmortem.reference} is not approved yet. Complete it first."
    return None
