from typing import Self

from django.db import models
from django.db.models import Q

from roster.models.people import Person
from roster.models.schedules import Schedule


class FindingKind(models.TextChoices):
    """What can be wrong with the coming weeks, the worst first."""

    GAP = "gap", "Nobody on call"
    ROLE_UNCOVERED = "role_uncovered", "A role that nobody covers"
    UNREACHABLE = "unreachable", "No verified contact method"
    TIME_OFF = "time_off", "On call during time off"
    TWO_PRIMARIES = "two_primaries", "On two primary schedules at once"
    NO_REST = "no_rest", "Too little rest"
    UNQUALIFIED = "unqualified", "Without the qualification asked for"
    SINGLE_PERSON = "single_person", "One person covers all"
    UNPRACTISED = "unpractised", "Has never answered a page"


class CoverageFindingQuerySet(models.QuerySet["CoverageFinding"]):
    def standing(self) -> Self:
        """Those that the last proof still found."""
        return self.filter(resolved_at__isnull=True)


class CoverageFinding(models.Model):
    """Something wrong with who will be on call, found by the coverage watch (R071).

    Written, kept up to date and resolved by `roster.coverage`; never by hand. `fingerprint` says
    what makes it the same finding the next night, so that its editors are told once. `text` is a
    sentence for people, without times; these are `starts_at` and `ends_at` where it has any.
    """

    fingerprint = models.CharField(max_length=200)
    kind = models.CharField(max_length=20, choices=FindingKind)
    schedule = models.ForeignKey(
        Schedule, on_delete=models.CASCADE, null=True, blank=True, related_name="findings"
    )
    person = models.ForeignKey(
        Person, on_delete=models.CASCADE, null=True, blank=True, related_name="findings"
    )
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    text = models.CharField(max_length=500)
    found_at = models.DateTimeField()
    told_at = models.DateTimeField(null=True, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)

    objects = CoverageFindingQuerySet.as_manager()

    class Meta:
        permissions = [("resolve_coverage", "Is told of coverage findings")]
        indexes = [
            models.Index(
                fields=["starts_at"], condition=Q(resolved_at__isnull=True), name="finding_standing"
            )
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["fingerprint"],
                condition=Q(resolved_at__isnull=True),
                name="coverage_finding_stands_once",
            )
        ]

    def __str__(self) -> str:
        return self.text
