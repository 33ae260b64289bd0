"""What a postmortem's page holds besides its own columns."""

from django.http import HttpRequest
from unfold.admin import StackedInline, TabularInline

from postmortems.admin.forms import SectionForm
from postmortems.models import ActionItem, Invitation, Postmortem, Section
from postmortems.models.postmortems import WRITABLE_STATES
from postmortems.permissions import may_write


class OwnersInline:
    """Rows that whoever may write the postmortem may change, while its text may change."""

    extra = 0
    can_delete = False

    def has_view_permission(self, request: HttpRequest, obj: Postmortem | None = None) -> bool:
        return request.user.has_perm("postmortems.view_postmortem")

    def has_add_permission(self, request: HttpRequest, obj: Postmortem | None = None) -> bool:
        return self.has_change_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Postmortem | None = None) -> bool:
        return obj is not None and obj.state in WRITABLE_STATES and may_write(request.user, obj)


class SectionInline(OwnersInline, StackedInline):
    model = Section
    form = SectionForm
    fields = ("title", "body")
    verbose_name = "section"
    ordering = ("position", "pk")


class InvitationInline(OwnersInline, TabularInline):
    """Answers come by mail; what is expected and who came is for the owner to say."""

    model = Invitation
    fields = ("person", "expectation", "contribution", "answer", "reason", "attended")
    readonly_fields = ("person", "contribution", "answer", "reason")
    verbose_name = "invitation"
    per_page = 50

    def has_add_permission(self, request: HttpRequest, obj: Postmortem | None = None) -> bool:
        return False

    def answer(self, invitation: Invitation) -> str:
        return invitation.get_state_display()


class ActionItemInline(OwnersInline, TabularInline):
    """Action items go on after publication, so they may be added and planned at any time."""

    model = ActionItem
    fields = ("title", "kind", "priority", "owner", "due_on", "state")
    readonly_fields = ("state",)
    autocomplete_fields = ("owner",)
    show_change_link = True
    verbose_name = "action item"

    def has_change_permission(self, request: HttpRequest, obj: Postmortem | None = None) -> bool:
        return obj is not None and may_write(request.user, obj)
