"""How a first responder ends their part (R034)."""

from datetime import datetime

from incidents import first_line
from incidents.admin import fields
from incidents.admin.desk import Action, register_action
from roster.actors import Actor
from roster.models import Team


@register_action
class ResolveAtFirstLine(Action):
    slug = "resolve-first-line"
    heading = "Resolve at first line"
    button = "Resolved at first line"
    permission = "declare"
    explanation = "You solved it alone: it is declared as it stands, restored and closed in one go."

    summary = fields.line("What you did, in one line", max_length=300)

    def apply(self, *, by: Actor, at: datetime) -> str:
        first_line.resolve(self.incident, summary=self.cleaned_data["summary"], by=by, at=at)
        return f"{self.incident.reference} is closed: resolved at first line."


@register_action
class EscalateToTeam(Action):
    slug = "escalate-to-team"
    heading = "Escalate to a team"
    button = "Escalate to a team"
    permission = "request_responder"
    explanation = "The team is asked to take over. You stay, in support, until you are released."

    team = fields.one_of("Team", Team.objects.order_by("name"), empty_label="Choose a team")
    message = fields.text("What they should know", required=False, rows=2)

    def apply(self, *, by: Actor, at: datetime) -> str:
        team, message = self.cleaned_data["team"], self.cleaned_data["message"]
        first_line.escalate_to_team(self.incident, team, message=message, by=by, at=at)
        return f"{team} is asked to take over. You stay in support until you are released."
