from roster.idempotency import IdempotencyRecord
from roster.models.contacts import Channel, ContactMethod, NotificationRule, Urgency
from roster.models.people import Person, Team
from roster.models.policies import EscalationPolicy, EscalationStep, EscalationTarget
from roster.models.schedules import Layer, LayerWindow, Override, Participant, Schedule
from roster.references import Counter
from roster.sweeps import SweepRun
from roster.tokens import ApiToken

__all__ = [
    "ApiToken",
    "Channel",
    "ContactMethod",
    "Counter",
    "EscalationPolicy",
    "EscalationStep",
    "EscalationTarget",
    "IdempotencyRecord",
    "Layer",
    "LayerWindow",
    "NotificationRule",
    "Override",
    "Participant",
    "Person",
    "Schedule",
    "SweepRun",
    "Team",
    "Urgency",
]
