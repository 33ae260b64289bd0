"""Roles, the duties they carry, and who holds which role on which incident."""

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import F, Q

from incidents.models.severities import Severity
from incidents.visibility import IncidentRowQuerySet
from roster.models import Person, Qualification, Schedule

INCIDENT_MANAGER = "incident-manager"
DEPUTY = "deputy"
IMOC = "imoc"
FIRST_RESPONDER = "first-responder"
TECH_LEAD = "tech-lead"


class RoleQuerySet(models.QuerySet["Role"]):
    def required_at(self, severity: Severity) -> Self:
        """The roles that an incident of this severity must fill."""
        return self.filter(required_from__rank__gte=severity.rank)


class Role(models.Model):
    """A part that somebody plays in an incident, such as incident manager or scribe.

    Shipped and then edited by administrators, who rename, merge and add (R036); slugs are stable.
    `required_from` is the mildest severity that demands it, null if none does. `schedule` is who
    covers it round the clock, and fills it when an incident is declared. Responsibilities and
    checklist are one item a line.
    """

    class Category(models.TextChoices):
        COMMAND = "command", "Command"
        LIAISON = "liaison", "Liaison"
        OPERATIONS = "operations", "Operations"
        SUPPORT = "support", "Support"

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=100, unique=True)
    aliases = models.CharField(max_length=200, blank=True, help_text="Other names, with commas.")
    category = models.CharField(max_length=20, choices=Category)
    purpose = models.TextField(blank=True)
    responsibilities = models.TextField(blank=True, help_text="One a line.")
    checklist = models.TextField(blank=True, help_text="One step a line.")
    is_single = models.BooleanField("one holder at a time", default=True)
    required_from = models.ForeignKey(
        Severity,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="roles_required",
        help_text="Required at this severity and worse.",
    )
    schedule = models.ForeignKey(
        Schedule,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="roles_covered",
        help_text="Whoever is on call here takes the role when an incident is declared.",
    )
    is_round_the_clock = models.BooleanField(
        "covered round the clock",
        default=False,
        help_text="A time at which its schedule has nobody is a finding of the coverage watch.",
    )
    qualification = models.ForeignKey(
        Qualification,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="roles",
        help_text="What a person must be trained for to hold it.",
    )
    position = models.PositiveSmallIntegerField(default=0)

    objects = RoleQuerySet.as_manager()

    class Meta:
        ordering = ["position", "pk"]

    def __str__(self) -> str:
        return self.name


class Duty(models.Model):
    """One line of the responsibilities matrix (R104): a duty, and the roles that carry it.

    Edited by administrators.
    """

    name = models.CharField(max_length=200, unique=True)
    position = models.PositiveSmallIntegerField(default=0)
    roles = models.ManyToManyField(Role, related_name="duties", blank=True)

    class Meta:
        verbose_name_plural = "duties"
        ordering = ["position", "pk"]

    def __str__(self) -> str:
        return self.name


class RoleAssignmentQuerySet(IncidentRowQuerySet["RoleAssignment"]):
    def current(self) -> Self:
        return self.filter(ends_at__isnull=True)

    def held_at(self, moment: datetime) -> Self:
        return self.filter(starts_at__lte=moment).exclude(ends_at__lte=moment)


class RoleAssignment(models.Model):
    """One person holding one role on one incident, from `starts_at` until `ends_at`.

    Made and ended by `incidents.roles`, never changed otherwise, so that it stays known who led
    when. The incident's owner is the current holder of the incident manager's role.
    """

    incident = models.ForeignKey(
        "incidents.Incident", on_delete=models.PROTECT, related_name="role_assignments"
    )
    role = models.ForeignKey(Role, on_delete=models.PROTECT, related_name="assignments")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="role_assignments")
    # A copy of the role's own flag: a constraint cannot look at another table.
    is_single = models.BooleanField(editable=False)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)
    note = models.TextField(blank=True)
    assigned_by_name = models.CharField(max_length=200)

    objects = RoleAssignmentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["incident", "role"],
                condition=Q(ends_at__isnull=True, is_single=True),
                name="role_assignment_single_holder",
                violation_error_message="Somebody holds this role already.",
            ),
            models.UniqueConstraint(
                fields=["incident", "role", "person"],
                condition=Q(ends_at__isnull=True),
                name="role_assignment_once_per_person",
                violation_error_message="This person holds this role already.",
            ),
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True) | Q(ends_at__gte=F("starts_at")),
                name="role_assignment_ends_after_start",
                violation_error_message="A role cannot end before it begins.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role}: {self.person}"
