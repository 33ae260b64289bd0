"""Where an alert belongs: its service, its severity, its group, or nowhere because a rule says so.

The first active rule in order whose matchers all hold decides; what it leaves open comes from the
alert's own severity label and then from the integration.
"""

import hashlib
import logging
import re
from dataclasses import dataclass
from typing import Self

from django.db.models import Q

from incidents.intake import NormalisedAlert
from incidents.models import Integration, RoutingMatcher, RoutingRule, Service, Severity
from roster.errors import DomainError

logger = logging.getLogger(__name__)

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


@dataclass(frozen=True)
class Route:
    """Where one alert goes. Alerts with one `grouping_key` belong to one incident while it lives.

    A suppressing `rule` means: recorded with the rule's name, and nobody is told.
    """

    service: Service
    severity: Severity
    grouping_key: str
    rule: RoutingRule | None

    @property
    def suppressed_by(self) -> RoutingRule | None:
        return self.rule if self.rule and self.rule.is_suppressing else None


class Router:
    """The rules of one moment, read once for a batch of alerts. Three queries, whatever follows."""

    def __init__(
        self, integration: Integration, rules: list[RoutingRule], severities: list[Severity]
    ) -> None:
        if not severities:
            raise DomainError(
                "no_severity", "There is no severity to give. Load the reference data, then retry."
            )
        self._integration = integration
        self._rules = [(rule, list(rule.matchers.all())) for rule in rules]
        self._severities = sorted(severities, key=lambda severity: severity.rank)
        self._by_word = _severities_by_word(self._severities)

    @classmethod
    def of(cls, integration: Integration) -> Self:
        rules = RoutingRule.objects.active().filter(
            Q(integration=integration) | Q(integration__isnull=True)
        )
        return cls(
            integration,
            list(rules.select_related("service", "severity").prefetch_related("matchers")),
            list(Severity.objects.all()),
        )

    def route(self, alert: NormalisedAlert) -> Route:
        rule = next(
            (rule for rule, matchers in self._rules if _all_match(matchers, alert.labels)), None
        )
        service = (rule and rule.service) or self._integration.service
        severity = (rule and rule.severity) or self._severity_of(alert.severity_label)
        return Route(service, severity, _grouping_key(service, rule, alert), rule)

    def _severity_of(self, label: str) -> Severity:
        slug = self._integration.severity_words.get(label, label)
        known = self._by_word.get(slug)
        return known or self._integration.severity or self._by_word[LEVEL_NOT_GIVEN]


def _severities_by_word(severities: list[Severity]) -> dict[str, Severity]:
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


def _all_match(matchers: list[RoutingMatcher], labels: dict[str, str]) -> bool:
    return all(_matches(matcher, labels) for matcher in matchers)


def _matches(matcher: RoutingMatcher, labels: dict[str, str]) -> bool:
    """An absent label equals the empty text, as it does in Prometheus."""
    found = labels.get(matcher.label, "")
    match matcher.operator:
        case RoutingMatcher.Operator.EQUALS:
            return found == matcher.value
        case RoutingMatcher.Operator.IN:
            return found in {value.strip() for value in matcher.value.split(",")}
        case RoutingMatcher.Operator.MATCHES:
            return _fully_matches(matcher, found)
        case RoutingMatcher.Operator.ABSENT:
            return not found
    return False


def _fully_matches(matcher: RoutingMatcher, value: str) -> bool:
    try:
        return re.fullmatch(matcher.value, value) is not None
    except re.error:
        # Forms refuse such a pattern. Were one stored all the same, no alert must be lost to it.
        logger.warning("Pattern of routing matcher %s cannot be read", matcher.pk)
        return False


def _grouping_key(service: Service, rule: RoutingRule | None, alert: NormalisedAlert) -> str:
    """Service, and the rule's labels or the monitor's own group; hashed to a bounded length."""
    if rule and rule.group_by:
        parts = [f"{label}={alert.labels.get(label, '')}" for label in rule.group_by]
    else:
        parts = [alert.group or alert.dedup_key]
    digest = hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:40]
    return f"{service.slug}:{digest}"
