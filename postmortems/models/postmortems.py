"""The postmortem of an incident and its way from draft to published."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Self

from django.conf import settings
from django.db import models, transaction
from django.db.models import Q
from django.urls import reverse

from incidents.models import Incident, TimelineEntry
from incidents.visibility import IncidentRowQuerySet
from postmortems.errors import PostmortemError
from postmortems.kinds import Kind
from roster.actors import Actor
from roster.models import Person

if TYPE_CHECKING:
    from django_stubs_ext.db.models.manager import RelatedManager

    from postmortems.models import ActionItem, Invitation, Section


class PostmortemState(models.TextChoices):
    DRAFT = "draft", "Draft"
    IN_REVIEW = "in_review", "In review"
    APPROVED = "approved", "Approved"
    PUBLISHED = "published", "Published"


# While its text may change.
WRITABLE_STATES = frozenset({PostmortemState.DRAFT, PostmortemState.IN_REVIEW})
UNFINISHED_STATES = frozenset(
    {PostmortemState.DRAFT, PostmortemState.IN_REVIEW, PostmortemState.APPROVED}
)
ALLOWED_FROM = {
    PostmortemState.DRAFT: frozenset({PostmortemState.IN_REVIEW, PostmortemState.APPROVED}),
    PostmortemState.IN_REVIEW: frozenset({PostmortemState.DRAFT}),
    PostmortemState.APPROVED: frozenset({PostmortemState.IN_REVIEW}),
    PostmortemState.PUBLISHED: frozenset({PostmortemState.APPROVED}),
}


class PostmortemQuerySet(IncidentRowQuerySet["Postmortem"]):
    def unfinished(self) -> Self:
        return self.filter(state__in=UNFINISHED_STATES)

    def overdue_on(self, day: date) -> Self:
        return self.unfinished().filter(due_on__lt=day)

    def get_by_reference(self, reference: str) -> "Postmortem":
        """Find PM-31. Raises Postmortem.DoesNotExist for anything that is no such reference."""
        prefix, _, number = reference.upper().partition("-")
        if prefix != "PM" or not (number.isascii() and number.isdigit()):
            raise Postmortem.DoesNotExist(reference)
        return self.get(number=number)


class Postmortem(models.Model):
    """What happened in one incident, why, and what will change: one row per incident.

    It appears when an incident whose severity demands one is restored, or when somebody opens it
    by hand. Its owner writes it; state, review and approval change only through the methods
    below and `postmortems.invitations`.
    """

    State = PostmortemState

    number = models.PositiveIntegerField(unique=True, editable=False)
    incident = models.OneToOneField(Incident, on_delete=models.PROTECT, related_name="postmortem")
    owner = models.ForeignKey(
        Person,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="postmortems",
        help_text="Writes it and answers for it; the incident manager unless said otherwise.",
    )
    state = models.CharField(
        max_length=10, choices=PostmortemState, default=PostmortemState.DRAFT, editable=False
    )
    due_on = models.DateField("due on", null=True, blank=True)
    review_at = models.DateTimeField("review meeting at", null=True, blank=True)
    review_minutes = models.PositiveSmallIntegerField("review length in minutes", default=60)
    review_place = models.CharField(
        max_length=300, blank=True, help_text="A room, or the address of a video call."
    )
    review_sequence = models.PositiveIntegerField(
        default=0, editable=False, help_text="Rises each time the review is moved (RFC 5545)."
    )
    no_actions_reason = models.TextField(
        "why no action items",
        blank=True,
        help_text="Needed for approval only when there is no action item.",
    )
    opened_at = models.DateTimeField(editable=False)
    approved_at = models.DateTimeField(null=True, editable=False)
    approved_by_name = models.CharField(max_length=200, blank=True, editable=False)
    published_at = models.DateTimeField(null=True, editable=False)
    reminded_on = models.DateField(null=True, editable=False)

    objects = PostmortemQuerySet.as_manager()

    if TYPE_CHECKING:
        sections: RelatedManager[Section]
        invitations: RelatedManager[Invitation]
        action_items: RelatedManager[ActionItem]

    class Meta:
        ordering = ["-number"]
        permissions = [
            ("approve_postmortem", "Can approve a postmortem"),
            ("publish_postmortem", "Can publish a postmortem"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    state__in=[PostmortemState.APPROVED, PostmortemState.PUBLISHED],
                    approved_at__isnull=False,
                )
                | Q(
                    state__in=[PostmortemState.DRAFT, PostmortemState.IN_REVIEW],
                    approved_at__isnull=True,
                ),
                name="postmortem_approved_at_with_state",
                violation_error_message="The moment of approval goes with the approved state.",
            ),
            models.CheckConstraint(
                condition=Q(state=PostmortemState.PUBLISHED, published_at__isnull=False)
                | (~Q(state=PostmortemState.PUBLISHED) & Q(published_at__isnull=True)),
                name="postmortem_published_at_with_state",
                violation_error_message="The moment of publication goes with the published state.",
            ),
        ]
        indexes = [models.Index(fields=["state", "due_on"], name="postmortem_due")]

    def __str__(self) -> str:
        return f"{self.reference} for INC-{self.incident.number}"

    def get_absolute_url(self) -> str:
        return reverse("admin:postmortems_postmortem_change", args=[self.pk])

    @property
    def reference(self) -> str:
        return f"PM-{self.number}"

    @property
    def url(self) -> str:
        """Its page, as an absolute address for messages."""
        return settings.PUBLIC_URL + self.get_absolute_url()

    @property
    def is_finished(self) -> bool:
        return self.state not in UNFINISHED_STATES

    def is_overdue_on(self, day: date) -> bool:
        return not self.is_finished and self.due_on is not None and self.due_on < day

    def missing_for_review(self) -> list[str]:
        """What keeps it from going to review, as sentences. One query."""
        missing = [] if self.owner_id else ["Name an owner who presents it."]
        missing += [
            f"Write the section “{section.title}”."
            for section in self.sections.all()
            if section.is_required and not section.body.strip()
        ]
        return missing

    def missing_for_approval(self) -> list[str]:
        """What keeps it from approval, as sentences (R083). Two queries."""
        missing = self.missing_for_review()
        if not self.no_actions_reason.strip() and not self.action_items.exists():
            missing.append("Add an action item, or say why none is needed.")
        return missing

    def send_to_review(self, *, by: Actor, at: datetime) -> None:
        """Offer the draft to those who responded. Refused while a required section is empty."""
        self._refuse_while(self.missing_for_review(), "cannot go to review yet")
        self._enter(PostmortemState.IN_REVIEW, by=by, at=at, kind=Kind.POSTMORTEM_REVIEW_STARTED)

    def return_to_draft(self, *, reason: str, by: Actor, at: datetime) -> None:
        """Open it for writing again, because something in it is wrong or missing."""
        self._enter(
            PostmortemState.DRAFT,
            by=by,
            at=at,
            kind=Kind.POSTMORTEM_RETURNED,
            text=reason,
            approved_at=None,
            approved_by_name="",
        )

    def approve(self, *, by: Actor, at: datetime) -> None:
        """Accept it as what the organisation holds to be true, with `by` as the approver."""
        self._refuse_while(self.missing_for_approval(), "cannot be approved yet")
        self._enter(
            PostmortemState.APPROVED,
            by=by,
            at=at,
            kind=Kind.POSTMORTEM_APPROVED,
            approved_at=at,
            approved_by_name=by.name,
        )

    def publish(self, *, by: Actor, at: datetime) -> None:
        """Make it readable for everyone who may see the incident; it does not change after."""
        self._enter(
            PostmortemState.PUBLISHED, by=by, at=at, kind=Kind.POSTMORTEM_PUBLISHED, published_at=at
        )

    def hand_over(self, owner: Person, *, by: Actor, at: datetime) -> None:
        """Give it to another owner. Handing it to the present one does nothing."""
        if self.owner_id == owner.pk:
            return
        with transaction.atomic():
            Postmortem.objects.filter(pk=self.pk).update(owner=owner)
            self.record(Kind.POSTMORTEM_HANDED_OVER, by=by, at=at, owner=owner.name)
        self.owner = owner

    def _enter(
        self,
        state: PostmortemState,
        *,
        by: Actor,
        at: datetime,
        kind: Kind,
        text: str = "",
        **moments: Any,  # column values to set with the state
    ) -> None:
        if self.state not in ALLOWED_FROM[state]:
            raise PostmortemError(
                "state_not_allowed",
                f"{self.reference} is {self.get_state_display().lower()}; "
                f"it cannot become {state.label.lower()} from there.",
            )
        with transaction.atomic():
            untouched = Postmortem.objects.filter(pk=self.pk, state=self.state)
            if not untouched.update(state=state, **moments):
                raise PostmortemError(
                    "changed_meanwhile",
                    f"Somebody else changed {self.reference} meanwhile. Look at it again.",
                )
            self.record(kind, by=by, at=at, text=text, old=self.state, new=state.value)
        self.state = state
        for name, value in moments.items():
            setattr(self, name, value)

    def record(
        self, kind: Kind, *, by: Actor, at: datetime, text: str = "", **facts: Any
    ) -> TimelineEntry:
        """Write an entry on the incident's timeline that names this postmortem."""
        data = {"postmortem": self.reference, **facts}
        return TimelineEntry.record(self.incident, kind, by=by, at=at, text=text, data=data)

    def _refuse_while(self, missing: list[str], what: str) -> None:
        if missing:
            raise PostmortemError("incomplete", f"{self.reference} {what}. {' '.join(missing)}")
