"""Who is in which role."""

from datetime import datetime
from typing import Any

from incidents.admin import fields
from incidents.admin.desk import Action, register_action
from incidents.models import (
    Incident,
    Role,
    RoleAssignment,
)
from incidents.roles import assign_role, end_role, fill_roles_from_roster
from roster.actors import Actor
from roster.errors import DomainError


@register_action
class AssignRole(Action):
    slug = "assign-role"
    heading = "Assign a role"
    button = "Assign"
    permission = "assign_role"
    explanation = "A role with one holder is handed over; both names stay on record."

    role = fields.one_of("Role", Role.objects.all(), empty_label=None)
    person = fields.PersonField(label="Person")
    note = fields.text("Handover note", required=False, rows=2)
    override_reason = fields.text(
        "Why it is all right this time",
        required=False,
        rows=2,
        help_text="It stays on the timeline, for example: nobody trained is awake.",
    )

    def refuse(self, error: DomainError) -> None:
        super().refuse(error)
        self.asks_override |= error.code == "not_qualified"

    def apply(self, *, by: Actor, at: datetime) -> str:
        role, person = self.cleaned_data["role"], self.cleaned_data["person"]
        assign_role(
            self.incident,
            role,
            person,
            note=self.cleaned_data["note"],
            override_reason=self.cleaned_data["override_reason"],
            by=by,
            at=at,
        )
        return f"{person} is {role.name.lower()}."


@register_action
class EndRole(Action):
    slug = "end-role"
    heading = "End a role"
    button = "End it"
    permission = "assign_role"

    assignment = fields.one_of("Holder", RoleAssignment.objects.none(), empty_label=None)
    note = fields.text("Note", required=False, rows=2)

    def __init__(self, incident: Incident, *args: Any, **kwargs: Any) -> None:  # as Action
        super().__init__(incident, *args, **kwargs)
        current = incident.role_assignments.current().select_related("role", "person")
        self.offer("assignment", current)

    def apply(self, *, by: Actor, at: datetime) -> str:
        assignment = self.cleaned_data["assignment"]
        assignment.incident = self.incident
        end_role(assignment, note=self.cleaned_data["note"], by=by, at=at)
        return f"{assignment.person} is no longer {assignment.role.name.lower()}."


@register_action
class FillRoles(Action):
    slug = "fill-roles"
    heading = "Fill roles from the roster"
    button = "Fill from the roster"
    permission = "assign_role"
    explanation = "Every required role that nobody holds goes to whoever is on call for it."

    def apply(self, *, by: Actor, at: datetime) -> str:
        filled = fill_roles_from_roster(self.incident, by=by, at=at)
        names = [f"{row.person} is {row.role.name.lower()}" for row in filled]
        return f"{', '.join(names)}." if names else "Nobody is on call for the roles left open."
