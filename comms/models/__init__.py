"""What stakeholders and responders are told, by whom, when, and whether it arrived."""

from comms.models.audiences import Audience, AudienceKind
from comms.models.messages import (
    RETRIABLE_STATES,
    UNSENT_STATES,
    WITHDRAWABLE_STATES,
    Message,
    MessageState,
    Priority,
)
from comms.models.promises import Promise, PromiseState
from comms.models.templates import Purpose, Template
from comms.models.updates import Update, UpdateState

__all__ = [
    "RETRIABLE_STATES",
    "UNSENT_STATES",
    "WITHDRAWABLE_STATES",
    "Audience",
    "AudienceKind",
    "Message",
    "MessageState",
    "Priority",
    "Promise",
    "PromiseState",
    "Purpose",
    "Template",
    "Update",
    "UpdateState",
]
