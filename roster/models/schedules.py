from contextlib import suppress
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Self
from uuid import uuid4
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from simple_history.models import HistoricalRecords

from roster.errors import DomainError
from roster.models.people import Person, Team
from roster.zones import default_zone, validate_reading, validate_zone

if TYPE_CHECKING:
    from django_stubs_ext.db.models.manager import RelatedManager

# Someone who enters "from now on" needs a moment to press the button.
ENTRY_GRACE = timedelta(minutes=5)


def validate_whole_minute(value: time) -> None:
    if value.second or value.microsecond:
        raise ValidationError("Times are whole minutes.", code="whole_minute")


class ScheduleQuerySet(models.QuerySet["Schedule"]):
    def active(self) -> Self:
        return self.filter(is_active=True)


class Coverage(models.TextChoices):
    """When somebody has to be on call."""

    ALWAYS = "always", "Round the clock"
    HOURS = "hours", "In the hours listed"
    NONE = "none", "Not necessarily"


class Schedule(models.Model):
    """A question with an answer at every moment: who is on call for this?

    Made by roster editors. The answer is computed from layers and overrides by `roster.rotation`
    and stored nowhere. `time_zone` is where its handoffs are read off the clock. A schedule out
    of use is made inactive, since policies and the past refer to it.
    """

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=200, unique=True)
    team = models.ForeignKey(
        Team, on_delete=models.PROTECT, null=True, blank=True, related_name="schedules"
    )
    time_zone = models.CharField(max_length=64, default=default_zone, validators=[validate_zone])
    description = models.TextField(blank=True)
    coverage = models.CharField(
        "must be covered",
        max_length=10,
        choices=Coverage,
        default=Coverage.ALWAYS,
        help_text="A time that must be covered and is not is a gap.",
    )
    is_primary = models.BooleanField(
        "primary",
        default=True,
        help_text="Its people must be free to respond: being on two such schedules at once is a "
        "conflict.",
    )
    qualification = models.ForeignKey(
        "roster.Qualification",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="schedules",
        help_text="What a person must be trained for to take turns here.",
    )
    rest_hours = models.PositiveSmallIntegerField(
        "rest between shifts, hours",
        default=8,
        help_text="Less between two shifts of one person is a conflict. 0: not checked.",
    )
    is_active = models.BooleanField("active", default=True)

    objects = ScheduleQuerySet.as_manager()
    history = HistoricalRecords()

    def __str__(self) -> str:
        return self.name


class Layer(models.Model):
    """One rotation within a schedule: people taking turns, from a first handoff onwards.

    Where several layers have somebody, the highest `position` is on call. A layer that has begun
    is never edited in place: it ends, and a successor takes over (`roster.layer_changes`), so that
    who was on call stays what it was. Handoffs are wall-clock times in the layer's zone.
    """

    class Unit(models.TextChoices):
        HOUR = "hour", "hours"
        DAY = "day", "days"
        WEEK = "week", "weeks"
        MONTH = "month", "months"

    class Turns(models.TextChoices):
        ELAPSED = "elapsed", "pass also outside the windows"
        ACTIVE_DAYS = "active_days", "count only days that have a window"

    schedule = models.ForeignKey(Schedule, on_delete=models.PROTECT, related_name="layers")
    # The same for a layer and its successors: feeds and swaps know a turn by it.
    lineage = models.UUIDField(default=uuid4, editable=False, db_index=True)
    name = models.CharField(max_length=100)
    position = models.PositiveSmallIntegerField(
        default=1,
        help_text="Where several layers have somebody, the highest number is on call.",
    )
    starts_on = models.DateField("first handoff on")
    handoff_time = models.TimeField(
        "handoff at", default=time(9), validators=[validate_whole_minute]
    )
    length = models.PositiveSmallIntegerField(
        "turn length", default=1, validators=[MinValueValidator(1)]
    )
    unit = models.CharField(max_length=10, choices=Unit, default=Unit.WEEK)
    time_zone = models.CharField(
        max_length=64,
        blank=True,
        validators=[validate_zone],
        help_text="Empty: the schedule's.",
    )
    effective_from = models.DateTimeField(
        "in effect from",
        null=True,
        blank=True,
        help_text="Empty: from the first handoff.",
    )
    effective_until = models.DateTimeField(
        "in effect until", null=True, blank=True, help_text="Empty: without end."
    )
    turns = models.CharField(max_length=20, choices=Turns, default=Turns.ELAPSED)

    history = HistoricalRecords()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(effective_until__isnull=True)
                | Q(effective_from__isnull=True)
                | Q(effective_until__gt=F("effective_from")),
                name="layer_until_after_from",
                violation_error_message="A layer must end after it begins.",
            ),
            models.CheckConstraint(condition=Q(length__gte=1), name="layer_length_positive"),
        ]

    if TYPE_CHECKING:
        participants: RelatedManager["Participant"]
        windows: RelatedManager["LayerWindow"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        begins, ends = self.effective_from, self.effective_until
        if begins and ends and ends <= begins:
            raise ValidationError({"effective_until": "A layer must end after it begins."})
        if self.starts_on and self.handoff_time and self.schedule_id:
            with suppress(KeyError, ValueError, OSError):  # an unknown zone has its own error
                validate_reading("starts_on", self._first_handoff())

    def zone(self) -> str:
        """The zone its handoffs are read in. Reads the schedule."""
        return self.time_zone or self.schedule.time_zone

    def begins_at(self) -> datetime:
        """When it first counts. Reads the schedule."""
        return self.effective_from or self._first_handoff()

    def order_at(self, at: datetime) -> list["Participant"]:
        """The version of the order that counts at a moment, by turn; before it begins, its first.

        One query, or none if `participants` is prefetched.
        """
        rows = list(self.participants.all())
        moment = max(at, self.begins_at())
        since = max(
            (row.effective_at for row in rows if row.effective_at and row.effective_at <= moment),
            default=None,
        )
        current = [row for row in rows if row.effective_at == since]
        return sorted(current, key=lambda row: (row.position, row.pk))

    def _first_handoff(self) -> datetime:
        return datetime.combine(self.starts_on, self.handoff_time, ZoneInfo(self.zone()))


class Weekday(models.IntegerChoices):
    MONDAY = 0, "Monday"
    TUESDAY = 1, "Tuesday"
    WEDNESDAY = 2, "Wednesday"
    THURSDAY = 3, "Thursday"
    FRIDAY = 4, "Friday"
    SATURDAY = 5, "Saturday"
    SUNDAY = 6, "Sunday"


class WeeklyWindow(models.Model):
    """A span of the week, from one day and time to when another next comes.

    So it may cross midnight or the week's end; the same day and time twice is a whole week.
    """

    opens_on = models.PositiveSmallIntegerField("opens on", choices=Weekday)
    opens_at = models.TimeField("at", validators=[validate_whole_minute])
    closes_on = models.PositiveSmallIntegerField("closes on", choices=Weekday)
    closes_at = models.TimeField("at", validators=[validate_whole_minute])

    class Meta:
        abstract = True
        constraints = [
            models.CheckConstraint(
                condition=Q(opens_on__lte=6, closes_on__lte=6),
                name="%(class)s_weekdays",
            )
        ]

    def __str__(self) -> str:
        is_one_day = self.opens_on == self.closes_on and self.opens_at < self.closes_at
        closes_on = "" if is_one_day else f"{self.get_closes_on_display()} "
        return (
            f"{self.get_opens_on_display()} {self.opens_at:%H:%M} to "
            f"{closes_on}{self.closes_at:%H:%M}"
        )


class CoverageWindow(WeeklyWindow):
    """Hours of the week, in the schedule's zone, in which somebody has to be on call.

    Read only where the schedule's `coverage` says so. Changes with its schedule.
    """

    schedule = models.ForeignKey(
        Schedule, on_delete=models.CASCADE, related_name="coverage_windows"
    )


class LayerWindow(WeeklyWindow):
    """A span of the week in which a layer counts, in the layer's local time.

    A layer without windows counts always. Changes with its layer.
    """

    layer = models.ForeignKey(Layer, on_delete=models.CASCADE, related_name="windows")


class Participant(models.Model):
    """One person's place in a layer's order, from `effective_at` on (null: from the start).

    Rows with the same `effective_at` are one version of the order; a change adds a version and
    leaves the older ones, so the past keeps its people. Rows sharing a position are on call
    together; a row without a person is a turn on which deliberately nobody is.
    """

    layer = models.ForeignKey(Layer, on_delete=models.CASCADE, related_name="participants")
    effective_at = models.DateTimeField(null=True, blank=True)
    position = models.PositiveSmallIntegerField(
        "turn", help_text="People with the same number are on call together."
    )
    person = models.ForeignKey(
        Person,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="participations",
        help_text="Empty: nobody is on call on this turn.",
    )

    def __str__(self) -> str:
        return f"{self.position}. {self.person or 'nobody'}"


class OverrideQuerySet(models.QuerySet["Override"]):
    def within(self, starts_at: datetime, ends_at: datetime) -> Self:
        """Those that touch any instant of [starts_at, ends_at)."""
        return self.filter(starts_at__lt=ends_at, ends_at__gt=starts_at)


class Override(models.Model):
    """A span in which a schedule answers differently from its layers.

    Entered by a roster editor, written by a swap that was taken or read from a calendar. Later
    ones are applied over earlier ones. One that has begun can only be cut short, never taken back.
    """

    class Kind(models.TextChoices):
        OVERRIDE = "override", "Only this person is on call"
        ADD = "add", "This person is on call too"
        REMOVE = "remove", "This person is not on call"
        REPLACE = "replace", "This person stands in for another"
        TEMPORARY = "temporary", "Only the shifts listed count"

    schedule = models.ForeignKey(Schedule, on_delete=models.PROTECT, related_name="overrides")
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.OVERRIDE)
    person = models.ForeignKey(
        Person,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="overrides",
        help_text="Empty for a list of shifts only.",
    )
    replaces = models.ForeignKey(
        Person,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="replaced_in",
        help_text="Whom the person stands in for.",
    )
    swap = models.ForeignKey(
        "roster.Swap",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="overrides",
    )
    calendar = models.ForeignKey(
        "roster.ImportedCalendar",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="overrides",
    )
    # Which event of the calendar, and which of its occurrences.
    calendar_uid = models.CharField(max_length=300, blank=True, editable=False)
    starts_at = models.DateTimeField("from")
    ends_at = models.DateTimeField("until")
    reason = models.CharField(max_length=200, blank=True)
    created_by = models.ForeignKey(
        Person,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="overrides_entered",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OverrideQuerySet.as_manager()
    history = HistoricalRecords()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")),
                name="override_ends_after_start",
                violation_error_message="An override must end after it starts.",
            ),
            models.CheckConstraint(
                condition=Q(kind="replace", replaces__isnull=False)
                | (~Q(kind="replace") & Q(replaces__isnull=True)),
                name="override_replaces_someone",
                violation_error_message="Say who is replaced, for a stand-in only.",
            ),
            models.CheckConstraint(
                condition=Q(kind="temporary", person__isnull=True)
                | (~Q(kind="temporary") & Q(person__isnull=False)),
                name="override_names_a_person",
                violation_error_message="Say who is on call, unless shifts are listed.",
            ),
            models.UniqueConstraint(
                fields=["calendar", "calendar_uid"],
                condition=Q(calendar__isnull=False),
                name="override_once_per_calendar_event",
            ),
        ]
        indexes = [models.Index(fields=["schedule", "ends_at"])]

    def __str__(self) -> str:
        return f"{self.person or 'A list of shifts'} on {self.schedule}"

    def clean(self) -> None:
        """What a form should explain, on the field it belongs to."""
        errors: dict[str, str] = {}
        if self.starts_at and self.ends_at and self.ends_at <= self.starts_at:
            errors["ends_at"] = "An override must end after it starts."
        if self.kind == self.Kind.REPLACE and not self.replaces_id:
            errors["replaces"] = "Say whom this person stands in for."
        if self.kind != self.Kind.REPLACE and self.replaces_id:
            errors["replaces"] = "Leave this empty, or choose “stands in for another”."
        if (self.kind == self.Kind.TEMPORARY) == bool(self.person_id):
            errors["person"] = (
                "Say who is on call."
                if not self.person_id
                else "Leave this empty: shifts are listed."
            )
        elif self.person and not self.person.is_active:
            errors["person"] = f"{self.person} is inactive and cannot be put on call."
        if errors:
            raise ValidationError(errors)

    def has_begun(self, at: datetime) -> bool:
        return self.starts_at <= at

    def withdraw(self, *, at: datetime) -> None:
        """Take it back from a moment on: what it has already answered stays."""
        if not self.has_begun(at):
            self.delete()
            return
        if self.ends_at <= at:
            raise DomainError(
                "override_over", f"{self} is over, and stays on record. There is nothing to end."
            )
        self.ends_at = at
        self.save(update_fields=["ends_at"])


class OverrideShift(models.Model):
    """One line of an override that lists its shifts; changes with it."""

    override = models.ForeignKey(Override, on_delete=models.CASCADE, related_name="shifts")
    person = models.ForeignKey(
        Person, on_delete=models.PROTECT, related_name="listed_override_shifts"
    )
    starts_at = models.DateTimeField("from")
    ends_at = models.DateTimeField("until")

    class Meta:
        ordering = ["starts_at", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")),
                name="override_shift_ends_after_start",
                violation_error_message="A shift must end after it starts.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.person}, {self.starts_at:%-d %b %H:%M}"

    def clean(self) -> None:
        if self.starts_at and self.ends_at and self.ends_at <= self.starts_at:
            raise ValidationError({"ends_at": "A shift must end after it starts."})
