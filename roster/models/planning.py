"""Proposals for a fair roster: what was asked, what the solver found, what was made of it."""

from datetime import time
from typing import TYPE_CHECKING

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q

from roster.leases import Leased
from roster.models.people import Person
from roster.models.schedules import Layer, Schedule, validate_whole_minute

if TYPE_CHECKING:
    from django_stubs_ext.db.models.manager import RelatedManager

# Two years of weeks: beyond that nobody knows who works here.
MOST_TURNS = 104
LONGEST_TURN = 31


class RosterPlan(Leased):
    """A proposal of who takes which turn on some schedules, from a first handoff on.

    Asked for by a roster editor; solved by `roster.planning` in the background, which keeps
    `progress` up to date; accepted, edited by hand or thrown away by a person. Accepting it writes
    one layer per schedule for the period, above the others. Each schedule reads `starts_on` and
    `handoff_time` off the clock of its own zone. `result` holds, per schedule id, the person ids
    in order of the turns (`roster.planning.results`).
    """

    class State(models.TextChoices):
        DRAFT = "draft", "Draft"
        QUEUED = "queued", "Waiting for the solver"
        SOLVING = "solving", "Being solved"
        PROPOSED = "proposed", "Proposed"
        IMPOSSIBLE = "impossible", "Impossible"
        FAILED = "failed", "Failed"
        ACCEPTED = "accepted", "Accepted"
        DISCARDED = "discarded", "Thrown away"

    class TurnUnit(models.TextChoices):
        DAY = "day", "days"
        WEEK = "week", "weeks"

    name = models.CharField(max_length=200)
    state = models.CharField(max_length=10, choices=State, default=State.DRAFT, editable=False)
    starts_on = models.DateField("first handoff on")
    handoff_time = models.TimeField(
        "handoff at",
        default=time(9),
        validators=[validate_whole_minute],
        help_text="By the clock of each schedule's own zone.",
    )
    turns = models.PositiveSmallIntegerField(
        "number of turns",
        default=13,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_TURNS)],
        help_text="Thirteen weeks are a quarter.",
    )
    turn_length = models.PositiveSmallIntegerField(
        "length of a turn",
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(LONGEST_TURN)],
    )
    turn_unit = models.CharField(
        "days or weeks", max_length=10, choices=TurnUnit, default=TurnUnit.WEEK
    )
    rest_turns = models.PositiveSmallIntegerField(
        "turns of rest",
        default=1,
        validators=[MaxValueValidator(MOST_TURNS)],
        help_text="Free turns of a person between two spells on call, on all these schedules.",
    )
    most_consecutive = models.PositiveSmallIntegerField(
        "turns in a row",
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_TURNS)],
        help_text="So many turns one after the other at most.",
    )
    most_turns = models.PositiveSmallIntegerField(
        "most turns of one person",
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="In the whole period. Empty: no limit.",
    )
    ledger_months = models.PositiveSmallIntegerField(
        "past months that count",
        default=6,
        validators=[MaxValueValidator(36)],
        help_text="Nights, weekends and holidays carried in these are paid back.",
    )
    wish_hours = models.PositiveSmallIntegerField(
        "what a wish may cost, hours",
        default=4,
        validators=[MaxValueValidator(1000)],
        help_text="A wish is kept if fairness suffers by no more than this. 0: wishes are ignored.",
    )
    progress = models.JSONField(default=dict, editable=False)
    result = models.JSONField(default=dict, editable=False)
    created_by = models.ForeignKey(
        Person,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="plans_made",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    settled_at = models.DateTimeField(null=True, blank=True, editable=False)

    if TYPE_CHECKING:
        rotations: RelatedManager["PlanRotation"]

    class Meta:
        verbose_name = "roster proposal"
        constraints = [
            models.CheckConstraint(
                condition=Q(turns__gte=1, turn_length__gte=1, most_consecutive__gte=1),
                name="roster_plan_has_turns",
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_at_work(self) -> bool:
        """Whether the solver has it, or will."""
        return self.state in (self.State.QUEUED, self.State.SOLVING)


class PlanRotation(models.Model):
    """One schedule of a plan, and who may take its turns. Changes with its plan."""

    plan = models.ForeignKey(RosterPlan, on_delete=models.CASCADE, related_name="rotations")
    schedule = models.ForeignKey(Schedule, on_delete=models.PROTECT, related_name="plan_rotations")
    people = models.ManyToManyField(
        Person,
        blank=True,
        related_name="plan_rotations",
        help_text="Empty: whoever takes turns there now.",
    )
    # What accepting wrote; gone again when that is undone.
    layer = models.ForeignKey(
        Layer,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="plan_rotations",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["plan", "schedule"],
                name="plan_rotation_once",
                violation_error_message="This schedule is in the plan already.",
            )
        ]

    def __str__(self) -> str:
        return str(self.schedule)


class PlanPreference(models.Model):
    """What a person would rather, or rather not, between two days; time off is a fact instead.

    Entered by that person or a roster editor. "Would like to" is kept by any turn that touches
    these days, "would rather not" by none.
    """

    class Wish(models.TextChoices):
        PREFERS = "prefers", "Would like to be on call"
        AVOIDS = "avoids", "Would rather not be on call"

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="plan_preferences")
    wish = models.CharField(max_length=10, choices=Wish, default=Wish.AVOIDS)
    starts_on = models.DateField("from")
    ends_on = models.DateField("up to and including")
    note = models.CharField(max_length=200, blank=True)

    class Meta:
        verbose_name = "wish"
        verbose_name_plural = "wishes"
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_on__gte=F("starts_on")),
                name="plan_preference_ends_after_start",
                violation_error_message="It must not end before it begins.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.person} {self.get_wish_display().lower()}"
