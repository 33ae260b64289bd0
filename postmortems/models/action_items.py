"""What was promised after an incident, by whom and by when."""

from datetime import date, datetime
from typing import Self

from django.conf import settings
from django.db import models, transaction
from django.db.models import Q
from django.urls import reverse

from incidents.models import Incident, TimelineEntry
from incidents.visibility import IncidentRowQuerySet
from postmortems.errors import PostmortemError
from postmortems.kinds import Kind
from postmortems.models.postmortems import Postmortem
from roster.actors import Actor
from roster.models import Person


class ActionKind(models.TextChoices):
    PREVENT = "prevent", "Prevent it"
    DETECT = "detect", "Detect it sooner"
    MITIGATE = "mitigate", "Mitigate it faster"
    PROCESS = "process", "Improve how we respond"


class Priority(models.TextChoices):
    HIGH = "high", "High"
    MEDIUM = "medium", "Medium"
    LOW = "low", "Low"


class ActionState(models.TextChoices):
    OPEN = "open", "Open"
    DONE = "done", "Done"
    DROPPED = "dropped", "Dropped"


class ActionItemQuerySet(IncidentRowQuerySet["ActionItem"]):
    def open(self) -> Self:
        return self.filter(state=ActionState.OPEN)

    def overdue_on(self, day: date) -> Self:
        return self.open().filter(due_on__lt=day)

    def get_by_reference(self, reference: str) -> "ActionItem":
        """Find AI-12. Raises ActionItem.DoesNotExist for anything that is no such reference."""
        prefix, _, number = reference.upper().partition("-")
        if prefix != "AI" or not (number.isascii() and number.isdigit()):
            raise ActionItem.DoesNotExist(reference)
        return self.get(number=number)


class ActionItem(models.Model):
    """One thing somebody will change because of an incident.

    Added by `postmortems.action_items.add_action_item`, during the incident or in its postmortem;
    finished or dropped by its owner or the postmortem's. Wording, owner and due day may be
    edited, the state only by the methods below.
    """

    State = ActionState

    number = models.PositiveIntegerField(unique=True, editable=False)
    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="action_items")
    postmortem = models.ForeignKey(
        Postmortem, on_delete=models.PROTECT, null=True, blank=True, related_name="action_items"
    )
    title = models.CharField(max_length=200)
    details = models.TextField(blank=True)
    kind = models.CharField(max_length=10, choices=ActionKind, default=ActionKind.PREVENT)
    priority = models.CharField(max_length=10, choices=Priority, default=Priority.MEDIUM)
    owner = models.ForeignKey(
        Person, on_delete=models.PROTECT, null=True, blank=True, related_name="action_items"
    )
    due_on = models.DateField("due on", null=True, blank=True)
    ticket_url = models.URLField("ticket", blank=True)
    state = models.CharField(
        max_length=10, choices=ActionState, default=ActionState.OPEN, editable=False
    )
    created_at = models.DateTimeField(editable=False)
    ended_at = models.DateTimeField(null=True, editable=False)
    outcome = models.TextField(blank=True, help_text="What was done, or why it was dropped.")
    reminded_on = models.DateField(null=True, editable=False)

    objects = ActionItemQuerySet.as_manager()

    class Meta:
        ordering = ["due_on", "number"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state=ActionState.OPEN, ended_at__isnull=True)
                | (~Q(state=ActionState.OPEN) & Q(ended_at__isnull=False)),
                name="action_item_ended_at_with_state",
                violation_error_message="The end goes with the state done or dropped.",
            )
        ]
        indexes = [models.Index(fields=["state", "due_on"], name="action_item_due")]

    def __str__(self) -> str:
        return f"{self.reference} {self.title}"

    def get_absolute_url(self) -> str:
        return reverse("admin:postmortems_actionitem_change", args=[self.pk])

    @property
    def reference(self) -> str:
        return f"AI-{self.number}"

    @property
    def url(self) -> str:
        """Its page, as an absolute address for messages."""
        return settings.PUBLIC_URL + self.get_absolute_url()

    def is_overdue_on(self, day: date) -> bool:
        return self.state == ActionState.OPEN and self.due_on is not None and self.due_on < day

    def finish(self, *, by: Actor, at: datetime, outcome: str = "") -> None:
        """Mark it as done."""
        self._end(ActionState.DONE, Kind.ACTION_ITEM_DONE, by=by, at=at, outcome=outcome)

    def drop(self, *, reason: str, by: Actor, at: datetime) -> None:
        """Decide against it; the reason is what the next incident's people will want to read."""
        if not reason.strip():
            raise PostmortemError("reason_required", f"Say why {self.reference} is dropped.")
        self._end(ActionState.DROPPED, Kind.ACTION_ITEM_DROPPED, by=by, at=at, outcome=reason)

    def _end(
        self, state: ActionState, kind: Kind, *, by: Actor, at: datetime, outcome: str
    ) -> None:
        with transaction.atomic():
            still_open = ActionItem.objects.open().filter(pk=self.pk)
            if not still_open.update(state=state, ended_at=at, outcome=outcome):
                raise PostmortemError(
                    "not_open", f"{self.reference} is not open any more; nothing was changed."
                )
            TimelineEntry.record(
                self.incident,
                kind,
                by=by,
                at=at,
                text=outcome,
                data={"action_item": self.reference, "title": self.title},
            )
        self.state, self.ended_at, self.outcome = state, at, outcome
