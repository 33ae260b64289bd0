"""What comms adds to the incident page: its updates, and the forms that send one."""

from datetime import datetime
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.utils.safestring import SafeString

from comms.forms import UpdateForm
from comms.models import AudienceKind, Message, Promise, Update, UpdateState
from comms.permissions import may_send
from incidents.admin.desk import Desk, register_action, register_panel
from incidents.models import Incident
from roster.actors import Actor

SHOWN = 10


class _SendUpdate(UpdateForm):
    audience_kind: ClassVar[AudienceKind]

    def __init__(
        self,
        incident: Incident,
        user: AbstractBaseUser,
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
    heading = "Internal update"
    button = "Send update"
    audience_kind = AudienceKind.INTERNAL


@register_action
class SendExternalUpdate(_SendUpdate):
    slug = "update-external"
    heading = "Update for customers"
    button = "Send to customers"
    explanation = "Say what customers notice and when they hear from you next, not what you guess."
    audience_kind = AudienceKind.EXTERNAL


@register_panel("next-update", position=10, column="head")
def next_update(desk: Desk) -> SafeString | None:
    """When somebody next waits to hear, beside the other facts of the incident. One query."""
    promises = Promise.objects.outstanding().filter(incident=desk.incident)
    earliest = promises.order_by("promised_for").first()
    if earliest is None:
        return None
    return desk.render("admin/comms/next_update.html", promise=earliest)


@register_panel("updates", position=20)
def updates(desk: Desk) -> SafeString:
    """What was said, what is promised next, and what did not arrive. Three queries."""
    incident, user = desk.incident, desk.request.user
    said = Update.objects.filter(incident=incident).order_by("-created_at", "-pk")
    failed = Message.objects.dead().filter(incident=incident).select_related("person")
    return desk.render(
        "admin/comms/updates_panel.html",
        updates=said[:SHOWN],
        promises=Promise.objects.outstanding().filter(incident=incident),
        failed=failed.order_by("-created_at")[:SHOWN],
        may_retry=user.has_perm("comms.retry_message"),
        may_approve=user.has_perm("comms.approve_update"),
        user=user,
    )
