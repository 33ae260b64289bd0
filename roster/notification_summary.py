"""In which order a person is reached, in one sentence for each urgency, and what is amiss."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from roster.models import ContactMethod, NotificationRule, Person, Urgency


@dataclass(frozen=True)
class Summary:
    """“Work e-mail at once, Pager after 3 min.”, and warnings as sentences."""

    urgency: Urgency
    sentence: str
    warnings: list[str]

    @property
    def name(self) -> str:
        return "High urgency" if self.urgency == Urgency.HIGH else "Low urgency"


def summaries(person: Person) -> list[Summary]:
    """The same choices as `comms.notification` makes for messages. Two queries."""
    rules = list(
        person.notification_rules.select_related("contact_method").order_by("delay_minutes", "pk")
    )
    methods = list(person.contact_methods.order_by("pk"))
    return [_summary(person, urgency, rules, methods) for urgency in Urgency]


def _summary(
    person: Person,
    urgency: Urgency,
    rules: Iterable[NotificationRule],
    methods: list[ContactMethod],
) -> Summary:
    own = [rule for rule in rules if rule.urgency == urgency]
    used = [rule for rule in own if rule.contact_method.verified_at]
    warnings = [
        f"“{rule.contact_method}” is not verified: its rule is passed over until it is."
        for rule in own
        if not rule.contact_method.verified_at
    ]
    if used:
        sentence = _sequence(used)
    elif verified := [str(method) for method in methods if method.verified_at]:
        sentence = f"{_listed(verified)} at once; there is no rule."
    elif person.email:
        sentence = "The e-mail of the profile, at once; no contact method is verified."
    else:
        sentence = "Nothing."
        warnings.append(f"Nothing reaches {person}. Add a contact method and verify it.")
    quiet = _quiet(person) if urgency == Urgency.LOW else ""
    return Summary(urgency, " ".join(filter(None, [sentence, quiet])), warnings)


def _sequence(rules: Iterable[NotificationRule]) -> str:
    """Each method once, at its earliest rule."""
    earliest: dict[int, NotificationRule] = {}
    for rule in rules:
        earliest.setdefault(rule.contact_method_id, rule)
    stages = groupby(earliest.values(), key=lambda rule: rule.delay_minutes)
    told = [
        f"{_listed([str(rule.contact_method) for rule in group])} "
        + (f"after {delay} min" if delay else "at once")
        for delay, group in stages
    ]
    return ", ".join(told) + "."


def _quiet(person: Person) -> str:
    if person.quiet_from is None or person.quiet_until is None:
        return ""
    between = f"{person.quiet_from:%H:%M} to {person.quiet_until:%H:%M}"
    return f"Waits during quiet hours, {between} ({person.time_zone})."


def _listed(names: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
