from incidents.models.alerts import Alert, RoutingMatcher, RoutingRule
from incidents.models.escalations import Escalation, Page
from incidents.models.guides import PhaseGuide, Question
from incidents.models.incident import Incident
from incidents.models.incident_changes import IncidentError, PhaseError
from incidents.models.incident_record import IncidentKind, IncidentSource
from incidents.models.integrations import AlertEvent, Integration
from incidents.models.responders import Responder, ResponderError
from incidents.models.roles import (
    DEPUTY,
    FIRST_RESPONDER,
    IMOC,
    INCIDENT_MANAGER,
    TECH_LEAD,
    Duty,
    Role,
    RoleAssignment,
)
from incidents.models.services import Service
from incidents.models.severities import (
    ImpactDegree,
    ImpactExtent,
    Severity,
    SeverityRule,
)
from incidents.phases import ENDED_PHASES, LIVE_PHASES, OPEN_PHASES, Phase
from incidents.timeline import Announcement, TimelineEntry

__all__ = [
    "DEPUTY",
    "ENDED_PHASES",
    "FIRST_RESPONDER",
    "IMOC",
    "INCIDENT_MANAGER",
    "LIVE_PHASES",
    "OPEN_PHASES",
    "TECH_LEAD",
    "Alert",
    "AlertEvent",
    "Announcement",
    "Duty",
    "Escalation",
    "ImpactDegree",
    "ImpactExtent",
    "Incident",
    "IncidentError",
    "IncidentKind",
    "IncidentSource",
    "Integration",
    "Page",
    "Phase",
    "PhaseError",
    "PhaseGuide",
    "Question",
    "Responder",
    "ResponderError",
    "Role",
    "RoleAssignment",
    "RoutingMatcher",
    "RoutingRule",
    "Service",
    "Severity",
    "SeverityRule",
    "TimelineEntry",
]
