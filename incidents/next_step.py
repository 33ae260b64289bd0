"""The one thing to do next on an incident: the big button of its page (R167).

Apps to the right know of steps that this one does not, such as the first update: they
`register_suggestion` when they are ready.
"""

from collections.abc import Callable
from dataclasses import dataclass

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

from incidents import guards
from incidents.models import Acknowledgement, Incident, Phase
from incidents.permissions import may


@dataclass(frozen=True)
class NextStep:
    """An action by its code (its address on the page), the words on its button, and why now.

    `right` is what `incidents.permissions.may` knows it by, empty if everyone may.
    """

    code: str
    label: str
    why: str
    right: str = ""


Suggestion = Callable[[Incident], NextStep | None]

_suggestions: list[Suggestion] = []

ACKNOWLEDGE = NextStep(
    "acknowledge",
    "Acknowledge",
    "Nobody has taken it yet. Paging goes on until somebody does.",
    "acknowledge",
)
ACKNOWLEDGE_AGAIN = NextStep(
    "acknowledge",
    "Acknowledge",
    "Nobody has it any more: the last acknowledgement has lapsed, and paging goes on.",
    "acknowledge",
)
DECLARE = NextStep(
    "declare", "Declare", "Decide whether it is an incident, and how bad.", "declare"
)
ASSIGN_MANAGER = NextStep(
    "assign-role", "Assign an incident manager", "Nobody is in charge.", "assign_role"
)
_BY_PHASE = {
    Phase.MOBILIZING: NextStep(
        "advance", "Start diagnosing", "The people are there. Find out what is wrong.", "advance"
    ),
    Phase.DIAGNOSING: NextStep(
        "advance",
        "Start restoring",
        "Go on as soon as there is one way to make it stop.",
        "advance",
    ),
    Phase.RESTORING: NextStep(
        "restore",
        "Mark as restored",
        "Do it as soon as customers no longer notice anything.",
        "restore",
    ),
    Phase.RESTORED: NextStep(
        "learn",
        "Start learning",
        "Service is back. Let people go, and see what it taught.",
        "advance",
    ),
    Phase.LEARNING: NextStep(
        "close", "Close", "Close it once what was learnt is written down.", "close"
    ),
}


def register_suggestion(suggest: Suggestion) -> None:
    """Let another app name a step for a declared incident; it comes before moving on."""
    if suggest not in _suggestions:
        _suggestions.append(suggest)


def next_step(
    incident: Incident, user: AbstractBaseUser | AnonymousUser | None = None
) -> NextStep | None:
    """What to do next; None on an ended incident, or if `user` is given and may not do it.

    Two queries of this app's own while mobilizing, one once acknowledged, otherwise none.
    """
    step = _step(incident)
    if step and user and step.right and not may(user, step.right, incident):
        return None
    return step


def _has_lapsed(incident: Incident) -> bool:
    """Whether whoever acknowledged showed no sign of work, and nobody has it since."""
    last = Acknowledgement.objects.filter(incident=incident).order_by("-pk").first()
    return last is not None and last.end == Acknowledgement.End.EXPIRED


def _step(incident: Incident) -> NextStep | None:
    if not incident.is_open:
        return None
    if incident.phase == Phase.DETECTED:
        if incident.acknowledged_at is None:
            return ACKNOWLEDGE
        return ACKNOWLEDGE_AGAIN if _has_lapsed(incident) else DECLARE
    if incident.phase == Phase.MOBILIZING and guards.lacking_before_work(
        incident, Phase.DIAGNOSING
    ):
        return ASSIGN_MANAGER
    for suggest in _suggestions:
        if step := suggest(incident):
            return step
    return _BY_PHASE[Phase(incident.phase)]
