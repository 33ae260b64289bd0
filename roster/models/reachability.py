"""Whether people can really be reached: codes sent to an address, and test pages."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from roster.models.contacts import ContactMethod
from roster.models.people import Person, Team
from roster.models.schedules import Schedule

if TYPE_CHECKING:
    from django_stubs_ext.db.models.manager import RelatedManager

PREFIX = "PT"


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


class PageTestQuerySet(models.QuerySet["PageTest"]):
    def waiting(self) -> Self:
        return self.filter(sent_at__isnull=True, cancelled_at__isnull=True)

    def get_by_reference(self, reference: str) -> "PageTest":
        """Find PT-3. Raises PageTest.DoesNotExist for anything that is no such reference."""
        prefix, _, number = reference.upper().partition("-")
        if prefix != PREFIX or not (number.isascii() and number.isdigit() and len(number) < 10):
            raise PageTest.DoesNotExist(reference)
        return self.get(number=int(number))


class PageTest(models.Model):
    """A page that is about nothing: does it arrive, and how fast is it acknowledged (R126)?

    Asked for by a person for themselves, or by a roster editor for whoever is on call, a team or a
    person, unannounced. Opens no incident. Made and sent by `roster.page_tests`; once sent or
    cancelled it is never changed.
    """

    number = models.PositiveIntegerField(unique=True, editable=False)
    name = models.CharField(max_length=200)
    is_unannounced = models.BooleanField(
        "unannounced",
        default=True,
        help_text="The message does not say that it is a test until it is answered.",
    )
    schedules = models.ManyToManyField(Schedule, blank=True, related_name="page_tests")
    teams = models.ManyToManyField(Team, blank=True, related_name="page_tests")
    people = models.ManyToManyField(Person, blank=True, related_name="page_tests")
    starts_at = models.DateTimeField("send at", help_text="May lie ahead: nobody is told before.")
    answer_within_minutes = models.PositiveSmallIntegerField(
        "answer within, minutes",
        default=15,
        validators=[MinValueValidator(1), MaxValueValidator(24 * 60)],
    )
    sent_at = models.DateTimeField(null=True, blank=True, editable=False, db_index=True)
    cancelled_at = models.DateTimeField(null=True, blank=True, editable=False)
    cancelled_because = models.CharField(max_length=200, blank=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
    )

    objects = PageTestQuerySet.as_manager()

    if TYPE_CHECKING:
        calls: RelatedManager["PageTestCall"]

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(sent_at__isnull=True) | Q(cancelled_at__isnull=True),
                name="page_test_sent_or_cancelled",
            ),
            models.CheckConstraint(
                condition=Q(answer_within_minutes__gte=1), name="page_test_gives_time"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reference} {self.name}"

    @property
    def reference(self) -> str:
        return f"{PREFIX}-{self.number}"

    @property
    def state(self) -> str:
        """As people say it: “Cancelled”, “Sent”, or “Planned”."""
        if self.cancelled_at:
            return "Cancelled"
        return "Sent" if self.sent_at else "Planned"

    @property
    def answer_by(self) -> datetime | None:
        """Until when an answer is in time; None before it is sent."""
        within = timedelta(minutes=self.answer_within_minutes)
        return self.sent_at + within if self.sent_at else None


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
