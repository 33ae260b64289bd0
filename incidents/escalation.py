"""Paging people by a policy until somebody answers (PAGING-RULES, Escalation).

An escalation is a row that is due when its next step is. Running a step makes pages and moves the
row on, in one transaction: a worker killed before the commit has paged nobody, one killed after it
has nothing left to do. Every change here takes the incident's row first, so that an answer and the
next step cannot pass each other.
"""

import logging
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import prefetch_related_objects

from incidents.models import Escalation, Incident, Page, TimelineEntry
from incidents.policies import fallback_targets, policies_of
from incidents.vocabulary import Kind
from roster.actors import Actor
from roster.doorbell import ring
from roster.errors import DomainError
from roster.escalation_targets import Resolved, people_at
from roster.leases import backoff, claim, release, still_mine
from roster.models import EscalationPolicy, EscalationStep, Person

logger = logging.getLogger(__name__)

SYSTEM = Actor.system("escalation")
TASK = "incidents.run_escalations"
LEASE_FOR = timedelta(seconds=30)
# Where the pages of the fallback stand, which no step and no pass has.
FALLBACK_PASS = FALLBACK_POSITION = 0
VIA_LENGTH = 200


class LeaseLostError(Exception):
    """Another worker has taken this escalation: nothing of this transaction may stay."""


def start_escalation(incident: Incident, *, by: Actor, at: datetime) -> Escalation:
    """Begin paging by the policy of the incident's services; the first step is due at once.

    A service without a policy is no reason to page nobody: the fallback is paged instead. Does
    nothing but return it if an escalation is running already.
    """
    start_escalations([incident], by=by, at=at)
    return Escalation.objects.running().get(incident=incident)


def start_escalations(incidents: Sequence[Incident], *, by: Actor, at: datetime) -> None:
    """Begin paging for several incidents at once, in a constant number of queries."""
    with transaction.atomic():
        pks = [incident.pk for incident in incidents]
        locked = list(Incident.objects.select_for_update(of=("self",)).filter(pk__in=pks))
        running = set(Escalation.objects.running().filter(incident__in=pks).values_list("incident"))
        policies = policies_of(pks)
        _start(
            {each: policies.get(each.pk) for each in locked if (each.pk,) not in running},
            by=by,
            at=at,
        )


def stop_escalation(incident: Incident, *, by: Actor, at: datetime, reason: str) -> bool:
    """Stop paging for this incident, and say why; False if nobody was being paged."""
    with transaction.atomic():
        incident = _locked(incident.pk)
        return _stop(incident, Escalation.State.STOPPED, by=by, at=at, reason=reason)


# --- answers --------------------------------------------------------------------------------------


def acknowledge_page(page: Page, *, by: Actor, at: datetime, via: str) -> None:
    """Take "mine" for an answer: stops the escalation for everybody, and counts for the incident.

    Repeating one's own answer does nothing. Raises DomainError if the page is over otherwise.
    """
    with transaction.atomic():
        incident = _locked(page.incident_id)
        page.refresh_from_db()
        if page.state == Page.State.ACKNOWLEDGED:
            return
        if page.state != Page.State.PENDING:
            raise DomainError("page_over", why_page_is_over(page, incident))
        page.state, page.acknowledged_via = Page.State.ACKNOWLEDGED, via
        page.acknowledged_at = page.ended_at = at
        page.save(update_fields=["state", "acknowledged_via", "acknowledged_at", "ended_at"])
        data = _data_of(page) | {"via": via}
        TimelineEntry.record(incident, Kind.PAGE_ACKNOWLEDGED, by=by, at=at, data=data)
        if incident.acknowledged_at:
            settle_paging(incident, by=by, at=at, reason=f"acknowledged by {by.name}")
        else:
            incident.acknowledge(by=by, at=at)


def decline_page(page: Page, *, by: Actor, at: datetime, reason: str) -> None:
    """Take "not me" for an answer: unless others of this step may still answer, the next runs now.

    Raises DomainError if the page was answered or stopped already.
    """
    with transaction.atomic():
        incident = _locked(page.incident_id)
        page.refresh_from_db()
        if page.state != Page.State.PENDING:
            raise DomainError("page_over", why_page_is_over(page, incident))
        page.state, page.ended_at = Page.State.DECLINED, at
        page.save(update_fields=["state", "ended_at"])
        data = _data_of(page)
        TimelineEntry.record(incident, Kind.PAGE_DECLINED, by=by, at=at, text=reason, data=data)
        waiting = Page.objects.pending().filter(
            escalation=page.escalation_id,
            pass_number=page.pass_number,
            step_position=page.step_position,
        )
        if not waiting.exists():
            incident.escalations.filter(state=Escalation.State.RUNNING).update(due_at=at)
            ring(TASK)


def why_page_is_over(page: Page, incident: Incident) -> str:
    """Say what became of a page that waits no longer, to the person it went to."""
    if page.state == Page.State.DECLINED:
        return f"You declined this page. {incident.reference} was passed on to the next person."
    if not incident.is_live:
        return f"{incident.reference} is over. There is nothing to do."
    if taken_by := incident.acknowledged_by_name:
        return f"{taken_by} has {incident.reference} already. There is nothing to do."
    return f"Paging for {incident.reference} was stopped. There is nothing to do."


def settle_paging(incident: Incident, *, by: Actor, at: datetime, reason: str) -> None:
    """Stop paging once somebody answered, in whatever way, or the incident has ended.

    A page that waits for the very person who answered counts as acknowledged by that.
    """
    if incident.is_live and by.person:
        own = Page.objects.pending().filter(incident=incident, person=by.person)
        answer = {"acknowledged_at": at, "acknowledged_via": by.via, "ended_at": at}
        own.update(state=Page.State.ACKNOWLEDGED, **answer)
    state = Escalation.State.ACKNOWLEDGED if incident.is_live else Escalation.State.STOPPED
    _stop(incident, state, by=by, at=at, reason=reason)


def _stop(incident: Incident, state: str, *, by: Actor, at: datetime, reason: str) -> bool:
    stopped = _end(incident, state, at=at)
    if stopped:
        data = {"reason": reason}
        TimelineEntry.record(incident, Kind.ESCALATION_STOPPED, by=by, at=at, data=data)
    return stopped


def _end(incident: Incident, state: str, *, at: datetime) -> bool:
    """End the running escalation and every page that waits; False if there was neither."""
    pages = Page.objects.pending().filter(incident=incident)
    stopped = pages.update(state=Page.State.STOPPED, ended_at=at)
    ended = Escalation.objects.running().filter(incident=incident)
    over = {"due_at": None, "lease_token": None, "leased_until": None}
    return bool(ended.update(state=state, ended_at=at, **over) + stopped)


# --- running steps --------------------------------------------------------------------------------


class _Moment:
    """Policies and people as they are now, read once for all the escalations of a sweep."""

    def __init__(self, escalations: Collection[Escalation], at: datetime) -> None:
        self.at = at
        self._policies = policies_of([escalation.incident_id for escalation in escalations])
        self._steps: dict[int, list[EscalationStep]] = {}
        self._people: dict[int, list[Resolved]] = {}

    def policy_of(self, incident: Incident) -> EscalationPolicy | None:
        return self._policies.get(incident.pk)

    def steps_of(self, policy: EscalationPolicy) -> list[EscalationStep]:
        if policy.pk not in self._steps:
            self._steps[policy.pk] = list(policy.steps.all())
        return self._steps[policy.pk]

    def people_of(self, step: EscalationStep) -> list[Resolved]:
        if step.pk not in self._people:
            found = people_at(step, at=self.at)
            prefetch_related_objects([each.person for each in found], "contact_methods")
            self._people[step.pk] = found
        return self._people[step.pk]


def run_due(*, at: datetime, limit: int = 100) -> int:
    """Run the step of each escalation that is due; answer how many were taken in hand."""
    claimed = claim(Escalation.objects.running(), at=at, limit=limit, lease_for=LEASE_FOR)
    moment = _Moment(claimed, at)
    for escalation in claimed:
        try:
            _run(escalation, moment)
        except LeaseLostError:
            logger.warning("Lost the lease of escalation %s", escalation.pk)
        except Exception as error:
            logger.exception("Escalation %s stopped short and is tried again", escalation.pk)
            due_at = at + backoff(escalation.attempts)
            release(escalation, due_at=due_at, error=type(error).__name__)
    return len(claimed)


def _run(claimed: Escalation, moment: _Moment) -> None:
    at = moment.at
    with transaction.atomic():
        incident = _locked(claimed.incident_id)
        mine = still_mine(claimed).filter(state=Escalation.State.RUNNING)
        escalation = mine.select_related("policy").first()
        if escalation is None:  # answered, or another worker's, since we claimed it
            return
        if _is_in_hand(incident, escalation):
            stop_escalation(incident, by=SYSTEM, at=at, reason="somebody has it in hand")
            return
        policy = moment.policy_of(incident)
        if policy != escalation.policy:
            _end(incident, Escalation.State.STOPPED, at=at)
            _start({incident: policy}, by=SYSTEM, at=at)
            return
        _Run(escalation, incident, moment).until_somebody_is_paged()


class _Run:
    """One escalation taking steps at one moment; everything it says is written at the end."""

    def __init__(self, escalation: Escalation, incident: Incident, moment: _Moment) -> None:
        self.escalation = escalation
        self.incident = incident
        self.moment = moment
        self.at = moment.at
        self.policy = escalation.policy
        self.entries: list[TimelineEntry] = []

    def until_somebody_is_paged(self) -> None:
        """Run the next step; where it reaches nobody, the one after it at once, to the fallback."""
        while steps := self._next_steps():
            paged = [self._page_step(step) for step in steps]
            self._pass_on_from(steps)
            if any(paged):
                self._wait(max(step.wait_minutes for step in steps))
                break
        else:
            self._page_fallback()
        TimelineEntry.write(self.entries)

    def _next_steps(self) -> list[EscalationStep]:
        """The next rung, into another pass if the policy repeats; else none.

        Usually one step: two at one position are paged together.
        """
        if self.policy is None:
            return []
        every = self.moment.steps_of(self.policy)
        steps = self._steps_left(every)
        if not steps and self._may_repeat():
            self.escalation.pass_number += 1
            self.escalation.steps_run = []
            steps = every
        return [step for step in steps if step.position == steps[0].position]

    def _steps_left(self, every: list[EscalationStep]) -> list[EscalationStep]:
        """What follows the last step that ran, in the policy's present order.

        If that step was deleted meanwhile, the first that is left of those that followed it then.
        """
        run, ahead = self.escalation.steps_run, self.escalation.steps_ahead
        if not run:
            return every
        order = [step.pk for step in every]
        if run[-1] in order:
            begin = order.index(run[-1]) + 1
        else:
            begin = next((order.index(pk) for pk in ahead if pk in order), len(order))
        return [step for step in every[begin:] if step.pk not in run]

    def _pass_on_from(self, steps: list[EscalationStep]) -> None:
        self.escalation.steps_run = [*self.escalation.steps_run, *(step.pk for step in steps)]
        left = self._steps_left(self.moment.steps_of(steps[0].policy))
        self.escalation.steps_ahead = [step.pk for step in left]

    def _may_repeat(self) -> bool:
        """A pass that paged nobody is not repeated: the fallback must not wait for it."""
        this_pass = {"escalation": self.escalation, "pass_number": self.escalation.pass_number}
        is_left = self.policy is not None and self.escalation.pass_number <= self.policy.repeats
        return is_left and Page.objects.filter(**this_pass).exists()

    def _page_step(self, step: EscalationStep) -> bool:
        found = self.moment.people_of(step)
        if not found:
            self._say(Kind.NOBODY_ON_CALL, step=step.position)
        return self._page(found, pass_number=self.escalation.pass_number, position=step.position)

    def _page_fallback(self) -> None:
        """Page whoever must not be missed, and end: from here on it is the dashboard's to show."""
        names: list[str] = []
        for name, found in fallback_targets(self.policy, at=self.at):
            names.append(name)
            if self._page(found, pass_number=FALLBACK_PASS, position=FALLBACK_POSITION):
                break
        else:
            logger.error("Nobody at all could be paged for %s", self.incident.reference)
            names = []
        self._say(Kind.ESCALATION_EXHAUSTED, fallback=names[-1] if names else "")
        over = {"state": Escalation.State.EXHAUSTED, "ended_at": self.at, "due_at": None}
        self._finish(**over)

    def _page(self, found: list[Resolved], *, pass_number: int, position: int) -> bool:
        """Page these people, each once; False if none of them can be reached."""
        rung = {
            "escalation": self.escalation,
            "pass_number": pass_number,
            "step_position": position,
        }
        paged = set(Page.objects.filter(**rung).values_list("person", flat=True))
        pages: list[Page] = []
        for each in found:
            if not each.person.reachable_methods():
                self._say(Kind.PAGE_UNREACHABLE, **_person_of(each.person), target=each.via)
            elif each.person.pk not in paged:
                pages.append(self._page_for(each, rung))
        Page.objects.bulk_create(pages)
        for page in pages:
            place = {"step": position, "pass_number": pass_number, "target": page.via_target}
            self._say(Kind.RESPONDER_PAGED, **_data_of(page), **place)
        return bool(pages or paged)

    def _page_for(self, each: Resolved, rung: dict[str, Any]) -> Page:
        return Page(
            **rung,
            person=each.person,
            incident=self.incident,
            via_target=each.via[:VIA_LENGTH],
            urgency=self.incident.page_urgency(),
            created_at=self.at,
        )

    def _wait(self, minutes: int) -> None:
        self._finish(due_at=self.at + timedelta(minutes=minutes))

    def _finish(self, **changes: object) -> None:
        """Move the row on and give it back; undo everything if it is no longer ours."""
        moved = still_mine(self.escalation).update(
            steps_run=self.escalation.steps_run,
            steps_ahead=self.escalation.steps_ahead,
            pass_number=self.escalation.pass_number,
            policy_version=self.policy.version if self.policy else 0,
            lease_token=None,
            leased_until=None,
            attempts=0,
            last_error="",
            **changes,
        )
        if not moved:
            raise LeaseLostError

    def _say(self, kind: str, **data: object) -> None:
        """Entries name the policy and the version of it that did this."""
        policy = {"policy": str(self.policy or "no policy")}
        version = {"policy_version": self.policy.version if self.policy else None}
        self.entries.append(
            TimelineEntry.draft(
                self.incident, kind, by=SYSTEM, at=self.at, data=policy | version | data
            )
        )


def _start(policies: dict[Incident, EscalationPolicy | None], *, by: Actor, at: datetime) -> None:
    versions = {each: policy.version if policy else 0 for each, policy in policies.items()}
    Escalation.objects.bulk_create(
        Escalation(
            incident=incident,
            policy=policy,
            policy_version=versions[incident],
            started_at=at,
            due_at=at,
        )
        for incident, policy in policies.items()
    )
    said = {
        each: {"policy": str(policy or "no policy"), "policy_version": versions[each]}
        for each, policy in policies.items()
    }
    TimelineEntry.write(
        [
            TimelineEntry.draft(each, Kind.ESCALATION_STARTED, by=by, at=at, data=data)
            for each, data in said.items()
        ]
    )
    ring(TASK)


def _data_of(page: Page) -> dict[str, object]:
    return {"page": page.pk, **_person_of(page.person)}


def _person_of(person: Person) -> dict[str, object]:
    return {"person": person.name, "person_id": person.pk}


def _locked(incident_pk: int) -> Incident:
    """The incident, its row held until the transaction ends (SQLite holds all of them anyway)."""
    incidents = Incident.objects.select_related("severity").select_for_update(
        no_key=True, of=("self",)
    )
    return incidents.get(pk=incident_pk)


def _is_in_hand(incident: Incident, escalation: Escalation) -> bool:
    """Whether somebody answered since it began, by whichever way, or the incident is over."""
    answers = (incident.acknowledged_at, incident.declared_at)
    answered = any(moment and moment >= escalation.started_at for moment in answers)
    return answered or not incident.is_live
