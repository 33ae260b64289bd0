"""Swaps: one person's shift, or a part of it, that another takes over.

Proposed (`Proposal`), answered by both sides, and then one `replace` override for a cover or two
for an exchange. Nothing else changes a `Swap`.
"""

from roster.swaps.answering import (
    accept,
    cancel,
    confirm,
    decline,
    give_back,
    lapse_due,
)
from roster.swaps.following import follow_edits
from roster.swaps.offering import arrange, offer, take_over
from roster.swaps.proposals import Proposal, examine, span_text
from roster.swaps.sides import serious_of
from roster.swaps.standing import conflicts_about, what_became
from roster.swaps.telling import people_asked

__all__ = [
    "Proposal",
    "accept",
    "arrange",
    "cancel",
    "confirm",
    "conflicts_about",
    "decline",
    "examine",
    "follow_edits",
    "give_back",
    "lapse_due",
    "offer",
    "people_asked",
    "serious_of",
    "span_text",
    "take_over",
    "what_became",
]
