"""How an escalation begins, is pushed on by hand, and is stopped."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from incidents.models import Escalation, Incident, Page, TimelineEntry
from incidents.policies import policies_of
from incidents.vocabulary import Kind
from roster.actors import Actor
from roster.doorbell import ring
from roster.errors import DomainError
from roster.models import EscalationPolicy, Person

TASK = "incidents.run_escalations"


def start_escalation(incident: Incident, *, by: Actor, at: datetime) -> Escalation:
    """Begin paging by the policy of the incident's services; the first step is due at once.

    A service without a policy is no reason to page nobody: the fallback is paged instead. Does
    nothing but return it if an escalation is running already.
    """
    start_escalations([incident], by=by, at=at)
    return Escalation.objects.running().get(incident=incident)


def start_escalations(
    incidents: Sequence[Incident],
    *,
    by: Actor,
    at: datetime,
    waits_for_backlog: Collection[int] = (),
) -> None:
    """Begin paging for several incidents at once, in a constant number of queries.

    `waits_for_backlog` are the ids of incidents whose alerts are old: they page nobody before the
    events that came in before now are processed, since one of those may resolve them.
    """
    with transaction.atomic():
        pks = [incident.pk for incident in incidents]
        rows = Incident.objects.filter(pk__in=pks).order_by("pk")
        locked = list(rows.select_for_update(no_key=True, of=("self",)))
        running = set(
            Escalation.objects.running().filter(incident__in=pks).values_list("incident", flat=True)
        )
        policies = policies_of(pks)
        begin(
            {each: policies.get(each.pk) for each in locked if each.pk not in running},
            by=by,
            at=at,
            waits_for_backlog=waits_for_backlog,
        )


def start_over(incident: Incident, *, also: Person | None, at: datetime) -> None:
    """Page from the first step again, and `also` with it; what runs already ends for that.

    Nobody's page ends: whoever was asked may still answer. The caller says why, in an entry of its
    own, and holds the incident's row.
    """
    with transaction.atomic():
        _end(incident, Escalation.State.STOPPED, at=at)
        policy = policies_of([incident.pk]).get(incident.pk)
        _create({incident: policy}, at=at, also_paged=also)
        ring(TASK)


def escalate(incident: Incident, *, by: Actor, at: datetime, reason: str = "") -> None:
    """Have the next level paged at once, whoever has the incident; they keep it meanwhile.

    That is the next step of the run there is, or was last; when none is left, the fallback; where
    nobody was paged yet, the first step. Raises DomainError if the incident is no longer live.
    """
    with transaction.atomic():
        incident = locked_incident(incident.pk)
        if not incident.is_live:
            raise DomainError("not_live", f"{incident.reference} is over. There is nothing to do.")
        running = Escalation.objects.running().filter(incident=incident)
        if not running.update(due_at=at, waits_for_backlog=False):
            _go_on(incident, at=at)
        TimelineEntry.record(incident, Kind.ESCALATED, by=by, at=at, text=reason)
        ring(TASK)


def _go_on(incident: Incident, *, at: datetime) -> None:
    """Make a run that takes up where the last one ended; under another policy, from its start."""
    policy = policies_of([incident.pk]).get(incident.pk)
    last = Escalation.objects.filter(incident=incident).order_by("-pk").first()
    place: dict[str, Any] = {}  # columns of several types
    if last and last.policy == policy:
        place = {
            "steps_run": last.steps_run,
            "steps_ahead": last.steps_ahead,
            "pass_number": last.pass_number,
        }
    _create({incident: policy}, at=at, **place)


def stop_escalation(incident: Incident, *, by: Actor, at: datetime, reason: str) -> bool:
    """Stop all paging for this incident, and say why; False if nobody was being paged."""
    with transaction.atomic():
        incident = locked_incident(incident.pk)
        return stop(incident, Escalation.State.STOPPED, by=by, at=at, reason=reason)


def stop(
    incident: Incident, state: str, *, by: Actor, at: datetime, reason: str, keeps: bool = False
) -> bool:
    """End the run and every page that waits, and say so; False if there was neither.

    `keeps` leaves the pages of those who must all answer.
    """
    pages = Page.objects.pending().filter(incident=incident)
    if keeps:
        pages = pages.filter(must_answer=False)
    stopped = pages.update(state=Page.State.STOPPED, ended_at=at)
    stopped += _end(incident, state, at=at)
    if stopped:
        data = {"reason": reason}
        TimelineEntry.record(incident, Kind.ESCALATION_STOPPED, by=by, at=at, data=data)
    return bool(stopped)


def _end(incident: Incident, state: str, *, at: datetime) -> int:
    """End the run, and nobody's page: people's own rules run on when an escalation moves on."""
    over = {"due_at": None, "lease_token": None, "leased_until": None}
    running = Escalation.objects.running().filter(incident=incident)
    return running.update(state=state, ended_at=at, **over)


def begin(
    policies: Mapping[Incident, EscalationPolicy | None],
    *,
    by: Actor,
    at: datetime,
    waits_for_backlog: Collection[int] = (),
    reason: str = "",
) -> None:
    """Make the rows and say so. The caller holds the incidents' rows, and none of them is paged."""
    if not policies:
        return
    _create(policies, at=at, waits_for_backlog=waits_for_backlog)
    TimelineEntry.write(
        [
            TimelineEntry.draft(
                incident,
                Kind.ESCALATION_STARTED,
                by=by,
                at=at,
                text=reason,
                data={
                    "policy": str(policy or "no policy"),
                    "policy_version": policy.version if policy else 0,
                },
            )
            for incident, policy in policies.items()
        ]
    )
    ring(TASK)


def _create(
    policies: Mapping[Incident, EscalationPolicy | None],
    *,
    at: datetime,
    waits_for_backlog: Collection[int] = (),
    **fields: Any,  # columns of any type
) -> None:
    Escalation.objects.bulk_create(
        Escalation(
            incident=incident,
            policy=policy,
            policy_version=policy.version if policy else 0,
            started_at=at,
            due_at=at,
            waits_for_backlog=incident.pk in waits_for_backlog,
            **fields,
        )
        for incident, policy in policies.items()
    )


def locked_incident(pk: int) -> Incident:
    """The incident, its row held until the transaction ends (SQLite holds all of them anyway)."""
    incidents = Incident.objects.select_related("severity").select_for_update(
        no_key=True, of=("self",)
    )
    return incidents.get(pk=pk)
