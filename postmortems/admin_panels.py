"""What postmortems add to the incident page: the postmortem itself, and the way to open one."""

from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

from incidents.admin.desk import Action, Desk, register_action, register_panel
from incidents.models import Incident, Phase
from postmortems.models import ActionItem, Invitation, Postmortem
from postmortems.opening import open_postmortem
from roster.actors import Actor

# While an incident runs nobody should be writing about it yet.
SHOWN_FROM = (Phase.RESTORED, Phase.LEARNING, Phase.CLOSED)


@register_action
class OpenPostmortem(Action):
    slug = "open-postmortem"
    heading = "Open the postmortem"
    button = "Open it"
    explanation = "Drafted from the timeline; everyone who responded can be invited from there."

    @classmethod
    def allowed(cls, user: AbstractBaseUser | AnonymousUser, incident: Incident) -> bool:
        return user.has_perm("postmortems.add_postmortem")

    def apply(self, *, by: Actor, at: datetime) -> str:
        return f"{open_postmortem(self.incident, by=by, at=at).reference} is open."


@register_panel("postmortem", position=30)
def postmortem(desk: Desk) -> str | None:
    """Its state, owner and review, and what was promised. Three queries, none while it runs."""
    if desk.incident.phase not in SHOWN_FROM:
        return None
    found = Postmortem.objects.filter(incident=desk.incident).select_related("owner").first()
    items = ActionItem.objects.filter(incident=desk.incident).select_related("owner")
    invited = Invitation.objects.filter(postmortem=found) if found else Invitation.objects.none()
    answers = list(invited.standing().values_list("state", flat=True))
    return desk.render(
        "admin/postmortems/panel.html",
        postmortem=found,
        items=items.order_by("due_on", "number"),
        invited=len(answers),
        accepted=answers.count(Invitation.State.ACCEPTED),
    )
