"""What people tell us: that something is broken, or that customers say so (R099, R176, R177)."""

from typing import Self

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models
from django.db.models import Q

from incidents.models.incident import Incident
from incidents.models.incident_record import IncidentSource
from incidents.models.integrations import Integration
from incidents.models.services import Service
from roster.models import Person

PREFIX = "REP"


class ReportQuerySet(models.QuerySet["Report"]):
    def waiting(self) -> Self:
        """Nobody has decided what becomes of them."""
        return self.filter(incident__isnull=True, dismissed_at__isnull=True)

    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> Self:
        """All but those that belong to an incident this user may not see."""
        seen = Incident.objects.visible_to(user)
        return self.filter(Q(incident__isnull=True) | Q(incident__in=seen))


class Report(models.Model):
    """One report by a person, a colleague's own or what a customer told support.

    Made by `incidents.reports`. It opens or joins an incident at once, or waits in the triage queue
    until enough are alike or somebody decides. Whoever reported is kept informed at
    `reporter_email`. Never deleted.
    """

    number = models.PositiveIntegerField(unique=True, editable=False)
    source = models.CharField(
        max_length=20, choices=IncidentSource, default=IncidentSource.INDIVIDUAL
    )
    title = models.CharField(max_length=300)
    text = models.TextField(blank=True)
    service = models.ForeignKey(
        Service, on_delete=models.PROTECT, null=True, blank=True, related_name="reports"
    )
    may_affect_customers = models.BooleanField("customers may notice", default=False)
    customers = models.PositiveIntegerField(
        default=0, help_text="How many customers this stands for, if it is known."
    )
    ticket_url = models.URLField("ticket", max_length=500, blank=True)
    reporter = models.ForeignKey(
        Person, on_delete=models.PROTECT, null=True, blank=True, related_name="reports_made"
    )
    reporter_name = models.CharField(max_length=200)
    reporter_email = models.EmailField(blank=True)
    integration = models.ForeignKey(
        Integration, on_delete=models.PROTECT, null=True, blank=True, related_name="reports"
    )
    incident = models.ForeignKey(
        Incident, on_delete=models.PROTECT, null=True, blank=True, related_name="reports"
    )
    created_at = models.DateTimeField(editable=False)
    dismissed_at = models.DateTimeField(null=True, blank=True, editable=False)
    dismissed_by_name = models.CharField(max_length=200, blank=True, editable=False)
    dismiss_reason = models.CharField(max_length=300, blank=True, editable=False)

    objects = ReportQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["service", "-created_at"], name="report_of_service")]
        permissions = [("decide_report", "Can decide what becomes of reports")]
        constraints = [
            models.CheckConstraint(
                condition=Q(dismissed_at__isnull=True, dismissed_by_name="")
                | Q(dismissed_at__isnull=False, incident__isnull=True) & ~Q(dismissed_by_name=""),
                name="report_dismissed_by_somebody",
            )
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def reference(self) -> str:
        return f"{PREFIX}-{self.number}"
