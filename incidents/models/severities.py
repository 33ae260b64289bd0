"""How bad an incident is, and how two answers about its impact decide that."""

from django.db import models
from django.db.models import Q

from roster.models import Urgency


class SeverityQuerySet(models.QuerySet["Severity"]):
    def for_impact(self, extent: "ImpactExtent", degree: "ImpactDegree") -> "Severity | None":
        """What the severity matrix says; None where that field of the matrix is empty."""
        return self.filter(rules__extent=extent, rules__degree=degree).first()


class Severity(models.Model):
    """How bad an incident is, and what that demands of the response.

    Five are shipped (SEV1 to SEV5); administrators edit them and may add others. A lower `rank` is
    worse. An interval that is null is not demanded.
    """

    class Color(models.TextChoices):
        RED = "red", "Red"
        ORANGE = "orange", "Orange"
        YELLOW = "yellow", "Yellow"
        BLUE = "blue", "Blue"
        GRAY = "gray", "Gray"

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=50, unique=True)
    rank = models.PositiveSmallIntegerField(unique=True, help_text="1 is the worst.")
    aliases = models.CharField(max_length=200, blank=True, help_text="Other names, with commas.")
    description = models.TextField(blank=True)
    color = models.CharField(max_length=10, choices=Color, default=Color.GRAY)
    urgency = models.CharField(max_length=10, choices=Urgency, default=Urgency.HIGH)
    acknowledge_within_minutes = models.PositiveSmallIntegerField(default=15)
    acknowledgement_expires_minutes = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        help_text="Without a sign of work for so long, whoever acknowledged is paged again, and"
        " whoever is on call then. Empty: never.",
    )
    lead_within_minutes = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        help_text="Without an incident manager for so long after it was declared, the one on call"
        " and the IMOC are told (R155). Empty: never.",
    )
    request_repeat_minutes = models.PositiveSmallIntegerField(
        default=10, help_text="How long a request for help waits before it is repeated."
    )
    internal_update_minutes = models.PositiveSmallIntegerField(null=True, blank=True)
    external_update_minutes = models.PositiveSmallIntegerField(null=True, blank=True)
    is_major = models.BooleanField("major", default=False)
    postmortem_required = models.BooleanField(default=False)
    postmortem_due_days = models.PositiveSmallIntegerField(null=True, blank=True)

    objects = SeverityQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "severities"
        ordering = ["rank"]
        constraints = [
            models.CheckConstraint(
                condition=Q(request_repeat_minutes__gte=1),
                name="severity_repeats_after_a_minute",
                violation_error_message="A request is repeated after a minute at the soonest.",
            ),
            models.CheckConstraint(
                condition=Q(postmortem_required=False) | Q(postmortem_due_days__isnull=False),
                name="severity_postmortem_has_due_days",
                violation_error_message="Say within how many days the postmortem is due.",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def is_worse_than(self, other: "Severity") -> bool:
        return self.rank < other.rank


class ImpactExtent(models.Model):
    """One answer to "who is affected?", from nobody to everyone. Edited by administrators."""

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=100, unique=True)
    description = models.TextField(blank=True)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position", "pk"]

    def __str__(self) -> str:
        return self.name


class ImpactDegree(models.Model):
    """One answer to "how badly?", from a nuisance to data at risk. Edited by administrators."""

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=100, unique=True)
    description = models.TextField(blank=True)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position", "pk"]

    def __str__(self) -> str:
        return self.name


class SeverityRule(models.Model):
    """One field of the severity matrix (R122): this extent and that degree make this severity.

    Edited by administrators. A field without a row proposes nothing, and whoever declares chooses.
    """

    extent = models.ForeignKey(ImpactExtent, on_delete=models.CASCADE, related_name="rules")
    degree = models.ForeignKey(ImpactDegree, on_delete=models.CASCADE, related_name="rules")
    severity = models.ForeignKey(Severity, on_delete=models.PROTECT, related_name="rules")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["extent", "degree"],
                name="severity_rule_once_per_field",
                violation_error_message="This field of the matrix already has a severity.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.extent} × {self.degree}: {self.severity}"
