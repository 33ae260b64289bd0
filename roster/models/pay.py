"""By which rules time on call is counted and paid (R157): data, edited by administrators."""

from datetime import time
from decimal import Decimal

from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from simple_history.models import HistoricalRecords

from roster.models.people import Person
from roster.models.schedules import Schedule


class RatePlan(models.Model):
    """What counts as night, weekend and working hours, and which rates apply to whom.

    A person's plan is the one that names them, else the one of their country, else the one without
    a country. Times are read off the clock of the person's zone; public holidays are those of the
    person's country.
    """

    name = models.CharField(max_length=100, unique=True)
    country = models.CharField(
        max_length=2,
        blank=True,
        validators=[RegexValidator(r"^[A-Z]{2}$", "Write two capital letters, such as GB.")],
        help_text="For people of this country. Empty: for everybody else.",
    )
    people = models.ManyToManyField(
        Person, blank=True, related_name="rate_plans", help_text="Only these, whatever the country."
    )
    currency = models.CharField(
        max_length=3,
        default="EUR",
        validators=[RegexValidator(r"^[A-Z]{3}$", "Write three capital letters, such as EUR.")],
    )
    night_from = models.TimeField(default=time(22))
    night_until = models.TimeField(default=time(6))
    work_from = models.TimeField("working hours from", default=time(9))
    work_until = models.TimeField("working hours until", default=time(17))

    history = HistoricalRecords()

    def __str__(self) -> str:
        return self.name


class RateRule(models.Model):
    """What one unit of one kind of burden is paid. Rules add up: a holiday night earns both.

    Counts from `valid_from` on. Changes with its plan.
    """

    class Kind(models.TextChoices):
        ON_CALL_HOUR = "on_call_hour", "Hour on call"
        OFF_HOURS_HOUR = "off_hours_hour", "Hour on call outside working hours"
        NIGHT_HOUR = "night_hour", "Hour at night"
        WEEKEND_HOUR = "weekend_hour", "Hour at a weekend"
        HOLIDAY_HOUR = "holiday_hour", "Hour on a public holiday"
        PAGE = "page", "Page"
        OFF_HOURS_PAGE = "off_hours_page", "Page outside working hours"
        NIGHT_PAGE = "night_page", "Page at night"

    plan = models.ForeignKey(RatePlan, on_delete=models.CASCADE, related_name="rules")
    kind = models.CharField(max_length=20, choices=Kind)
    schedule = models.ForeignKey(
        Schedule,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="rate_rules",
        help_text="Empty: on every schedule.",
    )
    amount = models.DecimalField(
        max_digits=10, decimal_places=2, validators=[MinValueValidator(Decimal(0))]
    )
    valid_from = models.DateField(null=True, blank=True, help_text="Empty: always.")
    valid_until = models.DateField(null=True, blank=True, help_text="Empty: without end.")

    history = HistoricalRecords()

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.amount}"
