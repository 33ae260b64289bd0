"""By which of their methods a person is reached, and when (PAGING-RULES, Notification)."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from comms.outbox import Address
from roster.models import Person, Urgency
from roster.quiet_hours import first_notified_at


@dataclass(frozen=True)
class Stage:
    """One address, and how long after the start it is used unless the person has answered."""

    delay: timedelta
    address: Address


def stages(person: Person, *, urgency: str, at: datetime) -> list[Stage]:
    """The person's rules for this urgency, begun at `at`; without any, every method at once.

    A rule whose method is not verified is left out; when that leaves nothing, the rules count
    as none. Each method is used once, at its earliest rule. What is of low urgency waits for the
    end of the person's quiet hours, and the rules run from there. Two queries.
    """
    found = _by_rules(person, urgency)
    return found if urgency == Urgency.HIGH else _outside_quiet_hours(found, person, at)


def first_stage(person: Person, *, urgency: str) -> list[Address]:
    """The addresses that hear at once; the earliest ones where every rule waits.

    For those who are at work on something already: quiet hours do not count.
    """
    found = _by_rules(person, urgency)
    return [stage.address for stage in found if stage.delay == found[0].delay]


def _by_rules(person: Person, urgency: str) -> list[Stage]:
    rules = person.notification_rules.filter(
        urgency=urgency, contact_method__verified_at__isnull=False
    ).select_related("contact_method")
    by_method: dict[int, Stage] = {}
    for rule in rules.order_by("delay_minutes", "pk"):
        delay = timedelta(minutes=rule.delay_minutes)
        address = Address.of_method(person, rule.contact_method)
        by_method.setdefault(rule.contact_method_id, Stage(delay, address))
    if by_method:
        return list(by_method.values())
    return [
        Stage(timedelta(), Address.of_method(person, method))
        for method in person.reachable_methods()
    ]


def _outside_quiet_hours(found: list[Stage], person: Person, at: datetime) -> list[Stage]:
    """The same stages, begun after the quiet hours; one that would then fall into others waits."""
    begin = first_notified_at(person, Urgency.LOW, at)
    return [
        replace(stage, delay=first_notified_at(person, Urgency.LOW, begin + stage.delay) - at)
        for stage in found
    ]
