from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from roster.models import EscalationPolicy, Schedule, Team


class Service(models.Model):
    """Something that can break and that a team answers for.

    Entered by administrators. Alerts come in for a service, and its policy decides who is paged.
    `is_public` shows it to customers by this name.
    """

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=200, unique=True)
    description = models.TextField(blank=True)
    owner_team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="services")
    policy = models.ForeignKey(
        EscalationPolicy,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="services",
        verbose_name="escalation policy",
        help_text="The owner team's default policy, if none is chosen.",
    )
    tier = models.PositiveSmallIntegerField(
        default=2,
        validators=[MinValueValidator(1), MaxValueValidator(4)],
        help_text="1: customers notice at once. 4: nobody does for a day.",
    )
    schedules = models.ManyToManyField(
        Schedule,
        blank=True,
        related_name="services",
        verbose_name="rotations of specialists",
        help_text="Whose people on call know this component, besides those of its policy.",
    )
    runbook_url = models.URLField("runbook", max_length=500, blank=True)
    depends_on = models.ManyToManyField("self", symmetrical=False, blank=True)
    is_public = models.BooleanField("public", default=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(tier__gte=1, tier__lte=4),
                name="service_tier_from_1_to_4",
                violation_error_message="The tier is a number from 1 to 4.",
            )
        ]

    def __str__(self) -> str:
        return self.name

    def effective_policy(self) -> EscalationPolicy | None:
        """Its own policy, or else its team's. Reads both relations, so select them."""
        return self.policy or self.owner_team.default_policy
