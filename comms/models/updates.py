"""What an audience was told about an incident."""

from typing import Self

from django.db import models
from django.db.models import Q

from comms.models.audiences import Audience, AudienceKind
from comms.models.templates import Template
from incidents.models import Incident
from incidents.visibility import IncidentRowQuerySet
from roster.models import Person


class UpdateState(models.TextChoices):
    DRAFT = "draft", "Draft"
    APPROVED = "approved", "Approved"
    SENT = "sent", "Sent"


class UpdateQuerySet(IncidentRowQuerySet["Update"]):
    def sent(self) -> Self:
        return self.filter(state=UpdateState.SENT)

    def unsent(self) -> Self:
        return self.exclude(state=UpdateState.SENT)

    def ready_to_send(self, incident: Incident, *, kind: str) -> Self:
        """Drafts of an incident that wait for nobody's approval, newest first."""
        drafts = self.filter(incident=incident, kind=kind, state=UpdateState.DRAFT)
        return drafts.exclude(audiences__requires_approval=True).order_by("-created_at", "-pk")


class Update(models.Model):
    """One message to stakeholders about an incident, and the promise it carries.

    Drafted by a person, or by Muster from a template when an incident is declared or restored;
    `comms.updates` is the only place that changes its state. Once sent it is a record: what was
    said is corrected by another update. `subject` and `body` (Markdown) are what was said.
    """

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="updates")
    kind = models.CharField(max_length=10, choices=AudienceKind)
    state = models.CharField(max_length=10, choices=UpdateState, default=UpdateState.DRAFT)
    subject = models.CharField(max_length=300)
    body = models.TextField()
    audiences = models.ManyToManyField(Audience, related_name="updates")
    template = models.ForeignKey(
        Template, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    author = models.ForeignKey(
        Person, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    author_name = models.CharField(max_length=200)
    approved_by = models.ForeignKey(
        Person, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    approved_by_name = models.CharField(max_length=200, blank=True)
    approved_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    next_update_due_at = models.DateTimeField(null=True, blank=True)
    is_last = models.BooleanField(
        "this is the last update", default=False, help_text="No further update is promised."
    )

    objects = UpdateQuerySet.as_manager()

    class Meta:
        permissions = [
            ("send_update", "Can send internal updates"),
            ("send_external_update", "Can send external updates"),
            ("approve_update", "Can approve updates that others wrote"),
        ]
        indexes = [models.Index(fields=["incident", "kind", "sent_at"], name="update_latest")]
        constraints = [
            models.CheckConstraint(
                name="update_sent_at_exactly_when_sent",
                condition=Q(state=UpdateState.SENT, sent_at__isnull=False)
                | (~Q(state=UpdateState.SENT) & Q(sent_at__isnull=True)),
                violation_error_message="A sent update has the time it was sent.",
            ),
            models.CheckConstraint(
                name="update_approved_by_and_at_together",
                condition=Q(approved_at__isnull=True, approved_by_name="")
                | (Q(approved_at__isnull=False) & ~Q(approved_by_name="")),
                violation_error_message="An approval has a name and a time.",
            ),
            models.CheckConstraint(
                name="update_last_promises_nothing",
                condition=Q(is_last=False) | Q(next_update_due_at__isnull=True),
                violation_error_message="The last update cannot promise another.",
            ),
            # R213: what customers read says when they hear from us next.
            models.CheckConstraint(
                name="update_external_says_when_next",
                condition=~Q(state=UpdateState.SENT, kind=AudienceKind.EXTERNAL)
                | Q(is_last=True)
                | Q(next_update_due_at__isnull=False),
                violation_error_message=(
                    "An external update says when the next one comes, or that it is the last."
                ),
            ),
        ]

    def __str__(self) -> str:
        return self.subject
