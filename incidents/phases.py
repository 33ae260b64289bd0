"""The phases of an incident, and from which phase each may be entered."""

from django.db import models


class Phase(models.TextChoices):
    DETECTED = "detected", "Detected"
    MOBILIZING = "mobilizing", "Mobilizing"
    DIAGNOSING = "diagnosing", "Diagnosing"
    RESTORING = "restoring", "Restoring"
    RESTORED = "restored", "Restored"
    LEARNING = "learning", "Learning"
    CLOSED = "closed", "Closed"
    DISMISSED = "dismissed", "Dismissed"
    MERGED = "merged", "Merged"


# Customers may still be affected.
LIVE_PHASES = (Phase.DETECTED, Phase.MOBILIZING, Phase.DIAGNOSING, Phase.RESTORING)
# Somebody still has work to do.
OPEN_PHASES = (*LIVE_PHASES, Phase.RESTORED, Phase.LEARNING)
ENDED_PHASES = (Phase.CLOSED, Phase.DISMISSED, Phase.MERGED)

_WORKING = frozenset({Phase.MOBILIZING, Phase.DIAGNOSING, Phase.RESTORING})

# Forwards: the phase entered, and where one may come from.
ALLOWED_FROM = {
    Phase.MOBILIZING: frozenset({Phase.DETECTED}),
    Phase.DIAGNOSING: frozenset({Phase.MOBILIZING}),
    Phase.RESTORING: frozenset({Phase.MOBILIZING, Phase.DIAGNOSING}),
    Phase.RESTORED: _WORKING,
    Phase.LEARNING: frozenset({Phase.RESTORED}),
    Phase.CLOSED: _WORKING | {Phase.RESTORED, Phase.LEARNING},
    Phase.DISMISSED: _WORKING | {Phase.DETECTED},
}

# Back-steps: a fix that did not hold, a decision that was wrong.
ALLOWED_BACK_FROM = {
    Phase.DETECTED: frozenset({Phase.DISMISSED}),
    Phase.MOBILIZING: frozenset(
        {
            Phase.DIAGNOSING,
            Phase.RESTORING,
            Phase.RESTORED,
            Phase.LEARNING,
            Phase.CLOSED,
            Phase.DISMISSED,
        }
    ),
    Phase.DIAGNOSING: frozenset(
        {Phase.RESTORING, Phase.RESTORED, Phase.LEARNING, Phase.CLOSED, Phase.DISMISSED}
    ),
    Phase.RESTORING: frozenset({Phase.RESTORED, Phase.LEARNING, Phase.CLOSED, Phase.DISMISSED}),
    Phase.RESTORED: frozenset({Phase.LEARNING, Phase.CLOSED}),
    Phase.LEARNING: frozenset({Phase.CLOSED}),
}
