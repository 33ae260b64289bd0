from roster.idempotency import IdempotencyRecord
from roster.models.availability import ImportedCalendar, TimeOff
from roster.models.contacts import Channel, ContactMethod, NotificationRule, Urgency
from roster.models.coverage import CoverageFinding, FindingKind
from roster.models.duty import DutyRecord, HandoffNote, ScheduleWatch
from roster.models.feeds import CalendarFeed, Publication, PublishedShift
from roster.models.notices import Notice, NoticeKind
from roster.models.pay import RatePlan, RateRule
from roster.models.people import Person, Team
from roster.models.planning import PlanPreference, PlanRotation, RosterPlan
from roster.models.policies import EscalationPolicy, EscalationStep, EscalationTarget
from roster.models.qualifications import (
    ConfidenceRating,
    Qualification,
    QualificationException,
    QualificationGrant,
    Shadowing,
)
from roster.models.reachability import ContactVerification, PageTest, PageTestCall
from roster.models.schedules import (
    Coverage,
    CoverageWindow,
    Layer,
    LayerWindow,
    Override,
    OverrideShift,
    Participant,
    Schedule,
)
from roster.models.swaps import Swap
from roster.references import Counter
from roster.sweeps import SweepRun
from roster.tokens import ApiToken

__all__ = [
    "ApiToken",
    "CalendarFeed",
    "Channel",
    "ConfidenceRating",
    "ContactMethod",
    "ContactVerification",
    "Counter",
    "Coverage",
    "CoverageFinding",
    "CoverageWindow",
    "DutyRecord",
    "EscalationPolicy",
    "EscalationStep",
    "EscalationTarget",
    "FindingKind",
    "HandoffNote",
    "IdempotencyRecord",
    "ImportedCalendar",
    "Layer",
    "LayerWindow",
    "Notice",
    "NoticeKind",
    "NotificationRule",
    "Override",
    "OverrideShift",
    "PageTest",
    "PageTestCall",
    "Participant",
    "Person",
    "PlanPreference",
    "PlanRotation",
    "Publication",
    "PublishedShift",
    "Qualification",
    "QualificationException",
    "QualificationGrant",
    "RatePlan",
    "RateRule",
    "RosterPlan",
    "Schedule",
    "ScheduleWatch",
    "Shadowing",
    "Swap",
    "SweepRun",
    "Team",
    "TimeOff",
    "Urgency",
]
