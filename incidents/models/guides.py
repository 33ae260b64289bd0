"""What the page says to people while they work: guidance by phase, and questions to ask."""

from django.db import models

from incidents.phases import Phase


class PhaseGuide(models.Model):
    """What to do in one phase, in the organisation's own words; one row a phase (R066).

    Shipped and then edited by administrators. The checklist is one step a line.
    """

    class Stage(models.TextChoices):
        DETECTION = "Detection", "Detection"
        DECLARATION = "Classification and declaration", "Classification and declaration"
        DIAGNOSIS = "Diagnosis", "Diagnosis"
        RESOLUTION = "Resolution", "Resolution"
        CLOSURE = "Closure", "Closure"

    phase = models.CharField(max_length=20, choices=Phase, unique=True)
    name = models.CharField(max_length=100)
    stage = models.CharField(max_length=40, choices=Stage)
    guidance = models.TextField(blank=True)
    checklist = models.TextField(blank=True, help_text="One step a line.")
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position", "pk"]

    def __str__(self) -> str:
        return self.name


class Question(models.Model):
    """One question of the question bank (R128): worth asking from its phase on.

    Shipped and then edited by administrators.
    """

    class AskedWhile(models.TextChoices):
        INVESTIGATING = "investigating", "Investigating"
        RESTORING = "restoring", "Restoring"
        RESTORED = "restored", "Restored"

    class Category(models.TextChoices):
        STATUS = "status", "Status"
        IMPACT = "impact", "Impact"
        WORKAROUND = "workaround", "Workaround"
        TIMES = "times", "Start and end"
        NEXT_UPDATE = "next-update", "Next update"
        CAUSE = "cause", "Cause and next steps"
        TRACKING = "tracking", "Tracking"

    class Audience(models.TextChoices):
        INTERNAL = "internal", "Internal"
        EXTERNAL = "external", "External"
        BOTH = "both", "Both"

    code = models.CharField(max_length=10, unique=True)
    text = models.CharField(max_length=300)
    phase = models.CharField(max_length=20, choices=AskedWhile)
    category = models.CharField(max_length=20, choices=Category)
    audience = models.CharField(max_length=10, choices=Audience, default=Audience.INTERNAL)
    why = models.TextField(blank=True)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position", "pk"]

    def __str__(self) -> str:
        return f"{self.code} {self.text}"
