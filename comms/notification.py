"""By which of their methods a person is reached, and when (PAGING-RULES, Notification)."""

from dataclasses import dataclass
from datetime import timedelta

from comms.outbox import Address
from roster.models import Person


@dataclass(frozen=True)
class Stage:
    """One address, and how long after the start it is used unless the person has answered."""

    delay: timedelta
    address: Address


def stages(person: Person, *, urgency: str) -> list[Stage]:
    """The person's rules for this urgency; without any, every reachable method at once.

    A rule whose method is not verified is left out; when that leaves nothing, the rules count
    as none. Each method is used once, at its earliest rule. Two queries.
    """
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


def first_stage(person: Person, *, urgency: str) -> list[Address]:
    """The addresses that hear at once; the earliest ones where every rule waits."""
    found = stages(person, urgency=urgency)
    return [stage.address for stage in found if stage.delay == found[0].delay]
