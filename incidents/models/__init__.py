from incidents.models.alerts import Alert, AlertWord, RoutingMatcher, RoutingRule
from incidents.models.changes import Change
from incidents.models.escalations import Acknowledgement, Escalation, Page
from incidents.models.guides import PhaseGuide, Question
from incidents.models.heartbeats import Heartbeat
from incidents.models.incident import Incident
from incidents.models.incident_changes import IncidentError, PhaseError
from incidents.models.incident_record import IncidentKind, IncidentSource
from incidents.models.integrations import (
    AlertEvent,
    IntakeHour,
    IntakeRefusal,
    Integration,
    IntegrationKey,
)
from incidents.models.maintenance import MaintenanceWindow
from incidents.models.reports import Report
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
    "Acknowledgement",
    "Alert",
    "AlertEvent",
    "AlertWord",
    "Announcement",
    "Change",
    "Duty",
    "Escalation",
    "Heartbeat",
    "ImpactDegree",
    "ImpactExtent",
    "Incident",
    "IncidentError",
    "IncidentKind",
    "IncidentSource",
    "IntakeHour",
    "IntakeRefusal",
    "Integration",
    "IntegrationKey",
    "MaintenanceWindow",
    "Page",
    "Phase",
    "PhaseError",
    "PhaseGuide",
    "Question",
    "Report",
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
