from typing import TYPE_CHECKING

from django.db import models
from django.db.models import F, Q
from simple_history.models import HistoricalRecords

from roster.models.people import Person, Team
from roster.models.schedules import Schedule

if TYPE_CHECKING:
    from django_stubs_ext.db.models.manager import RelatedManager


class EscalationPolicy(models.Model):
    """Who is paged, in which order, until somebody answers.

    Made by roster editors and chosen by services and teams. Its steps run in order, `repeats`
    more times after the first pass; then `fallback_team` is paged. `version` counts changes, and
    an incident's timeline names the version that paged.
    """

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=200, unique=True)
    team = models.ForeignKey(
        Team, on_delete=models.PROTECT, null=True, blank=True, related_name="policies"
    )
    repeats = models.PositiveSmallIntegerField(
        default=1, help_text="How many more times the steps run when nobody answers."
    )
    fallback_team = models.ForeignKey(
        Team,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="fallback_for",
        help_text="Paged when nobody answered, or nobody was on call.",
    )
    version = models.PositiveIntegerField(default=1, editable=False)

    history = HistoricalRecords()

    if TYPE_CHECKING:
        steps: RelatedManager["EscalationStep"]

    class Meta:
        verbose_name_plural = "escalation policies"

    def __str__(self) -> str:
        return self.name

    def next_version(self) -> None:
        """Count a change of the policy, its steps or their targets."""
        type(self).objects.filter(pk=self.pk).update(version=F("version") + 1)
        self.refresh_from_db(fields=["version"])


class EscalationStep(models.Model):
    """One rung of a policy: its targets are paged, then `wait_minutes` pass before the next.

    Changes with its policy. A running escalation follows steps by identity, so a step that is
    deleted meanwhile is passed over. Whom its `condition` leaves out is not paged by it; where that
    leaves nobody the next step runs at once. Usually one answer ends the paging of everybody; where
    `all_must_acknowledge`, it goes on for the others of this step.
    """

    class Condition(models.TextChoices):
        ALWAYS = "always", "At any time"
        WORKING_HOURS = "working_hours", "Only in their working hours"
        OFF_HOURS = "off_hours", "Only outside their working hours"

    policy = models.ForeignKey(EscalationPolicy, on_delete=models.CASCADE, related_name="steps")
    position = models.PositiveSmallIntegerField(default=1)
    wait_minutes = models.PositiveSmallIntegerField(
        "minutes to wait", default=5, help_text="Before the next step runs."
    )
    condition = models.CharField(
        max_length=20,
        choices=Condition,
        default=Condition.ALWAYS,
        help_text="By the working hours and the time zone of each person on call.",
    )
    all_must_acknowledge = models.BooleanField(
        default=False, help_text="One answer stops the paging of that person only."
    )

    history = HistoricalRecords()

    if TYPE_CHECKING:
        targets: RelatedManager["EscalationTarget"]

    class Meta:
        ordering = ["position", "pk"]

    def __str__(self) -> str:
        return f"Step {self.position}"


class EscalationTarget(models.Model):
    """Whom a step pages: people of a schedule, one person, a whole team, or its lead.

    Resolved to people when the step runs (`roster.escalation_targets`). Changes with its step.
    """

    class Kind(models.TextChoices):
        SCHEDULE = "schedule", "Whoever is on call"
        SCHEDULE_NEXT = "schedule_next", "Whoever is on call next"
        SCHEDULE_EVERYONE = "schedule_everyone", "Everyone who takes turns"
        PERSON = "person", "A person"
        TEAM = "team", "Everyone of a team"
        TEAM_LEAD = "team_lead", "The lead of a team"

    step = models.ForeignKey(EscalationStep, on_delete=models.CASCADE, related_name="targets")
    kind = models.CharField(max_length=20, choices=Kind, default=Kind.SCHEDULE)
    schedule = models.ForeignKey(
        Schedule,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="targeted_by",
    )
    person = models.ForeignKey(
        Person,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="targeted_by",
    )
    team = models.ForeignKey(
        Team,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="targeted_by",
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    kind__in=["schedule", "schedule_next", "schedule_everyone"],
                    schedule__isnull=False,
                    person__isnull=True,
                    team__isnull=True,
                )
                | Q(
                    kind="person",
                    schedule__isnull=True,
                    person__isnull=False,
                    team__isnull=True,
                )
                | Q(
                    kind__in=["team", "team_lead"],
                    schedule__isnull=True,
                    person__isnull=True,
                    team__isnull=False,
                ),
                name="escalation_target_fits_kind",
                violation_error_message="Fill in exactly what the kind of target names.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.schedule or self.person or self.team}"
