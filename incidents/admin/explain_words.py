"""The explainer's answers in sentences."""

from dataclasses import dataclass

from django.utils import timezone

from incidents.explainer import Explained, Fate
from incidents.models import Incident
from incidents.routing import Outcome, Route

_TONES = {
    Fate.OPENS: ("Opens an incident", "red"),
    Fate.JOINS: ("Joins an incident", "orange"),
    Fate.REPEATS: ("A repeat", "gray"),
    Fate.HELD: ("Held", "amber"),
    Fate.MUTED: ("Muted by maintenance", "purple"),
    Fate.SUPPRESSED: ("Suppressed", "purple"),
    Fate.RESOLVES: ("Resolves", "green"),
    Fate.ACKNOWLEDGES: ("Acknowledges", "blue"),
}
OUTCOME_TONES = {
    Outcome.DECIDES: "green",
    Outcome.FAILS: "gray",
    Outcome.OVER: "amber",
    Outcome.LATER: "blue",
}


@dataclass(frozen=True)
class Told:
    """One explained alert, and the words for it."""

    explained: Explained
    label: str
    tone: str
    sentence: str
    facts: list[tuple[str, str, str]]  # what it is, its value, who chose it
    calls_note: str


def told(explained: Explained) -> Told:
    label, tone = _TONES[explained.fate]
    return Told(
        explained=explained,
        label=label,
        tone=tone,
        sentence=_sentence(explained),
        facts=_facts(explained.route) if explained.route else [],
        calls_note=_calls_note(explained),
    )


def _sentence(explained: Explained) -> str:
    route, incident = explained.route, explained.incident
    match explained.fate:
        case Fate.OPENS:
            declared = " and declares it by itself" if route and route.declares else ""
            return f"It opens an incident of its group{declared}, and people are paged."
        case Fate.JOINS:
            return f"It joins {_name(incident)}, which is live. Nobody is paged anew."
        case Fate.REPEATS:
            return "This alert fires already: it is counted there, and pages nobody."
        case Fate.HELD if route:
            return (
                f"It waits {route.hold_minutes} minutes. If it resolves by then nobody hears of it;"
                " otherwise it pages."
            )
        case Fate.MUTED if route:
            return f"It is recorded and pages nobody: {route.maintenance} is on."
        case Fate.SUPPRESSED if route and route.suppressed_by:
            return f"It is recorded and pages nobody: {route.suppressed_by.suppress_reason}"
        case Fate.RESOLVES:
            return (
                f"It ends the alert of this key{_of(incident)}."
                if explained.firing
                else "It would end the alert of this key, but none is firing."
            )
        case Fate.ACKNOWLEDGES:
            return (
                f"It takes {_name(incident)} in the name of whoever acknowledged it there."
                if explained.firing
                else "It would acknowledge the alert of this key, but none is firing."
            )
    return ""


def _name(incident: Incident | None) -> str:
    return incident.reference if incident else "the incident of its group"


def _of(incident: Incident | None) -> str:
    return f", which belongs to {incident.reference}" if incident else ""


def _facts(route: Route) -> list[tuple[str, str, str]]:
    facts = [
        ("Service", str(route.service), f"by {route.service_from}"),
        ("Severity", str(route.severity), f"by {route.severity_from}"),
    ]
    urgency = route.urgency or route.severity.urgency
    facts.append(("Urgency", urgency, "by the rule" if route.urgency else "by the severity"))
    if route.rule and route.rule.group_by:
        facts.append(("One incident for each", ", ".join(route.rule.group_by), "by the rule"))
    if route.group_minutes:
        facts.append(("Gathers alerts for", f"{route.group_minutes} minutes", "by the rule"))
    if route.maintenance and not route.is_muted:
        facts.append(("Expected", f"during {route.maintenance}", "tagged, and paged as ever"))
    if route.may_affect_customers:
        words = "the incident manager on call is told at once"
        facts.append(("Potentially customer-impacting", words, "by the rule"))
    return facts


def _calls_note(explained: Explained) -> str:
    """From when on, and on which condition, the people below are paged."""
    if explained.calls_from is None:
        return ""
    at = timezone.localtime(explained.calls_from).strftime("%a %-d %b %Y %H:%M")
    policy = f"by {explained.policy}" if explained.policy else "by the fallback, without a policy"
    if explained.fate == Fate.OPENS:
        return f"From {at} on, {policy}, while nobody answers."
    return f"From {at} on, {policy}, if it still fires then."
