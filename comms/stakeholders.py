"""What stakeholders are told without anyone sitting down to write: at declaring, and the draft of
the last update at restoring."""

from collections.abc import Sequence
from datetime import datetime

from comms.audiences import concerned, recipients
from comms.models import Audience, AudienceKind, Purpose, Update
from comms.models.updates import UpdateQuerySet
from comms.updates import Draft, draft_update, send_update, usual_next, worded
from incidents.models import LIVE_PHASES, Incident, Phase
from roster.actors import Actor

INTERNAL = AudienceKind.INTERNAL


def tell_at_declare(incident: Incident, *, by: Actor, at: datetime) -> Update | None:
    """Send the first internal update from its template. None when nobody asked to be told.

    Repeating it does nothing: an incident has one first update.
    """
    if incident.phase not in LIVE_PHASES or _sent(incident).exists():
        return None
    return _tell(incident, _told_at_declare(incident), by=by, at=at)


def tell_newly_concerned(incident: Incident, *, by: Actor, at: datetime) -> Update | None:
    """After a change of severity: tell those who are told at declaring and were not yet."""
    if incident.declared_at is None or incident.phase not in LIVE_PHASES:
        return None
    told = set(_sent(incident).values_list("audiences", flat=True))
    new = [audience for audience in _told_at_declare(incident) if audience.pk not in told]
    return _tell(incident, new, by=by, at=at)


def draft_final(incident: Incident, *, by: Actor, at: datetime) -> Update | None:
    """Draft what ends the story for those who followed it; a person reads it and sends it."""
    told = Audience.objects.active().filter(updates__in=_sent(incident).filter(kind=INTERNAL))
    audiences = list(told.distinct().order_by("name"))
    waiting = Update.objects.filter(incident=incident, is_last=True, kind=INTERNAL)
    if incident.phase != Phase.RESTORED or not audiences or waiting.exists():
        return None
    content = worded(incident, kind=INTERNAL, author=by.name, is_last=True, at=at)
    draft = Draft(content.subject, content.markdown, audiences, is_last=True)
    return draft_update(incident, kind=INTERNAL, draft=draft, by=by, at=at)


def _sent(incident: Incident) -> UpdateQuerySet:
    return Update.objects.sent().filter(incident=incident)


def _told_at_declare(incident: Incident) -> list[Audience]:
    return [audience for audience in concerned(incident, kind=INTERNAL) if audience.told_at_declare]


def _tell(
    incident: Incident, audiences: Sequence[Audience], *, by: Actor, at: datetime
) -> Update | None:
    """Tell those who need nobody's approval; the others wait for a person to write to them."""
    ready = [audience for audience in audiences if not audience.requires_approval]
    if not recipients(ready, incident=incident):
        return None
    next_due_at = usual_next(incident, kind=INTERNAL, at=at)
    content = worded(
        incident,
        kind=INTERNAL,
        purpose=Purpose.DECLARED,
        author=by.name,
        next_due_at=next_due_at,
        at=at,
    )
    draft = Draft(content.subject, content.markdown, ready, next_due_at=next_due_at)
    update = draft_update(incident, kind=INTERNAL, draft=draft, by=by, at=at)
    send_update(update, by=by, at=at)
    return update
