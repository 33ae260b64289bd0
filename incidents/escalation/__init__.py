"""Paging people by a policy until somebody answers (PAGING-RULES, Escalation).

An escalation is a row that is due when its next step is. Running a step makes pages and moves the
row on, in one transaction: a worker killed before the commit has paged nobody, one killed after it
has nothing left to do. Every change here takes the incident's row first, so that an answer and the
next step cannot pass each other.
"""

from incidents.escalation.answers import (
    acknowledge_page,
    decline_page,
    settle_paging,
    why_page_is_over,
)
from incidents.escalation.running import run_due
from incidents.escalation.starting import (
    escalate,
    start_escalation,
    start_escalations,
    start_over,
    stop_escalation,
)

__all__ = [
    "acknowledge_page",
    "decline_page",
    "escalate",
    "run_due",
    "settle_paging",
    "start_escalation",
    "start_escalations",
    "start_over",
    "stop_escalation",
    "why_page_is_over",
]
