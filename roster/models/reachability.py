"""Whether people can really be reached: codes sent to an address, and test pages."""

from typing import Self

from django.conf import settings
from django.db import models

from roster.models.contacts import ContactMethod
from roster.models.people import Person, Team
from roster.models.schedules import Schedule


class ContactVerification(models.Model):
    """The code last sent to a contact method, kept as a digest; one row per method.

    Made and checked by `roster.verification`; empty digest: its message is not written yet. A right
    code before `expires_at` sets the method's `verified_at` and ends the row; after too many wrong
    ones a new code must be asked for.
    """

    contact_method = models.OneToOneField(
        ContactMethod, on_delete=models.CASCADE, related_name="verification"
    )
    code_digest = models.CharField(max_length=128, blank=True)
    sent_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    wrong_tries = models.PositiveSmallIntegerField(default=0)

    def __str__(self) -> str:
        return f"Code for {self.contact_method}"


class PageTest(models.Model):
    """A page that is about nothing: does it arrive, and how fast is it acknowledged (R126)?

    Asked for by a person for themselves, or by a roster editor for whoever is on call, a team or a
    person, unannounced. Opens no incident.
    """

    name = models.CharField(max_length=200)
    is_unannounced = models.BooleanField(
        default=True, help_text="The message does not say that it is a test until it is answered."
    )
    schedules = models.ManyToManyField(Schedule, blank=True, related_name="page_tests")
    teams = models.ManyToManyField(Team, blank=True, related_name="page_tests")
    people = models.ManyToManyField(Person, blank=True, related_name="page_tests")
    starts_at = models.DateTimeField("send at", help_text="May lie ahead: nobody is told before.")
    answer_within_minutes = models.PositiveSmallIntegerField(default=15)
    sent_at = models.DateTimeField(null=True, blank=True, editable=False, db_index=True)
    cancelled_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
    )

    def __str__(self) -> str:
        return self.name


class PageTestCallQuerySet(models.QuerySet["PageTestCall"]):
    def waiting(self) -> Self:
        return self.filter(acknowledged_at__isnull=True)


class PageTestCall(models.Model):
    """One person paged by a test, and when they answered."""

    test = models.ForeignKey(PageTest, on_delete=models.PROTECT, related_name="calls")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="page_test_calls")
    via = models.CharField(max_length=200, help_text="By which schedule or team.")
    sent_at = models.DateTimeField()
    acknowledged_at = models.DateTimeField(null=True, blank=True)

    objects = PageTestCallQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["test", "person"], name="page_test_once_per_person")
        ]

    def __str__(self) -> str:
        return f"{self.person}: {self.test}"
