"""What really was on call, as it happened, and what one person hands the next."""

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import F, Q

from roster.leases import Leased
from roster.models.people import Person
from roster.models.schedules import Schedule


class DutyQuerySet(models.QuerySet["DutyRecord"]):
    def within(self, starts_at: datetime, ends_at: datetime) -> Self:
        """Those that touch any instant of [starts_at, ends_at), the ones going on included."""
        return self.filter(starts_at__lt=ends_at).exclude(ends_at__lte=starts_at)


class DutyRecord(models.Model):
    """One person really on call on one schedule, from `starts_at` until `ends_at` (null: now).

    Written as it happens by `roster.duty`, ended once, and never changed otherwise: pay and reports
    read these rows and not the rotation, which may have been edited since. `lineage` and `turn`,
    or `override`, say why.
    """

    schedule = models.ForeignKey(Schedule, on_delete=models.PROTECT, related_name="duty_records")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="duty_records")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)
    layer_name = models.CharField(max_length=100, blank=True)
    lineage = models.UUIDField(null=True, blank=True)
    turn = models.IntegerField(null=True, blank=True)
    override = models.ForeignKey(
        "roster.Override",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="duty_records",
    )

    objects = DutyQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["person", "starts_at"])]
        constraints = [
            models.UniqueConstraint(
                fields=["schedule", "person"],
                condition=Q(ends_at__isnull=True),
                name="duty_record_one_running",
            ),
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True) | Q(ends_at__gt=F("starts_at")),
                name="duty_record_ends_after_start",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person} on {self.schedule}"


class ScheduleWatch(Leased):
    """How far each of the standing checks of one schedule has come; one row per schedule.

    `due_at` is when its coverage is proven next: nightly, and at once after a change
    (`roster.coverage.prove_soon`). `duty_recorded_until` and `reminded_until` are moments up to
    which `roster.duty` and `roster.reminders` have done their work. Made when first needed.
    """

    schedule = models.OneToOneField(Schedule, on_delete=models.CASCADE, related_name="watch")
    proven_at = models.DateTimeField(null=True, blank=True)
    proven_until = models.DateTimeField(null=True, blank=True)
    duty_recorded_until = models.DateTimeField(null=True, blank=True)
    reminded_until = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return str(self.schedule)


class HandoffNote(models.Model):
    """What the person going off duty tells the one coming on, for one handoff of one schedule.

    Written by someone who is or was on call; sent to the incoming people at once and again with
    their reminder. Never changed; a later note adds to it.
    """

    schedule = models.ForeignKey(Schedule, on_delete=models.PROTECT, related_name="handoff_notes")
    author = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="handoff_notes")
    handoff_at = models.DateTimeField("for the handoff at")
    text = models.TextField()
    created_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["schedule", "handoff_at"])]

    def __str__(self) -> str:
        return f"{self.author} to whoever is next on {self.schedule}"
