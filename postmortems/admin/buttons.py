"""The buttons of a postmortem: each a dialog that calls the domain and says what it did."""

from collections.abc import Callable
from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.dataclasses import UnfoldAction
from unfold.decorators import action

from postmortems import invitations
from postmortems.admin.forms import Dialog, ExcuseDialog, PersonDialog, ReasonDialog, ReviewDialog
from postmortems.models import Postmortem, PostmortemState
from postmortems.permissions import may_write
from roster.actors import Actor
from roster.admin_base import actor_of, answer_dialog

ALWAYS_OFFERED = ("move_review", "invite", "excuse", "hand_over")
OFFERED = {
    PostmortemState.DRAFT: ("send_to_review", *ALWAYS_OFFERED),
    PostmortemState.IN_REVIEW: ("approve", "return_to_draft", *ALWAYS_OFFERED),
    PostmortemState.APPROVED: ("publish", "return_to_draft", "hand_over"),
    PostmortemState.PUBLISHED: (),
}


class PostmortemButtons(ModelAdmin):
    """What PostmortemAdmin offers above the form, by state and permission."""

    def has_write_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        postmortem = self.get_object(request, object_id) if object_id else None
        return postmortem is not None and may_write(request.user, postmortem)

    def has_approve_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return request.user.has_perm("postmortems.approve_postmortem")

    def has_publish_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return request.user.has_perm("postmortems.publish_postmortem")

    def get_actions_detail(self, request: HttpRequest, object_id: int | str) -> list[UnfoldAction]:
        """Only what the present state allows."""
        postmortem = self.get_object(request, str(object_id))
        offered = OFFERED[PostmortemState(postmortem.state)] if postmortem else ()
        permitted = super().get_actions_detail(request, object_id)
        return [found for found in permitted if found.method.original_function_name in offered]

    @action(
        description="Send to review",
        icon="rate_review",
        permissions=["write"],
        dialog={
            "title": "Send to review",
            "description": "Those invited are asked to read and correct it.",
            "form_class": Dialog,
            "form_submit_text": "Send to review",
        },
    )
    def send_to_review(self, request: HttpRequest, form: Dialog, object_id: str) -> HttpResponse:
        return self._answer(request, form, object_id, Postmortem.send_to_review, "is in review")

    @action(
        description="Back to draft",
        icon="undo",
        permissions=["write"],
        dialog={
            "title": "Open it for writing again",
            "form_class": ReasonDialog,
            "form_submit_text": "Back to draft",
        },
    )
    def return_to_draft(
        self, request: HttpRequest, form: ReasonDialog, object_id: str
    ) -> HttpResponse:
        def change(postmortem: Postmortem, *, by: Actor, at: datetime) -> None:
            postmortem.return_to_draft(reason=form.cleaned_data["reason"], by=by, at=at)

        return self._answer(request, form, object_id, change, "is a draft again")

    @action(
        description="Approve",
        icon="verified",
        permissions=["approve"],
        dialog={
            "title": "Approve",
            "description": "You confirm that this is what we hold to be true.",
            "form_class": Dialog,
            "form_submit_text": "Approve",
        },
    )
    def approve(self, request: HttpRequest, form: Dialog, object_id: str) -> HttpResponse:
        return self._answer(request, form, object_id, Postmortem.approve, "is approved")

    @action(
        description="Publish",
        icon="auto_stories",
        permissions=["publish"],
        dialog={
            "title": "Publish",
            "description": "Its text does not change after.",
            "form_class": Dialog,
            "form_submit_text": "Publish",
        },
    )
    def publish(self, request: HttpRequest, form: Dialog, object_id: str) -> HttpResponse:
        return self._answer(request, form, object_id, Postmortem.publish, "is published")

    @action(
        description="Move the review",
        icon="event_repeat",
        permissions=["write"],
        dialog={
            "title": "Move the review",
            "description": "Everyone invited gets the new time, and their answers are asked again.",
            "form_class": ReviewDialog,
            "form_submit_text": "Move it",
        },
    )
    def move_review(self, request: HttpRequest, form: ReviewDialog, object_id: str) -> HttpResponse:
        def change(postmortem: Postmortem, *, by: Actor, at: datetime) -> None:
            invitations.reschedule(postmortem, form.cleaned_data["review_at"], by=by, at=at)

        return self._answer(request, form, object_id, change, "has a new review time")

    @action(
        description="Invite somebody",
        icon="person_add",
        permissions=["write"],
        dialog={
            "title": "Invite somebody to the review",
            "form_class": PersonDialog,
            "form_submit_text": "Invite",
        },
    )
    def invite(self, request: HttpRequest, form: PersonDialog, object_id: str) -> HttpResponse:
        def change(postmortem: Postmortem, *, by: Actor, at: datetime) -> None:
            invitations.invite(postmortem, form.cleaned_data["person"], by=by, at=at)

        return self._answer(request, form, object_id, change, "has one more invitation")

    @action(
        description="Excuse somebody",
        icon="person_remove",
        permissions=["write"],
        dialog={
            "title": "Excuse somebody from the review",
            "form_class": ExcuseDialog,
            "form_submit_text": "Excuse",
        },
    )
    def excuse(self, request: HttpRequest, form: ExcuseDialog, object_id: str) -> HttpResponse:
        def change(postmortem: Postmortem, *, by: Actor, at: datetime) -> None:
            form.cleaned_data["invitation"].excuse(reason=form.cleaned_data["reason"], by=by, at=at)

        return self._answer(request, form, object_id, change, "has one invitation less")

    @action(
        description="Hand over",
        icon="swap_horiz",
        permissions=["write"],
        dialog={
            "title": "Give it to another owner",
            "form_class": PersonDialog,
            "form_submit_text": "Hand over",
        },
    )
    def hand_over(self, request: HttpRequest, form: PersonDialog, object_id: str) -> HttpResponse:
        def change(postmortem: Postmortem, *, by: Actor, at: datetime) -> None:
            postmortem.hand_over(form.cleaned_data["person"], by=by, at=at)

        return self._answer(request, form, object_id, change, "has a new owner")

    def _answer(
        self,
        request: HttpRequest,
        form: Dialog,
        object_id: str,
        change: Callable[..., None],
        done: str,
    ) -> HttpResponse:
        postmortem = get_object_or_404(self.get_queryset(request), pk=object_id)
        return answer_dialog(
            request,
            form,
            lambda: change(postmortem, by=actor_of(request), at=timezone.now()),
            done=f"{postmortem.reference} {done}.",
            to=postmortem.get_absolute_url(),
        )
