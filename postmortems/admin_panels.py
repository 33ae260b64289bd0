"""What postmortems add to the incident page: the postmortem, its action items, and two forms."""

from datetime import datetime

from django import forms
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminDateWidget

from incidents.admin import fields
from incidents.admin.desk import Action, Desk, register_action, register_panel
from incidents.models import Incident
from postmortems.action_items import NewActionItem, add_action_item
from postmortems.invitations import send_invitations
from postmortems.models import ActionItem, Postmortem
from postmortems.models.action_items import ActionKind, ActionState
from postmortems.opening import open_postmortem
from postmortems.permissions import may_add_item, may_open
from roster.actors import Actor

SHOWN = 10


@register_action
class OpenPostmortem(Action):
    slug = "open-postmortem"
    heading = "Open a postmortem"
    button = "Open postmortem"
    explanation = "It is drafted from the record, and everyone who took part is invited."

    @classmethod
    def allowed(cls, user: AbstractBaseUser | AnonymousUser, incident: Incident) -> bool:
        return incident.declared_at is not None and may_open(user, incident)

    def apply(self, *, by: Actor, at: datetime) -> str:
        postmortem = open_postmortem(self.incident, by=by, at=at)
        invited = send_invitations(postmortem, by=by, at=at)
        return f"{postmortem.reference} is open, and {len(invited)} people are invited."


@register_action
class AddActionItem(Action):
    slug = "add-action-item"
    heading = "Add an action item"
    button = "Add action item"

    # Not `title`, which a form's own page may want for itself.
    what = fields.line("What will be done", max_length=200)
    kind = fields.choice("To", ActionKind.choices)
    owner = fields.PersonField(label="Who", required=False)
    due_on = forms.DateField(label="By when", required=False, widget=UnfoldAdminDateWidget())

    @classmethod
    def allowed(cls, user: AbstractBaseUser | AnonymousUser, incident: Incident) -> bool:
        return may_add_item(user, incident)

    def apply(self, *, by: Actor, at: datetime) -> str:
        answers = self.cleaned_data
        item = NewActionItem(
            title=answers["what"],
            kind=ActionKind(answers["kind"]),
            owner=answers["owner"],
            due_on=answers["due_on"],
        )
        return f"{add_action_item(self.incident, item, by=by, at=at).reference} is noted."


@register_panel("learning", position=60, column="side")
def learning(desk: Desk) -> SafeString | None:
    """What it taught: nothing until it is declared. Two queries."""
    incident, user = desk.incident, desk.request.user
    if incident.declared_at is None or not user.has_perm("postmortems.view_postmortem"):
        return None
    postmortem = Postmortem.objects.filter(incident=incident).select_related("owner").first()
    items = ActionItem.objects.filter(incident=incident).select_related("owner")
    today = timezone.localdate()
    return desk.render(
        "admin/postmortems/learning_panel.html",
        postmortem=postmortem,
        is_late=postmortem is not None and postmortem.is_overdue_on(today),
        items=[(item, item.is_overdue_on(today)) for item in items.order_by("due_on")[:SHOWN]],
        open_state=ActionState.OPEN,
    )
