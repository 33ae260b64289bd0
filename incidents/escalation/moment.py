"""Policies, people and maintenance as they are now, read once for many escalations."""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.db.models import Min, prefetch_related_objects

from incidents.maintenance import muting_until
from incidents.models import Alert, AlertEvent, Escalation, Incident, Phase
from incidents.policies import fallback_targets, policies_of
from roster.escalation_targets import Resolved, people_behind
from roster.models import EscalationPolicy, EscalationStep

# So long an escalation whose alert is old waits for the events that came in before it.
BACKLOG_AT_MOST = timedelta(minutes=10)


class Moment:
    """What the steps that are due at `at` lead to.

    The number of queries grows with the policies' rungs, not with the escalations.
    """

    def __init__(self, escalations: Collection[Escalation], at: datetime) -> None:
        """`escalations` have their incidents selected."""
        self.at = at
        pks = [escalation.incident_id for escalation in escalations]
        self._policies = policies_of(pks)
        self._steps = _steps_of({policy.pk for policy in self._policies.values()})
        undeclared = [
            each.incident_id for each in escalations if each.incident.phase == Phase.DETECTED
        ]
        self.muted = muting_until(undeclared, at) if undeclared else {}
        waiting = [each for each in escalations if each.waits_for_backlog]
        self._behind = _behind_the_backlog(waiting, at) if waiting else set()
        self._people: dict[int, list[Resolved]] = {}
        self._fallbacks: dict[int | None, list[tuple[str, list[Resolved]]]] = {}

    def policy_of(self, incident: Incident) -> EscalationPolicy | None:
        return self._policies.get(incident.pk)

    def steps_of(self, policy: EscalationPolicy) -> list[EscalationStep]:
        """In order, as the policy stands now."""
        return self._steps.get(policy.pk, [])

    def waits(self, escalation: Escalation) -> bool:
        """Whether events that came in before it began may yet resolve what it is about."""
        return escalation.pk in self._behind

    def learn(self, steps: Collection[EscalationStep]) -> None:
        """Ask the rosters whom these steps lead to, together."""
        unknown = [step for step in steps if step.pk not in self._people]
        if unknown:
            found = people_behind(unknown, at=self.at)
            people = [each.person for row in found.values() for each in row]
            prefetch_related_objects(people, "contact_methods")
            self._people.update(found)

    def people_of(self, step: EscalationStep) -> list[Resolved]:
        """Whom the step leads to, reachable or not, once it was learnt."""
        return self._people[step.pk]

    def fallback_of(self, policy: EscalationPolicy | None) -> list[tuple[str, list[Resolved]]]:
        """Whom to try when no step is left, in order: a name, and the people behind it."""
        pk = policy.pk if policy else None
        if pk not in self._fallbacks:
            found = list(fallback_targets(policy, at=self.at))
            people = [each.person for _, row in found for each in row]
            prefetch_related_objects(people, "contact_methods")
            self._fallbacks[pk] = found
        return self._fallbacks[pk]


def _steps_of(policies: Collection[int]) -> dict[int, list[EscalationStep]]:
    found: dict[int, list[EscalationStep]] = {}
    steps = EscalationStep.objects.filter(policy__in=policies)
    for step in steps.order_by("position", "pk"):
        found.setdefault(step.policy_id, []).append(step)
    return found


def _behind_the_backlog(escalations: Collection[Escalation], at: datetime) -> set[int]:
    """Those with an older event of their alerts' integrations still to be processed.

    Not for ever: a backlog that nobody clears must not keep people from being paged.
    """
    fresh = [each for each in escalations if at < each.started_at + BACKLOG_AT_MOST]
    alerts = Alert.objects.filter(incident__in=[each.incident_id for each in fresh])
    pairs = set(alerts.values_list("incident_id", "integration_id"))
    events = AlertEvent.objects.waiting().filter(integration__in={pk for _, pk in pairs})
    oldest = dict(events.order_by().values_list("integration").annotate(Min("received_at")))
    return {
        each.pk
        for each in fresh
        for incident, integration in pairs
        if incident == each.incident_id
        and integration in oldest
        and oldest[integration] < each.started_at
    }
