"""Who is told about incidents besides those who work on them."""

from typing import Self

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import models
from simple_history.models import HistoricalRecords

from incidents.models import Service, Severity
from roster.models import Person, Team


class AudienceKind(models.TextChoices):
    INTERNAL = "internal", "Internal"
    EXTERNAL = "external", "External"


class AudienceQuerySet(models.QuerySet["Audience"]):
    def active(self) -> Self:
        return self.filter(is_active=True)

    def told_at_declare(self) -> Self:
        return self.filter(told_at_declare=True)


class Audience(models.Model):
    """A named set of people, teams and addresses that updates are written for.

    Communications managers keep these; nothing creates one by itself. `services` and
    `min_severity` narrow which incidents concern it: none named means all. Those who are
    `told_at_declare` get the first internal update without anyone choosing them.
    """

    name = models.CharField(max_length=100, unique=True)
    slug = models.SlugField(unique=True)
    kind = models.CharField(max_length=10, choices=AudienceKind, default=AudienceKind.INTERNAL)
    description = models.TextField(blank=True)
    teams = models.ManyToManyField(Team, blank=True, related_name="+")
    people = models.ManyToManyField(Person, blank=True, related_name="+")
    addresses = models.TextField(
        blank=True, help_text="Mail addresses of others, one a line, such as a mailing list."
    )
    services = models.ManyToManyField(
        Service,
        blank=True,
        related_name="+",
        help_text="Told about incidents of these services only. None chosen means all.",
    )
    min_severity = models.ForeignKey(
        Severity,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="Told from this severity on, and of worse ones. None chosen means all.",
    )
    told_at_declare = models.BooleanField(
        "told when an incident is declared",
        default=False,
        help_text="Gets the first internal update at once, written from the template.",
    )
    requires_approval = models.BooleanField(
        default=False, help_text="A second person approves what is sent to this audience."
    )
    is_active = models.BooleanField(default=True)

    objects = AudienceQuerySet.as_manager()
    history = HistoricalRecords()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="audience_external_not_at_declare",
                condition=models.Q(kind=AudienceKind.INTERNAL) | models.Q(told_at_declare=False),
                violation_error_message=(
                    "An external audience is written to by a person; it cannot be told by itself"
                    " when an incident is declared."
                ),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        for line, address in enumerate(self.addresses.splitlines(), start=1):
            if not address.strip():
                continue
            try:
                validate_email(address.strip())
            except ValidationError as error:
                message = f"Line {line}: “{address.strip()}” is not a mail address."
                raise ValidationError({"addresses": message}) from error

    @property
    def address_list(self) -> list[str]:
        return [line.strip() for line in self.addresses.splitlines() if line.strip()]
