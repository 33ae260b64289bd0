"""What people are trained for, and how they learn it on shift."""

from datetime import date, datetime
from typing import Self

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from simple_history.models import HistoricalRecords

from roster.models.people import Person
from roster.models.schedules import Schedule


class Qualification(models.Model):
    """Something a person can be trained for: incident manager, public communication, a component.

    Kept by roster editors. Schedules and roles may require one. The path to it (R172) is
    `requires` first, then so many shadowed and so many reverse-shadowed shifts; the numbers inform,
    a person decides and grants.
    """

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=100, unique=True)
    description = models.TextField(blank=True)
    requires = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="leads_to"
    )
    shadow_shifts = models.PositiveSmallIntegerField("shifts to shadow", default=0)
    reverse_shadow_shifts = models.PositiveSmallIntegerField(
        "shifts to lead while shadowed", default=0
    )
    valid_months = models.PositiveSmallIntegerField(
        "valid for, months", null=True, blank=True, help_text="Empty: for ever."
    )

    history = HistoricalRecords()

    def __str__(self) -> str:
        return self.name


class QualificationGrantQuerySet(models.QuerySet["QualificationGrant"]):
    def valid_on(self, day: date) -> Self:
        return self.filter(Q(expires_on__isnull=True) | Q(expires_on__gt=day), granted_on__lte=day)


class QualificationGrant(models.Model):
    """A person holds a qualification, from when, until when, and how it was earned (R078, R118).

    Entered by roster editors. Renewing adds a row; what was held stays on record.
    """

    class EarnedBy(models.TextChoices):
        COURSE = "course", "Course"
        SHADOWING = "shadowing", "Shadowing"
        DRILL = "drill", "Drill"
        CERTIFICATE = "certificate", "Certificate"
        EXPERIENCE = "experience", "Experience"

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="qualifications")
    qualification = models.ForeignKey(
        Qualification, on_delete=models.PROTECT, related_name="grants"
    )
    granted_on = models.DateField()
    expires_on = models.DateField(null=True, blank=True, help_text="Empty: never.")
    earned_by = models.CharField(max_length=20, choices=EarnedBy, default=EarnedBy.COURSE)
    evidence = models.CharField(
        max_length=500, blank=True, help_text="A course, a certificate's number, a link."
    )

    objects = QualificationGrantQuerySet.as_manager()
    history = HistoricalRecords()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(expires_on__isnull=True) | Q(expires_on__gt=F("granted_on")),
                name="qualification_grant_expires_later",
                violation_error_message="It must expire after it was granted.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.person}: {self.qualification}"


class QualificationException(models.Model):
    """Somebody was put on duty without the qualification asked for; who allowed it, and why.

    Written when a roster editor insists; never changed.
    """

    person = models.ForeignKey(
        Person, on_delete=models.PROTECT, related_name="qualification_exceptions"
    )
    qualification = models.ForeignKey(
        Qualification, on_delete=models.PROTECT, related_name="exceptions"
    )
    where = models.CharField(max_length=200, help_text="The schedule or role, in words.")
    schedule = models.ForeignKey(
        Schedule,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="qualification_exceptions",
    )
    reason = models.CharField(max_length=300)
    allowed_by_name = models.CharField(max_length=200)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.person} without {self.qualification}"


class ShadowingQuerySet(models.QuerySet["Shadowing"]):
    def at(self, moment: datetime) -> Self:
        return self.filter(starts_at__lte=moment, ends_at__gt=moment)

    def over(self, moment: datetime) -> Self:
        return self.filter(ends_at__lte=moment)

    def within(self, starts_at: datetime, ends_at: datetime) -> Self:
        """Those that touch any instant of [starts_at, ends_at)."""
        return self.filter(starts_at__lt=ends_at, ends_at__gt=starts_at)

    def of(self, person: Person) -> Self:
        """Those in which a person watches or is watched by name."""
        return self.filter(Q(person=person) | Q(follows=person))


class Shadowing(models.Model):
    """Somebody beside the person on call: receives copies of the pages, and holds no duty.

    A *shadow* learns from whoever is on call; in a *reverse shadow* an experienced person stands
    by while the trainee is on call. `follows` None means whoever is on call. Entered by roster
    editors.
    """

    class Kind(models.TextChoices):
        SHADOW = "shadow", "Shadow: learns by watching"
        REVERSE = "reverse", "Reverse shadow: stands by a trainee"

    schedule = models.ForeignKey(Schedule, on_delete=models.PROTECT, related_name="shadowings")
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.SHADOW)
    person = models.ForeignKey(
        Person,
        on_delete=models.PROTECT,
        related_name="shadowings",
        verbose_name="who receives copies",
    )
    follows = models.ForeignKey(
        Person,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="shadowed_by",
        help_text="Empty: whoever is on call.",
    )
    starts_at = models.DateTimeField("from")
    ends_at = models.DateTimeField("until")

    objects = ShadowingQuerySet.as_manager()
    history = HistoricalRecords()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")),
                name="shadowing_ends_after_start",
                violation_error_message="Shadowing must end after it starts.",
            ),
            models.CheckConstraint(
                condition=Q(follows__isnull=True) | ~Q(follows=F("person")),
                name="shadowing_of_another",
                violation_error_message="Nobody shadows themselves.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person} beside {self.follows or 'whoever is on call'}"


class ConfidenceRating(models.Model):
    """How confident a person felt after shifts, 1 to 5, in their own word (R172)."""

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="confidence_ratings")
    schedule = models.ForeignKey(
        Schedule, on_delete=models.PROTECT, null=True, blank=True, related_name="confidence_ratings"
    )
    to_respond = models.PositiveSmallIntegerField(
        validators=[MinValueValidator(1), MaxValueValidator(5)]
    )
    to_lead = models.PositiveSmallIntegerField(
        validators=[MinValueValidator(1), MaxValueValidator(5)]
    )
    note = models.CharField(max_length=500, blank=True)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(to_respond__range=(1, 5), to_lead__range=(1, 5)),
                name="confidence_rating_from_1_to_5",
            )
        ]

    def __str__(self) -> str:
        return f"{self.person}: {self.to_respond} and {self.to_lead} of 5"
