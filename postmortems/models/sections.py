"""The form a postmortem follows, and the text written into it."""

from typing import Self

from django.db import models
from django.db.models import Q

from incidents.models import Severity
from postmortems.models.postmortems import Postmortem


class Facts(models.TextChoices):
    """What a new section is filled with from the record (`postmortems.drafting`)."""

    NONE = "", "Nothing: it starts empty"
    SUMMARY = "summary", "Summary and causes"
    IMPACT = "impact", "Customer impact"
    TIMELINE = "timeline", "Timeline"
    MILESTONES = "milestones", "Milestones with durations"
    RESPONDERS = "responders", "Roles and responders"
    ALERTS = "alerts", "Alerts"


class SectionGuideQuerySet(models.QuerySet["SectionGuide"]):
    def for_severity(self, severity: Severity) -> Self:
        """The form for this severity: shorter for lower ones (DESIGN §1.7)."""
        return self.filter(Q(from_severity=None) | Q(from_severity__rank__gte=severity.rank))


class SectionGuide(models.Model):
    """One section of the form that new postmortems are made from.

    Shipped as a fixture, edited by administrators. A change applies to postmortems opened after
    it; those already open keep the sections they have.
    """

    slug = models.SlugField(unique=True)
    title = models.CharField(max_length=120)
    guidance = models.TextField(help_text="What belongs here, shown beside the text.")
    position = models.PositiveSmallIntegerField()
    from_severity = models.ForeignKey(
        Severity,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="Only at this severity and worse. Empty: always.",
    )
    facts = models.CharField(
        "filled from the record with", max_length=12, choices=Facts, blank=True
    )
    is_required = models.BooleanField(
        "required", default=True, help_text="Must be written before the review."
    )

    objects = SectionGuideQuerySet.as_manager()

    class Meta:
        ordering = ["position", "slug"]

    def __str__(self) -> str:
        return self.title


class Section(models.Model):
    """One part of a postmortem: made from its guide at opening, then written by the owner.

    Title and guidance are copies, so that editing the form never changes an older postmortem.
    """

    postmortem = models.ForeignKey(Postmortem, on_delete=models.CASCADE, related_name="sections")
    title = models.CharField(max_length=120)
    guidance = models.TextField(blank=True)
    body = models.TextField(blank=True, help_text="Markdown.")
    position = models.PositiveSmallIntegerField()
    is_required = models.BooleanField("required", default=True)

    class Meta:
        ordering = ["position", "id"]

    def __str__(self) -> str:
        return self.title
