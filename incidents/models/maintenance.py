"""Work that was announced: what it covers is expected to fail, and pages nobody."""

from datetime import datetime
from typing import Self
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q

from incidents.models.services import Service
from incidents.recurrence import Plan, first_overlap
from roster.zones import default_zone, validate_zone, zone_of


class MaintenanceWindowQuerySet(models.QuerySet["MaintenanceWindow"]):
    def not_over_by_hand(self) -> Self:
        """Those that nobody ended or cancelled; whether they are on now is `maintenance`'s word."""
        return self.filter(ended_at__isnull=True)

    def not_over(self, at: datetime) -> Self:
        """A first sieve, in the database: those of which something may be left after `at`."""
        left = Q(ends_at__gt=at) | ~Q(repeats=MaintenanceWindow.Repeats.NEVER)
        return self.filter(left, Q(ended_at__isnull=True) | Q(ended_at__gt=at))


class MaintenanceWindow(models.Model):
    """A span in which alerts of some services are expected, once or again and again.

    Planned by whoever may change it; ended early by `incidents.maintenance`, which also knows when
    it is on. `starts_at` to `ends_at` is the first occurrence; the others begin at the same clock
    time of `time_zone`, on the weekdays named (0 is Monday) if it repeats weekly, and not after
    `repeats_until`. `labels` narrow it to alerts that have all of them. What is muted is recorded
    and pages nobody; what is tagged pages as ever, and says that it was expected. `cut_at` is when
    an occurrence was last ended early; `ended_at` ends all that would follow.
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
    cut_at = models.DateTimeField(null=True, blank=True, editable=False)
    cut_by_name = models.CharField(max_length=200, blank=True, editable=False)
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
            models.CheckConstraint(
                condition=Q(cut_at__isnull=True, cut_by_name="")
                | Q(cut_at__isnull=False) & ~Q(cut_by_name=""),
                name="maintenance_cut_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Say on its field what makes no sense about how it repeats."""
        if self.starts_at is None or self.ends_at is None or self.ends_at <= self.starts_at:
            return  # said elsewhere
        if not isinstance(self.weekdays, list) or not set(self.weekdays) <= set(range(7)):
            raise ValidationError({"weekdays": "Weekdays are numbers from 0, Monday, to 6."})
        if self.weekdays and self.repeats != self.Repeats.WEEKLY:
            raise ValidationError({"weekdays": "Only what repeats every week has weekdays."})
        if self.repeats_until and self.repeats == self.Repeats.NEVER:
            raise ValidationError({"repeats_until": "Only what repeats has an end of that."})
        if self.repeats != self.Repeats.NEVER and zone_of(self.time_zone):
            self._check_repetition()

    def _check_repetition(self) -> None:
        begins = self.starts_at.astimezone(ZoneInfo(self.time_zone)).date()
        if self.repeats_until and self.repeats_until < begins:
            raise ValidationError({"repeats_until": "This is before the first time it is on."})
        if self.weekdays and begins.weekday() not in self.weekdays:
            day = f"{begins:%A}"
            raise ValidationError({"weekdays": f"The first time is on a {day}: choose {day} too."})
        if overlap := first_overlap(self.plan):
            day = f"{overlap.astimezone(ZoneInfo(self.time_zone)):%A %-d %B %Y}"
            message = f"On {day} it would begin again before it is over. Make it shorter."
            raise ValidationError({"ends_at": message})

    @property
    def plan(self) -> Plan:
        return Plan(
            self.starts_at,
            self.ends_at,
            self.time_zone,
            self.repeats,
            tuple(self.weekdays),
            self.repeats_until,
        )
