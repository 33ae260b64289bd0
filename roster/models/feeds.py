from typing import Self

from django.db import models
from django.db.models import Q

from roster.models.people import Person
from roster.models.schedules import Schedule


class CalendarFeedQuerySet(models.QuerySet["CalendarFeed"]):
    def usable(self) -> Self:
        return self.filter(revoked_at__isnull=True)


class CalendarFeed(models.Model):
    """A private iCalendar address of one person's shifts, or of one schedule's.

    The address is the key: only its digest is kept, it is shown once, and revoking it makes a new
    one necessary. `owner` is who uses it: what they may not see any more, the feed stops showing.
    """

    owner = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="feeds")
    schedule = models.ForeignKey(
        Schedule,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="feeds",
        help_text="Empty: the owner's own shifts on every schedule.",
    )
    token_digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_read_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = CalendarFeedQuerySet.as_manager()

    def __str__(self) -> str:
        return str(self.schedule) if self.schedule_id else f"Shifts of {self.owner}"


class Publication(models.Model):
    """How far the published shifts of one schedule are up to date; made by its first reading.

    `digest` is of the definition they were made from, so that a reading that finds it unchanged
    writes nothing. Written by `roster.feeds`, whose turn it marks: of two at once one waits.
    """

    schedule = models.OneToOneField(
        Schedule, on_delete=models.CASCADE, related_name="publication", primary_key=True
    )
    digest = models.CharField(max_length=64, blank=True)
    published_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"Publication of {self.schedule}"


class PublishedShift(models.Model):
    """A shift as calendars out there know it, so that they follow when it moves.

    `uid` is layer lineage, turn and slot (or override) and stays; `sequence` rises with every
    change; a shift that is gone stays as cancelled for a while. Written by `roster.feeds`.
    """

    uid = models.CharField(max_length=200, unique=True)
    schedule = models.ForeignKey(
        Schedule, on_delete=models.CASCADE, related_name="published_shifts"
    )
    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="published_shifts")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    sequence = models.PositiveIntegerField(default=0)
    changed_at = models.DateTimeField()
    cancelled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["schedule", "ends_at"]),
            models.Index(
                fields=["person", "ends_at"],
                condition=Q(cancelled_at__isnull=True),
                name="published_shift_of_person",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person} on {self.schedule}"
