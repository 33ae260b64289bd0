"""Where an alert belongs: its service, its severity, its group, or nowhere because a rule says so.

The first active rule in order whose conditions all hold decides; a suppressing one whose time is up
is passed over as if it were switched off. What the rule leaves open comes from the alert itself
(its severity, and a label `service` that is the slug of a service of ours) and then from the
integration. Maintenance of the service found says whether anybody hears of it.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Self

from django.db.models import Q

from incidents import matching
from incidents.intake import NormalisedAlert
from incidents.maintenance import Windows
from incidents.matching import Check, value_of
from incidents.models import (
    Incident,
    Integration,
    MaintenanceWindow,
    RoutingMatcher,
    RoutingRule,
    Service,
    Severity,
)
from roster.errors import DomainError
from roster.models import EscalationPolicy

# What monitors write in a severity label (WIRE-FORMATS, common target model), worst level first.
# A level stands for the severity that has it among its aliases, or else that many ranks down.
LEVELS = {
    "critical": {"critical", "s1", "p1", "emergency", "fatal", "disaster"},
    "high": {"high", "s2", "p2", "major", "page"},
    "medium": {"medium", "s3", "p3", "error", "alert", "average"},
    "low": {"low", "s4", "p4", "warn", "warning", "minor"},
    "info": {"info", "s5", "p5", "debug", "information", "notice", "none"},
}
LEVEL_NOT_GIVEN = "medium"
SERVICE_LABEL = "service"


# A rule and its conditions.
type Conditional = tuple[RoutingRule, Sequence[RoutingMatcher]]


class Origin(StrEnum):
    """Who chose a service or a severity."""

    RULE = "the rule"
    ALERT = "the alert itself"
    INTEGRATION = "the integration"
    NOBODY = "nobody: it is what is taken when none is given"


@dataclass(frozen=True)
class Route:
    """Where one alert goes. Alerts with one `grouping_key` belong to one incident while it lives.

    Suppressed means: recorded with the rule's name, and nobody is told. `maintenance` is what is on
    for its service, until `maintenance_until`, muting or only tagging.
    """

    service: Service
    service_from: Origin
    severity: Severity
    severity_from: Origin
    grouping_key: str
    rule: RoutingRule | None = None
    maintenance: MaintenanceWindow | None = None
    maintenance_until: datetime | None = None

    @property
    def suppressed_by(self) -> RoutingRule | None:
        return self.rule if self.rule and self.rule.is_suppressing else None

    @property
    def is_muted(self) -> bool:
        mode = self.maintenance and self.maintenance.mode
        return mode == MaintenanceWindow.Mode.MUTE

    @property
    def urgency(self) -> str:
        """Empty: as the severity has it."""
        return self.rule.urgency if self.rule else ""

    @property
    def policy(self) -> EscalationPolicy | None:
        """Whom to page by instead of the service's own; None leaves it to the service."""
        return self.rule.policy if self.rule else None

    @property
    def group_minutes(self) -> int | None:
        """How long its group gathers alerts, from the first; None: as long as it is live."""
        return self.rule.group_minutes if self.rule else None

    @property
    def hold_minutes(self) -> int:
        return self.rule.hold_minutes if self.rule else 0

    @property
    def attach_to(self) -> Incident | None:
        """The live incident that it joins whatever its group is."""
        incident = self.rule.attach_to if self.rule else None
        return incident if incident and incident.is_live else None

    @property
    def declares(self) -> bool:
        return bool(self.rule and self.rule.declares)

    @property
    def may_affect_customers(self) -> bool:
        return bool(self.rule and self.rule.may_affect_customers)


class Outcome(StrEnum):
    """What became of one rule when an alert was held against it."""

    DECIDES = "decides"
    FAILS = "does not match"
    OVER = "passed over: its suppression has ended"
    LATER = "would match, but an earlier one decides"


@dataclass(frozen=True)
class RuleReading:
    """One rule, each of its conditions as it was tried, and the outcome."""

    rule: RoutingRule
    checks: list[Check]
    outcome: Outcome


class Router:
    """The rules of one moment, read once for a batch of alerts. Five queries, whatever follows.

    One more for the services, if an alert has a label `service`.
    """

    def __init__(
        self,
        integration: Integration,
        rules: Sequence[Conditional],
        severities: Sequence[Severity],
        *,
        windows: Windows,
        at: datetime,
        services: Mapping[str, Service] | None = None,
    ) -> None:
        """`services` by slug are read when they are first needed, unless given."""
        if not severities:
            raise DomainError(
                "no_severity", "There is no severity to give. Load the reference data, then retry."
            )
        self._integration = integration
        self.rules = [rule for rule, _ in rules]
        self._rules = rules
        self._tests = [
            (rule, [(each.label, matching.test_of(each)) for each in matchers])
            for rule, matchers in rules
            if not is_over(rule, at)
        ]
        self._severities = sorted(severities, key=lambda severity: severity.rank)
        self._by_word = _severities_by_word(self._severities)
        self._own_words = {
            str(theirs).strip().lower(): str(ours).strip().lower()
            for theirs, ours in integration.severity_words.items()
        }
        self._windows = windows
        self._at = at
        self._known_services = services

    @classmethod
    def of(cls, integration: Integration, *, at: datetime) -> Self:
        return cls(
            integration,
            active_rules(integration),
            list(Severity.objects.all()),
            windows=Windows.at(at),
            at=at,
        )

    def route(self, alert: NormalisedAlert) -> Route:
        rule = self._deciding(alert)
        service, service_from = self._service_for(alert, rule)
        severity, severity_from = self._severity_for(alert, rule)
        maintenance = self._windows.covering(service, alert.labels)
        return Route(
            service=service,
            service_from=service_from,
            severity=severity,
            severity_from=severity_from,
            grouping_key=self._grouping_key(service, rule, alert),
            rule=rule,
            maintenance=maintenance,
            maintenance_until=self._windows.ends[maintenance] if maintenance else None,
        )

    def explain(self, alert: NormalisedAlert) -> list[RuleReading]:
        """Every rule in order, and how it fared: what `route` does, told at length."""
        return list(self._readings(alert))

    def _readings(self, alert: NormalisedAlert) -> Iterator[RuleReading]:
        is_decided = False
        for rule, matchers in self._rules:
            checks = [matching.check(matcher, alert, self._integration) for matcher in matchers]
            if not all(check.holds for check in checks):
                outcome = Outcome.FAILS
            elif is_over(rule, self._at):
                outcome = Outcome.OVER
            else:
                outcome = Outcome.LATER if is_decided else Outcome.DECIDES
                is_decided = True
            yield RuleReading(rule, checks, outcome)

    def _deciding(self, alert: NormalisedAlert) -> RoutingRule | None:
        for rule, tests in self._tests:
            if all(holds(value_of(name, alert, self._integration)) for name, holds in tests):
                return rule
        return None

    # --- What the rule leaves open ---------------------------------------------------------------

    @cached_property
    def _services(self) -> Mapping[str, Service]:
        return services_by_slug() if self._known_services is None else self._known_services

    def _service_for(
        self, alert: NormalisedAlert, rule: RoutingRule | None
    ) -> tuple[Service, Origin]:
        if rule and rule.service:
            return rule.service, Origin.RULE
        named = alert.labels.get(SERVICE_LABEL)
        if named and (service := self._services.get(named)):
            return service, Origin.ALERT
        return self._integration.service, Origin.INTEGRATION

    def _severity_for(
        self, alert: NormalisedAlert, rule: RoutingRule | None
    ) -> tuple[Severity, Origin]:
        if rule and rule.severity:
            return rule.severity, Origin.RULE
        word = alert.severity_label.strip().lower()
        if known := self._by_word.get(self._own_words.get(word, word)):
            return known, Origin.ALERT
        if self._integration.severity:
            return self._integration.severity, Origin.INTEGRATION
        return self._by_word[LEVEL_NOT_GIVEN], Origin.NOBODY

    def _grouping_key(
        self, service: Service, rule: RoutingRule | None, alert: NormalisedAlert
    ) -> str:
        """Service, and the rule's labels or the monitor's own group; hashed to a bounded length."""
        if rule and rule.group_by:
            values = ((name, value_of(name, alert, self._integration)) for name in rule.group_by)
            parts = [f"{name}={value}" for name, value in values]
        else:
            parts = [alert.group or alert.dedup_key]
        digest = hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:40]
        return f"{service.slug}:{digest}"


def active_rules(integration: Integration | None = None) -> list[Conditional]:
    """The rules in order, with their conditions: those asked about an integration, or all.

    Two queries.
    """
    rules = RoutingRule.objects.active().order_by("position", "pk")
    if integration:
        rules = rules.filter(Q(integration=integration) | Q(integration__isnull=True))
    related = rules.select_related("service", "severity", "policy", "attach_to__severity")
    return [(rule, list(rule.matchers.all())) for rule in related.prefetch_related("matchers")]


def services_by_slug() -> dict[str, Service]:
    return {service.slug: service for service in Service.objects.all()}


def is_over(rule: RoutingRule, at: datetime) -> bool:
    """Whether it suppressed until a moment that has come."""
    return bool(rule.is_suppressing and rule.suppress_until and rule.suppress_until <= at)


def _severities_by_word(severities: Sequence[Severity]) -> dict[str, Severity]:
    """Every word a label may use, names given by the organisation before the levels' synonyms."""
    own: dict[str, Severity] = {}
    for severity in severities:
        names = [severity.slug, severity.name, *severity.aliases.split(",")]
        own |= {name.strip().lower(): severity for name in names if name.strip()}
    words: dict[str, Severity] = {}
    for position, (level, synonyms) in enumerate(LEVELS.items()):
        meant = own.get(level) or severities[min(position, len(severities) - 1)]
        words |= dict.fromkeys(synonyms, meant)
    return words | own
