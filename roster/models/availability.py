"""When people are away, and the calendars that say so."""

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import F, Q
from simple_history.models import HistoricalRecords

from roster.leases import Leased
from roster.models.people import Person
from roster.models.schedules import Schedule


class ImportedCalendar(Leased):
    """An iCalendar address that is read again and again, or a file that was read once.

    Belongs to a person, then its events are time off, or to a schedule, then each event puts the
    people it names on call (as overrides of kind "add"). Entered by that person or a roster
    editor. Fetched by `roster.calendar_import` under limits; what it said last stays while it
    cannot be read, and `last_error` says why.
    """

    name = models.CharField(max_length=100)
    url = models.URLField("iCalendar address", max_length=1000, blank=True)
    person = models.ForeignKey(
        Person, on_delete=models.PROTECT, null=True, blank=True, related_name="calendars"
    )
    schedule = models.ForeignKey(
        Schedule, on_delete=models.PROTECT, null=True, blank=True, related_name="calendars"
    )
    is_active = models.BooleanField("active", default=True)
    fetched_at = models.DateTimeField(null=True, blank=True, editable=False)
    failing_since = models.DateTimeField(null=True, blank=True, editable=False)
    etag = models.CharField(max_length=200, blank=True, editable=False)
    # Sentences: what of it could not be read, or names nobody known.
    problems = models.JSONField(default=list, blank=True, editable=False)
    created_by = models.ForeignKey(
        Person,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="calendars_entered",
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(person__isnull=False, schedule__isnull=True)
                | Q(person__isnull=True, schedule__isnull=False),
                name="imported_calendar_of_person_or_schedule",
                violation_error_message="A calendar belongs to a person or to a schedule.",
            )
        ]

    def __str__(self) -> str:
        return self.name


class TimeOffQuerySet(models.QuerySet["TimeOff"]):
    def within(self, starts_at: datetime, ends_at: datetime) -> Self:
        """Those that touch any instant of [starts_at, ends_at)."""
        return self.filter(starts_at__lt=ends_at, ends_at__gt=starts_at)


class TimeOff(models.Model):
    """A span in which a person is away. It never changes by itself who is on call.

    Entered by the person or a roster editor, or read from a calendar. Being on call meanwhile is a
    conflict that people resolve (`roster.conflicts`).
    """

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="time_off")
    starts_at = models.DateTimeField("from")
    ends_at = models.DateTimeField("until")
    note = models.CharField(max_length=200, blank=True, help_text="Shown to roster editors.")
    calendar = models.ForeignKey(
        ImportedCalendar,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        editable=False,
        related_name="time_off",
    )
    calendar_uid = models.CharField(max_length=300, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TimeOffQuerySet.as_manager()
    history = HistoricalRecords()

    class Meta:
        verbose_name_plural = "time off"
        indexes = [models.Index(fields=["person", "ends_at"])]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")),
                name="time_off_ends_after_start",
                violation_error_message="Time off must end after it starts.",
            ),
            models.UniqueConstraint(
                fields=["calendar", "calendar_uid"],
                condition=Q(calendar__isnull=False),
                name="time_off_once_per_calendar_event",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person} is away"
