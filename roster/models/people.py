from datetime import time
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

from roster.models.contacts import Channel, ContactMethod
from roster.zones import default_zone, validate_zone

if TYPE_CHECKING:
    from django_stubs_ext.db.models.manager import RelatedManager


# Longer than any line of people or departments: beyond it something is wrong.
LONGEST_LINE = 50


def refuse_circle(row: models.Model, field: str) -> None:
    """Raise ValidationError where a row would stand above itself by a relation to its own kind.

    One query for each level upwards.
    """
    above, seen = getattr(row, field), 0
    while above is not None and seen < LONGEST_LINE:
        if above.pk == row.pk:
            message = f"{row} would stand above itself. Choose another one."
            raise ValidationError({field: message})
        above, seen = getattr(above, field), seen + 1


def weekdays() -> list[int]:
    """Monday to Friday."""
    return [0, 1, 2, 3, 4]


class PersonQuerySet(models.QuerySet["Person"]):
    def active(self) -> Self:
        return self.filter(is_active=True)


class Person(models.Model):
    """Someone who can be on call, be asked for help, or be told: inside the company or not.

    Entered by a roster editor. `user` links the login of those who have one. People are never
    deleted, since history names them: someone who left is made inactive, and is from then on
    neither paged nor offered anywhere. Quiet hours and working hours are read off the clock of
    `time_zone`; working hours only decide which steps of a policy page them.
    """

    slug = models.SlugField(unique=True, help_text="Used in addresses and the API; keep it stable.")
    name = models.CharField(max_length=200)
    email = models.EmailField("e-mail", blank=True)
    phone = models.CharField(max_length=40, blank=True)
    title = models.CharField(max_length=200, blank=True)
    time_zone = models.CharField(max_length=64, default=default_zone, validators=[validate_zone])
    country = models.CharField(
        max_length=2,
        blank=True,
        validators=[RegexValidator(r"^[A-Z]{2}$", "Write two capital letters, such as GB.")],
        help_text="Two letters; decides which public holidays count.",
    )
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="person",
        verbose_name="login",
    )
    reports_to = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="reports",
        help_text="One level up: who is asked when this person cannot decide.",
    )
    quiet_from = models.TimeField(
        null=True,
        blank=True,
        help_text="From then on, low-urgency messages wait until the quiet hours end.",
    )
    quiet_until = models.TimeField(null=True, blank=True)
    work_from = models.TimeField("working hours from", default=time(9))
    work_until = models.TimeField("working hours until", default=time(17))
    work_days = models.JSONField(
        "working days", default=weekdays, blank=True, help_text="0 is Monday, 6 is Sunday."
    )
    reminder_hours = models.PositiveSmallIntegerField(
        "shift reminder, hours before", default=24, help_text="0: no reminder."
    )
    is_active = models.BooleanField("active", default=True)
    teams = models.ManyToManyField("roster.Team", related_name="members", blank=True)

    objects = PersonQuerySet.as_manager()

    if TYPE_CHECKING:
        contact_methods: RelatedManager[ContactMethod]

    class Meta:
        verbose_name_plural = "people"
        constraints = [
            models.CheckConstraint(
                condition=Q(quiet_from__isnull=True, quiet_until__isnull=True)
                | Q(quiet_from__isnull=False, quiet_until__isnull=False),
                name="person_quiet_hours_whole",
                violation_error_message="Give both ends of the quiet hours, or neither.",
            )
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if self.pk and self.reports_to_id:
            refuse_circle(self, "reports_to")
        if self.quiet_from and self.quiet_from == self.quiet_until:
            raise ValidationError(
                {"quiet_until": "Choose another time than the one they begin at; empty both: none."}
            )
        days = self.work_days
        known = isinstance(days, list) and all(type(day) is int and 0 <= day <= 6 for day in days)
        if not known or len(set(days)) != len(days):
            raise ValidationError({"work_days": "Give each day once, as a number: 0 is Monday."})

    def reachable_methods(self) -> list[ContactMethod]:
        """Where a message reaches this person: verified methods in order of entry.

        Someone with none is reached at the e-mail of their profile (an unsaved row), so that a
        person just entered can be paged. One query, or none with `contact_methods` prefetched.
        """
        verified = [method for method in self.contact_methods.all() if method.verified_at]
        if verified or not self.email:
            return sorted(verified, key=lambda method: method.pk)
        return [
            ContactMethod(
                person=self,
                channel=Channel.EMAIL,
                address=self.email,
                label="Profile e-mail",
            )
        ]


class Team(models.Model):
    """A group of people, technical or not, and the directory of whom to ask for what.

    Kept by roster editors. `lead` is paged where a policy says "team lead"; `default_policy` is
    what a service of this team escalates by unless it names its own.
    """

    class Kind(models.TextChoices):
        ENGINEERING = "engineering", "Engineering"
        OPERATIONS = "operations", "Operations"
        SUPPORT = "support", "Support"
        LEGAL = "legal", "Legal"
        PR = "pr", "PR and marketing"
        COMPLIANCE = "compliance", "Policy and compliance"
        EXECUTIVE = "executive", "Executives"
        SALES = "sales", "Sales"
        PARTNER = "partner", "Partner"
        SUPPLIER = "supplier", "Supplier"

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=200, unique=True)
    kind = models.CharField(max_length=20, choices=Kind, default=Kind.ENGINEERING)
    part_of = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="parts",
        help_text="The department this team belongs to.",
    )
    lead = models.ForeignKey(
        Person, on_delete=models.PROTECT, null=True, blank=True, related_name="leads"
    )
    default_policy = models.ForeignKey(
        "roster.EscalationPolicy",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="default_for",
        verbose_name="default escalation policy",
    )

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if self.pk and self.part_of_id:
            refuse_circle(self, "part_of")
