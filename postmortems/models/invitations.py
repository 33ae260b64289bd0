"""Who is asked to the review of a postmortem, and what they answered."""

from datetime import datetime
from typing import Self

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models, transaction
from django.db.models import Q

from incidents.models import Incident
from postmortems.errors import PostmortemError
from postmortems.kinds import Kind
from postmortems.models.postmortems import Postmortem
from roster.actors import Actor
from roster.models import Person


class Expectation(models.TextChoices):
    EXPECTED = "expected", "Expected"
    OPTIONAL = "optional", "Optional"


class InvitationState(models.TextChoices):
    INVITED = "invited", "No answer yet"
    ACCEPTED = "accepted", "Accepted"
    DECLINED = "declined", "Declined"
    EXCUSED = "excused", "Excused"


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> Self:
        return self.filter(postmortem__incident__in=Incident.objects.visible_to(user))

    def standing(self) -> Self:
        """Everyone who is still asked to come."""
        return self.exclude(state=InvitationState.EXCUSED)


class Invitation(models.Model):
    """One person asked to the review of one postmortem.

    Made for everybody who ever responded or held a role (R022), and for whom the owner adds. It
    is never deleted: somebody who need not come is excused, with a reason.
    """

    State = InvitationState

    postmortem = models.ForeignKey(Postmortem, on_delete=models.PROTECT, related_name="invitations")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    expectation = models.CharField(max_length=10, choices=Expectation, default=Expectation.OPTIONAL)
    contribution = models.CharField(
        max_length=300, blank=True, help_text="What the expectation was computed from (R023)."
    )
    state = models.CharField(
        max_length=10, choices=InvitationState, default=InvitationState.INVITED, editable=False
    )
    reason = models.TextField(blank=True, help_text="Why declined or excused.")
    sequence = models.PositiveIntegerField(
        null=True, editable=False, help_text="The last version of the review sent to this person."
    )
    invited_at = models.DateTimeField(editable=False)
    answered_at = models.DateTimeField(null=True, editable=False)
    attended = models.BooleanField(null=True, blank=True, help_text="Recorded after the review.")

    objects = InvitationQuerySet.as_manager()

    class Meta:
        ordering = ["expectation", "person__name", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["postmortem", "person"],
                name="invitation_once_per_person",
                violation_error_message="This person is already invited.",
            ),
            models.CheckConstraint(
                condition=~Q(state=InvitationState.EXCUSED) | ~Q(reason=""),
                name="invitation_excused_with_reason",
                violation_error_message="Say why this person need not come.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person} to {self.postmortem.reference}"

    def accept(self, *, by: Actor, at: datetime) -> None:
        """Promise to come. Accepting twice does nothing."""
        self._answer(InvitationState.ACCEPTED, by=by, at=at)

    def decline(self, *, reason: str, by: Actor, at: datetime) -> None:
        """Send apologies, with or without a reason. Declining twice does nothing."""
        self._answer(InvitationState.DECLINED, by=by, at=at, reason=reason)

    def excuse(self, *, reason: str, by: Actor, at: datetime) -> None:
        """Take a person off the list; the row and the reason stay (R022)."""
        if not reason.strip():
            raise PostmortemError("reason_required", f"Say why {self.person.name} need not come.")
        self._answer(InvitationState.EXCUSED, by=by, at=at, reason=reason)

    def expect(self, expectation: Expectation, *, by: Actor, at: datetime) -> None:
        """Correct what was computed from the person's contribution."""
        if self.expectation == expectation:
            return
        with transaction.atomic():
            Invitation.objects.filter(pk=self.pk).update(expectation=expectation)
            self._record(by=by, at=at, change=f"is now {expectation.label.lower()}")
        self.expectation = expectation

    def _answer(self, state: InvitationState, *, by: Actor, at: datetime, reason: str = "") -> None:
        if self.state == state:
            return
        with transaction.atomic():
            untouched = Invitation.objects.filter(pk=self.pk, state=self.state)
            if not untouched.update(state=state, reason=reason, answered_at=at):
                raise PostmortemError(
                    "changed_meanwhile", "This invitation was answered meanwhile. Look again."
                )
            self._record(
                by=by,
                at=at,
                text=reason,
                change=f"is {state.label.lower()}"
                if state == InvitationState.EXCUSED
                else state.label.lower(),
            )
        self.state, self.reason, self.answered_at = state, reason, at

    def _record(self, *, by: Actor, at: datetime, change: str, text: str = "") -> None:
        self.postmortem.record(
            Kind.INVITATION_CHANGED, by=by, at=at, text=text, person=self.person.name, change=change
        )
