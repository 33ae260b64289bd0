"""Work that was announced: what it covers is expected to fail, and pages nobody."""

from typing import Self

from django.db import models
from django.db.models import F, Q

from incidents.models.services import Service
from roster.zones import default_zone, validate_zone


class MaintenanceWindowQuerySet(models.QuerySet["MaintenanceWindow"]):
    def not_over_by_hand(self) -> Self:
        """Those that nobody ended or cancelled; whether they are on now is `maintenance`'s word."""
        return self.filter(ended_at__isnull=True)


class MaintenanceWindow(models.Model):
    """A span in which alerts of some services are expected, once or again and again.

    Planned by whoever may change it; ended early by `incidents.maintenance`, which also knows when
    it is on. `starts_at` to `ends_at` is the first occurrence; the others begin at the same clock
    time of `time_zone`, on the weekdays named (0 is Monday) if it repeats weekly, and not after
    `repeats_until`. `labels` narrow it to alerts that have all of them. What is muted is recorded
    and pages nobody; what is tagged pages as ever, and says that it was expected.
    """

    class Mode(models.TextChoices):
        MUTE = "mute", "Record and page nobody"
        TAG = "tag", "Page, and say that it was expected"

    class Repeats(models.TextChoices):
        NEVER = "never", "Once"
        DAILY = "daily", "Every day"
        WEEKLY = "weekly", "Every week"
        MONTHLY = "monthly", "Every month"

    name = models.CharField(max_length=200)
    reason = models.CharField(max_length=300, blank=True)
    services = models.ManyToManyField(Service, related_name="maintenance_windows")
    labels = models.JSONField(default=dict, blank=True)
    mode = models.CharField(max_length=10, choices=Mode, default=Mode.MUTE)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    time_zone = models.CharField(max_length=64, default=default_zone, validators=[validate_zone])
    repeats = models.CharField(max_length=10, choices=Repeats, default=Repeats.NEVER)
    weekdays = models.JSONField(default=list, blank=True)
    repeats_until = models.DateField(null=True, blank=True)
    created_by_name = models.CharField(max_length=200, editable=False)
    created_at = models.DateTimeField(editable=False)
    ended_at = models.DateTimeField(null=True, blank=True, editable=False)
    ended_by_name = models.CharField(max_length=200, blank=True, editable=False)

    objects = MaintenanceWindowQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")),
                name="maintenance_ends_after_it_starts",
                violation_error_message="It ends after it starts.",
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, ended_by_name="")
                | Q(ended_at__isnull=False) & ~Q(ended_by_name=""),
                name="maintenance_ended_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return self.name
