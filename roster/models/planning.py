"""Proposals for a fair roster: what was asked, what the solver found, what was made of it."""

from django.db import models
from django.db.models import F, Q

from roster.leases import Leased
from roster.models.people import Person
from roster.models.schedules import Schedule


class RosterPlan(Leased):
    """A proposal of who takes which turn on some schedules from `starts_at` on.

    Asked for by a roster editor; solved by `roster.planning` in the background, which keeps
    `progress` up to date; accepted, edited by hand or thrown away by a person. Accepting it writes
    one layer per schedule for the period, above the others.
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

    name = models.CharField(max_length=200)
    state = models.CharField(max_length=10, choices=State, default=State.DRAFT, editable=False)
    starts_at = models.DateTimeField("first handoff")
    turns = models.PositiveSmallIntegerField("number of turns", default=13)
    turn_days = models.PositiveSmallIntegerField("days a turn", default=7)
    rest_turns = models.PositiveSmallIntegerField(
        "turns of rest between two", default=1, help_text="Over all schedules of the plan."
    )
    most_turns = models.PositiveSmallIntegerField(
        "most turns of one person", null=True, blank=True, help_text="Empty: no limit."
    )
    ledger_months = models.PositiveSmallIntegerField(
        "past months that count", default=6, help_text="Burden carried in these is paid back."
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

    class Meta:
        verbose_name = "roster proposal"
        constraints = [
            models.CheckConstraint(
                condition=Q(turns__gte=1, turn_days__gte=1), name="roster_plan_has_turns"
            )
        ]

    def __str__(self) -> str:
        return self.name


class PlanRotation(models.Model):
    """One schedule of a plan, and who may take its turns."""

    plan = models.ForeignKey(RosterPlan, on_delete=models.CASCADE, related_name="rotations")
    schedule = models.ForeignKey(Schedule, on_delete=models.PROTECT, related_name="plan_rotations")
    people = models.ManyToManyField(Person, related_name="plan_rotations")

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
    """What a person would rather, or rather not, between two days; time off is a fact instead."""

    class Wish(models.TextChoices):
        PREFERS = "prefers", "Would like to be on call"
        AVOIDS = "avoids", "Would rather not be on call"

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="plan_preferences")
    wish = models.CharField(max_length=10, choices=Wish, default=Wish.AVOIDS)
    starts_on = models.DateField("from")
    ends_on = models.DateField("up to and including")
    note = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_on__gte=F("starts_on")),
                name="plan_preference_ends_after_start",
                violation_error_message="It must not end before it begins.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.person} {self.get_wish_display().lower()}"
