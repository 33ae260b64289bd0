"""What a condition of a routing rule finds in an alert, and whether it holds.

A name means the label of that name; where the alert has none, or an empty one, it means a field:
title, description, severity (the monitor's own word), group, key, integration (its slug), or
`annotations.<name>`. Source, component and class are labels of these names, by our adapters.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from incidents import patterns
from incidents.intake import NormalisedAlert
from incidents.models import Integration, RoutingMatcher

logger = logging.getLogger(__name__)

ANNOTATIONS = "annotations."
_FIELDS: dict[str, Callable[[NormalisedAlert, Integration], str]] = {
    "title": lambda alert, integration: alert.title,
    "description": lambda alert, integration: alert.description,
    "severity": lambda alert, integration: alert.severity_label,
    "group": lambda alert, integration: alert.group,
    "key": lambda alert, integration: alert.dedup_key,
    "integration": lambda alert, integration: integration.slug,
}
FIELD_NAMES = tuple(_FIELDS)


@dataclass(frozen=True)
class Check:
    """One condition as it was tried: what was found under its name, empty if nothing was."""

    matcher: RoutingMatcher
    found: str
    holds: bool


def value_of(name: str, alert: NormalisedAlert, integration: Integration) -> str:
    """What the alert has under this name; empty if nothing, as in Prometheus."""
    if label := alert.labels.get(name):
        return label
    if read := _FIELDS.get(name):
        return read(alert, integration)
    if name.startswith(ANNOTATIONS):
        return alert.annotations.get(name.removeprefix(ANNOTATIONS), "")
    return ""


def check(matcher: RoutingMatcher, alert: NormalisedAlert, integration: Integration) -> Check:
    found = value_of(matcher.label, alert, integration)
    return Check(matcher, found, holds(matcher, found))


def holds(matcher: RoutingMatcher, found: str) -> bool:
    return test_of(matcher)(found)


def test_of(matcher: RoutingMatcher) -> Callable[[str], bool]:
    """What a value must pass, made once for a batch: reading columns would cost more than this."""
    value = matcher.value
    match matcher.operator:
        case RoutingMatcher.Operator.EQUALS:
            return lambda found: found == value
        case RoutingMatcher.Operator.IN:
            return frozenset(matcher.choices()).__contains__
        case RoutingMatcher.Operator.MATCHES:
            return _pattern_test(matcher)
        case RoutingMatcher.Operator.ABSENT:
            return lambda found: not found
    return lambda found: False


def _pattern_test(matcher: RoutingMatcher) -> Callable[[str], bool]:
    try:
        return patterns.test_of(matcher.value)
    except patterns.PatternError:
        # Forms refuse such a pattern. Were one stored all the same, no alert must be lost to it.
        logger.warning("Pattern of routing matcher %s cannot be read", matcher.pk)
        return lambda found: False
