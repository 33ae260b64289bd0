"""When the next update was promised, and whether it came."""

from typing import Self

from django.db import models

from comms.models.audiences import AudienceKind
from comms.models.updates import Update
from incidents.models import Incident
from incidents.visibility import IncidentRowQuerySet
from roster.leases import Leased


class PromiseState(models.TextChoices):
    OPEN = "open", "Open"
    KEPT = "kept", "Kept"
    MISSED = "missed", "Missed"
    WITHDRAWN = "withdrawn", "Withdrawn"


class PromiseQuerySet(IncidentRowQuerySet["Promise"]):
    def open(self) -> Self:
        return self.filter(state=PromiseState.OPEN)

    def outstanding(self) -> Self:
        """Still waiting for an update: open ones, and missed ones that nobody made up for."""
        return self.filter(
            state__in=[PromiseState.OPEN, PromiseState.MISSED], ended_at__isnull=True
        )

    def overdue(self) -> Self:
        return self.outstanding().filter(state=PromiseState.MISSED)


class Promise(Leased):
    """The time by which the next update to one kind of audience is due (R158, R214).

    Made when an update is sent or an incident is declared, ended by the next update of its
    kind or by the end of the incident; never edited by hand. `due_at` is when the next
    reminder goes out, `promised_for` what was promised. A missed promise stays missed when
    the update comes late: the record of what was kept is not improved afterwards.
    """

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="promises")
    kind = models.CharField(max_length=10, choices=AudienceKind)
    promised_for = models.DateTimeField()
    state = models.CharField(max_length=10, choices=PromiseState, default=PromiseState.OPEN)
    made_by_update = models.ForeignKey(
        Update, null=True, blank=True, on_delete=models.PROTECT, related_name="promises"
    )
    made_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    reminders_sent = models.PositiveSmallIntegerField(default=0)

    objects = PromiseQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["incident", "kind"],
                condition=models.Q(ended_at__isnull=True),
                name="promise_one_outstanding_per_kind",
                violation_error_message="An update of this kind is promised already.",
            ),
            models.CheckConstraint(
                name="promise_ended_has_time",
                condition=~models.Q(state__in=[PromiseState.KEPT, PromiseState.WITHDRAWN])
                | models.Q(ended_at__isnull=False),
                violation_error_message="A promise that was kept or withdrawn has ended.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.incident.reference} next {self.kind} update"
