"""What people answer to a page, and what it does to the paging of everybody else."""

from datetime import datetime

from django.db import transaction

from incidents.escalation.starting import TASK, locked_incident, stop
from incidents.models import Acknowledgement, Escalation, Incident, Page, TimelineEntry
from incidents.vocabulary import Kind
from roster.actors import Actor
from roster.doorbell import ring
from roster.errors import DomainError
from roster.models import Person

SYSTEM = Actor.system("escalation")


def acknowledge_page(page: Page, *, by: Actor, at: datetime, via: str) -> None:
    """Take "mine" for an answer: it stops the paging, and counts for the incident.

    Pages of those who must all answer go on for the others, and one of these answered when
    somebody has the incident already takes it from nobody. Repeating one's own answer does
    nothing. Raises DomainError if the page is over otherwise.
    """
    with transaction.atomic():
        incident = locked_incident(page.incident_id)
        page.refresh_from_db()
        if page.state == Page.State.ACKNOWLEDGED:
            return
        if page.state != Page.State.PENDING:
            raise DomainError("page_over", why_page_is_over(page, incident))
        page.state, page.acknowledged_via = Page.State.ACKNOWLEDGED, via
        page.acknowledged_at = page.ended_at = at
        page.save(update_fields=["state", "acknowledged_via", "acknowledged_at", "ended_at"])
        data = data_of(page) | {"via": via}
        TimelineEntry.record(incident, Kind.PAGE_ACKNOWLEDGED, by=by, at=at, data=data)
        if not incident.take(by=by, at=at, is_paged=not page.must_answer):
            settle_paging(incident, by=by, at=at, reason=f"acknowledged by {by.name}")


def decline_page(page: Page, *, by: Actor, at: datetime, reason: str) -> None:
    """Take "not me" for an answer: unless others of this step may still answer, the next runs now.

    Raises DomainError if the page was answered or stopped already.
    """
    with transaction.atomic():
        incident = locked_incident(page.incident_id)
        page.refresh_from_db()
        if page.state != Page.State.PENDING:
            raise DomainError("page_over", why_page_is_over(page, incident))
        page.state, page.ended_at = Page.State.DECLINED, at
        page.save(update_fields=["state", "ended_at"])
        data = data_of(page)
        TimelineEntry.record(incident, Kind.PAGE_DECLINED, by=by, at=at, text=reason, data=data)
        _move_on(incident, page, at=at)


def let_go_of_who_left(*, at: datetime) -> int:
    """End the pages of people who were made inactive; the next step runs at once.

    Nobody can answer them any more. One query if there are none; answers how many there were.
    """
    left = Page.objects.pending().filter(person__is_active=False).order_by("pk")
    pages = list(left.select_related("person"))
    for page in pages:
        with transaction.atomic():
            incident = locked_incident(page.incident_id)
            if left.filter(pk=page.pk).update(state=Page.State.STOPPED, ended_at=at):
                data = data_of(page)
                TimelineEntry.record(incident, Kind.PAGE_STOPPED, by=SYSTEM, at=at, data=data)
                _move_on(incident, page, at=at)
    return len(pages)


def _move_on(incident: Incident, page: Page, *, at: datetime) -> None:
    """Have the next step run now that this page has ended, if it was what the run waited for.

    It waits for those it paged last; once the fallback was paged, nothing but their answers. Then
    whoever comes behind them in the fallback is next.
    """
    run = Escalation.objects.filter(incident=incident).order_by("-pk").first()
    if run is None or run.pk != page.escalation_id:
        return
    last = run.pages.order_by("-pk")[0]
    together = (last.created_at, last.pass_number, last.step_position)
    if (page.created_at, page.pass_number, page.step_position) != together:
        return
    rung = Page.objects.pending().filter(
        escalation=run, created_at=last.created_at, step_position=last.step_position
    )
    if rung.exists():
        return
    state = Escalation.State
    runs = Escalation.objects.filter(pk=run.pk)
    if run.state == state.RUNNING:
        runs.update(due_at=at)
    elif run.state == state.EXHAUSTED and not answered_since(incident, run):
        runs.update(state=state.RUNNING, ended_at=None, due_at=at)
    ring(TASK)


def answered_since(incident: Incident, run: Escalation) -> bool:
    """Whether somebody answered since it began, by whichever way, or the incident is over."""
    if is_in_hand(incident, run):
        return True
    standing = Acknowledgement.objects.filter(incident=incident).standing()
    return standing.filter(at__gt=run.started_at).exists()


def is_in_hand(incident: Incident, run: Escalation) -> bool:
    """The same as the incident alone says it: acknowledged since, or over. No query.

    Being declared says nothing: a rule may declare what nobody has seen.
    """
    acknowledged_at = incident.acknowledged_at
    since = acknowledged_at is not None and acknowledged_at > run.started_at
    return since or not incident.is_live


def why_page_is_over(page: Page, incident: Incident) -> str:
    """Say what became of a page that waits no longer, to the person it went to."""
    if page.state == Page.State.DECLINED:
        return f"You declined this page. {incident.reference} was passed on to the next person."
    if not incident.is_live:
        return f"{incident.reference} is over. There is nothing to do."
    standing = Acknowledgement.objects.filter(incident=incident).standing().first()
    if taken_by := standing.by_name if standing else incident.acknowledged_by_name:
        return f"{taken_by} has {incident.reference} already. There is nothing to do."
    return f"Paging for {incident.reference} was stopped. There is nothing to do."


def settle_paging(incident: Incident, *, by: Actor, at: datetime, reason: str) -> None:
    """Stop paging once somebody answered, in whatever way, or the incident has ended.

    A page that waits for the very person who answered counts as acknowledged by that. While the
    incident is live, pages of those who must all answer go on.
    """
    if incident.is_live and by.person:
        own = Page.objects.pending().filter(incident=incident, person=by.person)
        answer = {"acknowledged_at": at, "acknowledged_via": by.via, "ended_at": at}
        own.update(state=Page.State.ACKNOWLEDGED, **answer)
    state = Escalation.State.ACKNOWLEDGED if incident.is_live else Escalation.State.STOPPED
    stop(incident, state, by=by, at=at, reason=reason, keeps=incident.is_live)


def data_of(page: Page) -> dict[str, object]:
    """What entries say of a page."""
    return {"page": page.pk, **named(page.person)}


def named(person: Person) -> dict[str, object]:
    return {"person": person.name, "person_id": person.pk}
