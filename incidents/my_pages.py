"""What waits for one person, and what they may answer from one list (PAGING-RULES).

Only their own: pages that went to them, and incidents that they have. Every answer may be given
twice, since a thumb in the night taps twice.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from django.db import transaction
from django.db.models import Prefetch, Q, QuerySet, prefetch_related_objects
from django.utils.timezone import localtime, make_aware

from incidents import acknowledgement, escalation
from incidents.models import (
    ENDED_PHASES,
    LIVE_PHASES,
    Acknowledgement,
    Incident,
    Page,
    Phase,
    Service,
)
from incidents.timeline import TimelineEntry
from incidents.vocabulary import Kind
from roster.actors import Actor
from roster.calendar.board import my_next
from roster.models import Person

SNOOZES = (timedelta(minutes=15), timedelta(hours=1), timedelta(hours=4))
MORNING = time(9)


@dataclass(frozen=True)
class Waiting:
    """An incident whose page waits for this person: since when, how often, and who else heard."""

    page: Page
    times: int
    others: list[str]

    @property
    def incident(self) -> Incident:
        return self.page.incident


@dataclass(frozen=True)
class Held:
    """An incident that this person has."""

    acknowledgement: Acknowledgement

    @property
    def incident(self) -> Incident:
        return self.acknowledgement.incident


@dataclass(frozen=True)
class Shift:
    """A time on call, by the name of its schedule."""

    title: str
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True)
class MyPages:
    """All that one person has to answer, or has answered. Without any, their shifts are told."""

    waiting: list[Waiting]
    held: list[Held]
    now: list[Shift]
    next: Shift | None

    def __bool__(self) -> bool:
        return bool(self.waiting or self.held)


def my_pages(person: Person, *, at: datetime) -> MyPages:
    """Four queries, whatever their number; where there is none, eleven more for the shifts."""
    pages = list(_pending(person).select_related("incident__severity"))
    latest = {page.incident_id: page for page in pages}
    held = [row for row in _held(person) if row.incident_id not in latest]
    incidents = [*(page.incident for page in latest.values()), *(row.incident for row in held)]
    services = Prefetch("services", Service.objects.order_by("name"), to_attr="service_list")
    prefetch_related_objects(incidents, services)
    waiting = _waiting(person, latest.values())
    shifts = [] if waiting or held else _shifts(person, at)
    return MyPages(
        waiting=sorted(waiting, key=lambda row: (row.incident.severity.rank, -row.page.pk)),
        held=[Held(row) for row in held],
        now=[shift for shift in shifts if shift.starts_at <= at],
        next=next((shift for shift in shifts if shift.starts_at > at), None),
    )


def _pending(person: Person) -> QuerySet[Page]:
    pages = Page.objects.pending().filter(person=person)
    return pages.exclude(incident__phase__in=ENDED_PHASES).order_by("pk")


def _held(person: Person) -> QuerySet[Acknowledgement]:
    rows = Acknowledgement.objects.standing().filter(person=person)
    live = rows.filter(incident__phase__in=LIVE_PHASES).select_related("incident__severity")
    return live.order_by("-at", "-pk")


def _waiting(person: Person, pages: Iterable[Page]) -> list[Waiting]:
    """One query."""
    rows = list(pages)
    own: dict[int, int] = defaultdict(int)
    others: dict[int, dict[str, None]] = defaultdict(dict)
    asked = Page.objects.filter(incident__in=[page.incident_id for page in rows]).order_by("pk")
    for incident, person_pk, name in asked.values_list("incident", "person", "person__name"):
        if person_pk == person.pk:
            own[incident] += 1
        else:
            others[incident][name] = None
    return [Waiting(page, own[page.incident_id], list(others[page.incident_id])) for page in rows]


def _shifts(person: Person, at: datetime) -> list[Shift]:
    return [Shift(span.row.title, span.starts_at, span.ends_at) for span in my_next(person, at)]


# --- Answers -----------------------------------------------------------------------------------


def incident_of(person: Person, incident_pk: int) -> Incident | None:
    """The incident, if it is this person's to answer: it paged them, or they have had it."""
    mine = Q(pk__in=Page.objects.filter(person=person).values("incident"))
    mine |= Q(pk__in=Acknowledgement.objects.filter(person=person).values("incident"))
    return Incident.objects.filter(mine, pk=incident_pk).select_related("severity").first()


def acknowledge(incident: Incident, person: Person, *, by: Actor, at: datetime) -> str:
    """Take it; one's own answer repeated does nothing. Raises DomainError if it is over."""
    page = Page.objects.filter(incident=incident, person=person).order_by("-pk").first()
    if page:
        escalation.acknowledge_page(page, by=by, at=at, via=by.via)
    else:
        incident.acknowledge(by=by, at=at)
    return f"You have {incident.reference} now."


def decline(incident: Incident, person: Person, *, by: Actor, at: datetime, reason: str) -> str:
    """Decline all that waits for this person about it. Raises DomainError if nothing does."""
    pages = Page.objects.filter(incident=incident, person=person).order_by("pk")
    with transaction.atomic():
        for page in list(pages.pending()) or list(pages)[-1:]:
            escalation.decline_page(page, by=by, at=at, reason=reason)
    return f"Thank you. {incident.reference} is passed on to the next person."


def escalations_so_far(incident: Incident) -> int:
    """How often somebody escalated it by hand: what they saw of that when they chose to."""
    return TimelineEntry.objects.filter(incident=incident, kind=Kind.ESCALATED).count()


def escalate(incident: Incident, *, seen: int, by: Actor, at: datetime, reason: str) -> str:
    """Have the next level paged, unless somebody has since `seen`. Raises DomainError if over."""
    if escalations_so_far(incident) > seen:
        return f"{incident.reference} is escalated already: the next level is being paged."
    escalation.escalate(incident, by=by, at=at, reason=reason)
    return f"The next level is paged for {incident.reference}."


def snooze(incident: Incident, *, until: datetime, by: Actor, at: datetime) -> str:
    """Take it and leave it until then; the same again does nothing. Raises DomainError."""
    standing = Acknowledgement.objects.standing().filter(incident=incident, person=by.person)
    if not standing.filter(until=until).exists():
        acknowledgement.snooze(incident, until, by=by, at=at)
    return f"{incident.reference} is yours, and pages again at {localtime(until):%H:%M}."


def confirm(incident: Incident, *, by: Actor, at: datetime) -> str:
    """Say "still on it". Raises DomainError if nobody has it."""
    acknowledgement.confirm(incident, by=by, at=at)
    return f"Noted: you are still on {incident.reference}."


def may_snooze(incident: Incident) -> bool:
    return incident.phase == Phase.DETECTED


def snooze_choices(at: datetime) -> list[tuple[str, datetime]]:
    """A label and a moment each, to the minute; the morning in the zone now in force."""
    start = at.replace(second=0, microsecond=0)
    choices = [(_in_words(length), start + length) for length in SNOOZES]
    today = localtime(start).date()
    for day in (today, today + timedelta(days=1)):
        morning = make_aware(datetime.combine(day, MORNING))
        if choices[-1][1] < morning <= at + acknowledgement.SNOOZE_AT_MOST:
            return [*choices, (f"until {morning:%H:%M}", morning)]
    return choices


def _in_words(length: timedelta) -> str:
    minutes = int(length.total_seconds()) // 60
    if minutes < 60:
        return f"{minutes} minutes"
    return "1 hour" if minutes == 60 else f"{minutes // 60} hours"
