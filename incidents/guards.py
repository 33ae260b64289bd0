"""What an incident still lacks before it moves on, one sentence for each thing.

A guard reminds; it does not stop anybody who gives a reason to go on without (R142, R171).
"""

from typing import TYPE_CHECKING

from incidents.models.roles import INCIDENT_MANAGER, Role, RoleAssignment
from incidents.phases import LIVE_PHASES, Phase

if TYPE_CHECKING:
    from incidents.models.incident import Incident


def lacking_before_work(incident: "Incident", phase: Phase) -> list[str]:
    """What is missing before `phase`: somebody in charge, where the severity demands it."""
    role = Role.objects.required_at(incident.severity).filter(slug=INCIDENT_MANAGER).first()
    if role is None or RoleAssignment.objects.current().filter(incident=incident, role=role):
        return []
    lacking = (
        f"{incident.reference} has no {role.name.lower()}."
        f" Assign one before moving to {phase.label}."
    )
    return [lacking]


def lacking_before_close(incident: "Incident", *, summary: str) -> list[str]:
    """What is missing before closing, apart from what other apps say. Costs no query."""
    lacking = []
    if incident.phase in LIVE_PHASES and incident.severity.is_major:
        lacking.append(
            f"{incident.reference} is {incident.severity.name} and has not been restored."
            " Mark it as restored first."
        )
    if not (summary or incident.summary):
        lacking.append(f"{incident.reference} has no summary. Say in one line what happened.")
    return lacking
