"""What comms adds to the incident page: its updates, and sending one."""

from datetime import datetime
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.http import HttpRequest
from django.template.loader import render_to_string

from comms.forms import UpdateForm
from comms.models import AudienceKind, Message, Promise, Update, UpdateState
from comms.permissions import may_send
from incidents.admin.desk import register_action, register_panel
from incidents.models import Incident
from roster.actors import Actor

SHOWN_UPDATES = 10


class _SendUpdate(UpdateForm):
    audience_kind: ClassVar[AudienceKind]
    button = "Send update"

    def __init__(
        self,
        incident: Incident,
        user: AbstractBaseUser | AnonymousUser,
        *args: Any,  # as forms.Form takes them
        **kwargs: Any,
    ) -> None:
        super().__init__(incident, user, self.audience_kind, *args, **kwargs)

    @classmethod
    def allowed(cls, user: AbstractBaseUser | AnonymousUser, incident: Incident) -> bool:
        return may_send(user, cls.audience_kind, incident)

    def apply(self, *, by: Actor, at: datetime) -> str:
        update = self.save(by=by, at=at)
        if update.state == UpdateState.SENT:
            return f"Sent to {update.messages.count()} recipients."
        return "Kept as a draft: a second person approves it before it is sent."


@register_action
class SendInternalUpdate(_SendUpdate):
    slug = "update"
    title = "Internal update"
    permission = "update"
    audience_kind = AudienceKind.INTERNAL


@register_action
class SendExternalUpdate(_SendUpdate):
    slug = "update-external"
    title = "External update"
    permission = "update"
    button = "Send to customers"
    explanation = "Say what customers notice and when they hear from you next, not what you guess."
    audience_kind = AudienceKind.EXTERNAL


def updates_panel(request: HttpRequest, incident: Incident) -> str:
    """The latest updates, what is promised next, and what did not arrive. Three queries."""
    updates = Update.objects.filter(incident=incident).order_by("-created_at", "-pk")
    failed = Message.objects.dead().filter(incident=incident)
    return render_to_string(
        "admin/comms/updates_panel.html",
        {
            "incident": incident,
            "updates": updates[:SHOWN_UPDATES],
            "promises": Promise.objects.outstanding().filter(incident=incident),
            "failed": failed.order_by("-created_at")[:SHOWN_UPDATES],
            "may_send": {kind: may_send(request.user, kind, incident) for kind in AudienceKind},
            "may_retry": request.user.has_perm("comms.retry_message"),
        },
        request=request,
    )


register_panel("updates", "Updates", 40, updates_panel)
