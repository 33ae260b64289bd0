"""How long somebody's "mine" holds (PAGING-RULES, Escalation).

An acknowledgement lapses when the severity says that it may and nobody has shown a sign of work for
so long: then whoever acknowledged is paged again, and whoever is on call by now. A snooze is one
until a time. Signs of work are read off the timeline when it would lapse, so that nothing else
needs to know of this.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Max, Q

from incidents.escalation import settle_paging, start_over
from incidents.models import Acknowledgement, Incident, IncidentError, Phase, TimelineEntry
from incidents.vocabulary import PHASE_KINDS, Kind
from roster.actors import Actor
from roster.errors import DomainError
from roster.leases import backoff, claim, release, still_mine

logger = logging.getLogger(__name__)

SYSTEM = Actor.system("escalation")
LEASE_FOR = timedelta(seconds=30)
SNOOZE_AT_MOST = timedelta(hours=24)
# What is offered, in minutes.
PRESETS = [(15, "15 minutes"), (60, "1 hour"), (240, "4 hours")]
# What people say to have nothing to do with it is no sign of work.
REFUSALS = (
    Kind.PAGE_DECLINED,
    Kind.RESPONDER_DECLINED,
    Kind.RESPONDER_ASKED_TO_LEAVE,
    Kind.ESCALATED,
)


def confirm(incident: Incident, *, by: Actor, at: datetime) -> None:
    """Say "still on it": the time without a sign of work begins anew.

    Raises DomainError if nobody has the incident, since then there is nothing to confirm.
    """
    with transaction.atomic():
        incident.lock()
        standing = Acknowledgement.objects.filter(incident=incident).standing()
        row = standing.first() if incident.is_live else None
        if row is None:
            raise DomainError(
                "nobody_has_it", f"Nobody has {incident.reference} now. Acknowledge it instead."
            )
        TimelineEntry.record(incident, Kind.ACKNOWLEDGEMENT_CONFIRMED, by=by, at=at)
        _see_work(row, at)


def snooze(incident: Incident, until: datetime, *, by: Actor, at: datetime) -> None:
    """Acknowledge until then: paging stops, and begins again at `until` unless it is over.

    Snoozing again replaces the time. Raises DomainError for a time that has passed or is more than
    a day away, and for an incident that is over or declared: that one is worked on.
    """
    if until <= at:
        raise IncidentError.of_field("until", "This moment has passed. Give one that is to come.")
    if until > at + SNOOZE_AT_MOST:
        hours = SNOOZE_AT_MOST // timedelta(hours=1)
        raise IncidentError.of_field("until", f"Nothing is snoozed for more than {hours} hours.")
    with transaction.atomic():
        incident.lock()
        if incident.phase != Phase.DETECTED:
            phase = incident.get_phase_display().lower()
            raise DomainError(
                "not_to_be_snoozed",
                f"{incident.reference} is {phase}. Only what nobody has declared is snoozed.",
            )
        if not incident.take(by=by, at=at):
            settle_paging(incident, by=by, at=at, reason=f"snoozed by {by.name}")
        Acknowledgement.stand(incident, by=by, at=at, until=until)
        data = {"until": until.isoformat()}
        TimelineEntry.record(incident, Kind.INCIDENT_SNOOZED, by=by, at=at, data=data)


# --- what it lapses by ----------------------------------------------------------------------------


def expire_due(*, at: datetime, limit: int = 100) -> int:
    """End the acknowledgements that have lapsed, and page again; answer how many were looked at."""
    standing = Acknowledgement.objects.standing()
    claimed = claim(standing, at=at, limit=limit, lease_for=LEASE_FOR)
    for row in claimed:
        try:
            _look_at(row, at)
        except Exception as error:
            logger.exception("Acknowledgement %s could not lapse and is tried again", row.pk)
            release(row, due_at=at + backoff(row.attempts), error=type(error).__name__)
    return len(claimed)


def _look_at(row: Acknowledgement, at: datetime) -> None:
    with transaction.atomic():
        incident = Incident.objects.select_related("severity").get(pk=row.incident_id)
        incident.lock()
        mine = Acknowledgement.objects.filter(pk__in=still_mine(row)).standing()
        if not mine.exists():  # taken over or ended since we claimed it
            return
        if not incident.is_live:
            mine.finish(Acknowledgement.End.OVER, at=at)
            return
        worked_at = last_sign_of_work(row)
        if _expires_at(row, worked_at) > at:
            _see_work(row, worked_at)
            return
        mine.finish(Acknowledgement.End.EXPIRED, at=at)
        _page_again(row, incident, at)


def _page_again(row: Acknowledgement, incident: Incident, at: datetime) -> None:
    person = row.person if row.person and row.person.is_active else None
    asked = f"{row.by_name} and whoever is on call are" if person else "whoever is on call is"
    data = {"person": row.by_name, "reason": _why(row), "asked": asked}
    TimelineEntry.record(incident, Kind.ACKNOWLEDGEMENT_EXPIRED, by=SYSTEM, at=at, data=data)
    start_over(incident, also=person, at=at)


def _why(row: Acknowledgement) -> str:
    if row.until:
        return f"{row.by_name}'s snooze is over"
    minutes = row.expires_after_minutes
    return f"{row.by_name} has it, and there was no sign of work for {minutes} minutes"


def last_sign_of_work(row: Acknowledgement) -> datetime:
    """When somebody last did something about the incident since this was given. One query."""
    entries = TimelineEntry.objects.filter(incident=row.incident_id, recorded_at__gt=row.at)
    signs = entries.filter(~Q(via="system") | Q(kind__in=PHASE_KINDS)).exclude(kind__in=REFUSALS)
    newest: datetime | None = signs.aggregate(newest=Max("recorded_at"))["newest"]
    return max(newest or row.last_work_at, row.last_work_at)


def _see_work(row: Acknowledgement, worked_at: datetime) -> None:
    """Keep when the last sign of work was, and have it lapse so much later. A snooze stays."""
    row.last_work_at = worked_at
    Acknowledgement.objects.filter(pk=row.pk).update(
        last_work_at=worked_at, due_at=row.expires_at, lease_token=None, leased_until=None
    )


def _expires_at(row: Acknowledgement, worked_at: datetime) -> datetime:
    """When it lapses, given the last sign of work; what is due can lapse."""
    minutes = timedelta(minutes=row.expires_after_minutes or 0)
    return row.until or worked_at + minutes


# --- what is shown of it --------------------------------------------------------------------------


@dataclass(frozen=True)
class Hold:
    """Who has an incident: `by_name` since `since`, until `expires_at` if that is ever.

    `is_snoozed` says that it is left alone until then; `lapsed_at` that nobody has it any more.
    """

    by_name: str
    since: datetime
    expires_at: datetime | None
    is_snoozed: bool
    lapsed_at: datetime | None


def hold_of(incident: Incident) -> Hold | None:
    """Who has it now, or had it last and let it lapse; None before anybody had. Two queries."""
    row = Acknowledgement.objects.filter(incident=incident).order_by("-pk").first()
    if row is None or row.end == Acknowledgement.End.OVER:
        return None
    expires_at = row.expires_at
    if expires_at and not row.until and row.ended_at is None:
        expires_at = _expires_at(row, last_sign_of_work(row))
    return Hold(
        by_name=row.by_name,
        since=row.at,
        expires_at=expires_at,
        is_snoozed=row.until is not None,
        lapsed_at=row.ended_at,
    )
