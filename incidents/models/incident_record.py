"""What is known about an incident: the columns, and what must never be false about them."""

from django.db import models
from django.db.models import Q

from incidents.models.services import Service
from incidents.models.severities import ImpactDegree, ImpactExtent, Severity
from incidents.phases import ENDED_PHASES, LIVE_PHASES, OPEN_PHASES, Phase
from roster.models import EscalationPolicy, Person, Urgency

PREFIX = "INC"
_LIVE = [phase.value for phase in LIVE_PHASES]
_ENDED = [phase.value for phase in ENDED_PHASES]
_DECLARED = ["mobilizing", "diagnosing", "restoring", "restored", "learning", "closed"]
_RESTORED = ["restored", "learning", "closed"]


class IncidentKind(models.TextChoices):
    UNPLANNED = "unplanned", "Unplanned"
    MAINTENANCE = "maintenance", "Planned maintenance"
    SECURITY = "security", "Security"
    DRILL = "drill", "Drill"


class IncidentSource(models.TextChoices):
    """How we came to know (R099)."""

    MONITORING = "monitoring", "Monitoring"
    CUSTOMER = "customer", "A customer"
    INDIVIDUAL = "individual", "A colleague"


class IncidentRecord(models.Model):
    """The columns of an incident. What may happen to them is in `Incident`."""

    Kind = IncidentKind
    Source = IncidentSource

    number = models.PositiveIntegerField(unique=True, editable=False)
    title = models.CharField(max_length=300)
    kind = models.CharField(max_length=20, choices=Kind, default=Kind.UNPLANNED)
    phase = models.CharField(max_length=20, choices=Phase, default=Phase.DETECTED, editable=False)
    severity = models.ForeignKey(Severity, on_delete=models.PROTECT, related_name="incidents")
    severity_reason = models.TextField(
        blank=True, help_text="Why it is not what the severity matrix says."
    )
    services = models.ManyToManyField(Service, related_name="incidents", blank=True)
    source = models.CharField(max_length=20, choices=Source, default=Source.INDIVIDUAL)
    extent = models.ForeignKey(
        ImpactExtent,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="incidents",
    )
    degree = models.ForeignKey(
        ImpactDegree,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="incidents",
    )
    customer_impact = models.TextField(blank=True, help_text="Who notices, and what.")
    summary = models.TextField(blank=True)
    workaround = models.TextField(blank=True)
    suspected_cause = models.TextField(blank=True)
    confirmed_cause = models.TextField(blank=True)
    is_private = models.BooleanField(
        "private", default=False, help_text="Seen only by those who work on it."
    )
    grouping_key = models.CharField(
        max_length=300,
        blank=True,
        editable=False,
        help_text="Alerts with this key join the incident while it is live.",
    )
    gathers_until = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="Alerts of its group that come later open another incident.",
    )
    alerts_told_at = models.DateTimeField(null=True, blank=True, editable=False)
    alerts_untold = models.PositiveIntegerField(
        default=0,
        editable=False,
        help_text="Alerts that came or went since the timeline last spoke of them.",
    )
    policy = models.ForeignKey(
        EscalationPolicy,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="incidents",
        verbose_name="escalation policy",
        help_text="Chosen by a routing rule; otherwise the services' own.",
    )
    urgency = models.CharField(
        max_length=10, choices=Urgency, blank=True, help_text="Empty: as the severity has it."
    )
    may_affect_customers = models.BooleanField("potentially customer-impacting", default=False)
    evidence = models.TextField(
        "how it showed", blank=True, help_text="What told us that something is broken (R139)."
    )
    bridge_url = models.URLField("bridge", max_length=500, blank=True)
    chat_url = models.URLField("chat", max_length=500, blank=True)
    ticket_url = models.URLField("ticket", max_length=500, blank=True)

    detected_by_name = models.CharField(max_length=200, editable=False)
    acknowledged_by = models.ForeignKey(
        Person,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="incidents_acknowledged",
        editable=False,
    )
    acknowledged_by_name = models.CharField(max_length=200, blank=True, editable=False)
    declared_by = models.ForeignKey(
        Person,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="incidents_declared",
        editable=False,
    )
    declared_by_name = models.CharField(max_length=200, blank=True, editable=False)

    # Milestones are kept apart from the phase: they can be corrected, on record.
    impact_began_at = models.DateTimeField(null=True, blank=True, editable=False)
    detected_at = models.DateTimeField(editable=False)
    acknowledged_at = models.DateTimeField(null=True, blank=True, editable=False)
    declared_at = models.DateTimeField(null=True, blank=True, editable=False)
    cause_found_at = models.DateTimeField(null=True, blank=True, editable=False)
    restored_at = models.DateTimeField(null=True, blank=True, editable=False)
    closed_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(editable=False)

    class Meta:
        abstract = True
        indexes = [
            models.Index(fields=["phase", "-detected_at"], name="incident_by_phase"),
            models.Index(fields=["-detected_at"], name="incident_by_detection"),
            models.Index(
                fields=["alerts_told_at"],
                condition=Q(alerts_untold__gt=0),
                name="incident_alerts_untold",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["grouping_key"],
                condition=Q(phase__in=_LIVE) & ~Q(grouping_key=""),
                name="incident_one_live_per_grouping_key",
                violation_error_message="A live incident gathers these alerts already.",
            ),
            models.CheckConstraint(
                condition=Q(phase__in=_ENDED, closed_at__isnull=False)
                | (~Q(phase__in=_ENDED) & Q(closed_at__isnull=True)),
                name="incident_closed_at_if_ended",
            ),
            models.CheckConstraint(
                condition=~Q(phase__in=_RESTORED) | Q(restored_at__isnull=False),
                name="incident_restored_at_once_restored",
            ),
            models.CheckConstraint(
                condition=~Q(phase__in=_LIVE) | Q(restored_at__isnull=True),
                name="incident_not_restored_while_live",
            ),
            models.CheckConstraint(
                condition=~Q(phase__in=_DECLARED) | Q(declared_at__isnull=False),
                name="incident_declared_at_once_declared",
            ),
            models.CheckConstraint(
                condition=~Q(phase="detected") | Q(declared_at__isnull=True),
                name="incident_not_declared_while_detected",
            ),
            models.CheckConstraint(
                condition=Q(acknowledged_at__isnull=True, acknowledged_by_name="")
                | Q(acknowledged_at__isnull=False) & ~Q(acknowledged_by_name=""),
                name="incident_acknowledged_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(declared_at__isnull=True, declared_by_name="")
                | Q(declared_at__isnull=False) & ~Q(declared_by_name=""),
                name="incident_declared_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reference} {self.title}"

    @property
    def reference(self) -> str:
        return f"{PREFIX}-{self.number}"

    @property
    def is_open(self) -> bool:
        return self.phase in OPEN_PHASES

    @property
    def is_live(self) -> bool:
        return self.phase in LIVE_PHASES

    def page_urgency(self) -> str:
        """How loud its pages are. Reads the severity, so select it."""
        return self.urgency or self.severity.urgency
