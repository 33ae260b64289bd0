from typing import Any, Self

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import models
from simple_history.models import HistoricalRecords


class Channel(models.TextChoices):
    EMAIL = "email", "E-mail"
    APPRISE = "apprise", "SMS, push or chat (Apprise address)"


class Urgency(models.TextChoices):
    HIGH = "high", "High: wakes people"
    LOW = "low", "Low: can wait for the morning"


class ContactMethodQuerySet(models.QuerySet["ContactMethod"]):
    def verified(self) -> Self:
        return self.filter(verified_at__isnull=False)


class ContactMethod(models.Model):
    """One address at which one person can be reached.

    Entered by the person or a roster editor. Used once `verified_at` says that the person read
    a message there (`roster.verification`); with another address that is to be proven anew.
    Others see it only with the permission to view contact methods.
    """

    person = models.ForeignKey(
        "roster.Person", on_delete=models.PROTECT, related_name="contact_methods"
    )
    channel = models.CharField(max_length=20, choices=Channel, default=Channel.EMAIL)
    address = models.CharField(max_length=500)
    label = models.CharField(max_length=100, blank=True, help_text="For example “private phone”.")
    verified_at = models.DateTimeField(null=True, blank=True)

    objects = ContactMethodQuerySet.as_manager()
    history = HistoricalRecords()

    class Meta:
        permissions = [("verify_contactmethod", "Can vouch for a contact method without a code")]
        constraints = [
            models.UniqueConstraint(
                fields=["person", "channel", "address"],
                name="contact_method_once_per_person",
                violation_error_message="This person already has this address.",
            )
        ]

    def __str__(self) -> str:
        return self.label or f"{self.get_channel_display()}: {self.address}"

    def save(self, *args: Any, **kwargs: Any) -> None:  # as Django calls it
        """Keep the proof with the address it is about. One more query for a row that exists."""
        if self.pk and self.verified_at:
            kept = type(self).objects.filter(pk=self.pk)
            before = kept.values_list("channel", "address").first()
            if before and before != (self.channel, self.address):
                self.verified_at = None
                if fields := kwargs.get("update_fields"):
                    kwargs["update_fields"] = {*fields, "verified_at"}
        super().save(*args, **kwargs)

    def clean(self) -> None:
        if self.channel == Channel.EMAIL:
            try:
                validate_email(self.address)
            except ValidationError as error:
                raise ValidationError({"address": error.messages}) from None
        elif "://" not in self.address:
            raise ValidationError(
                {"address": "Write an Apprise address, such as tgram://token/chat or sms://…."}
            )


class NotificationRule(models.Model):
    """How long after a page one of the person's contact methods is tried.

    The rules of one urgency together are a person's sequence: "e-mail at once, SMS after two
    minutes". Someone with no rule for an urgency is paged on every reachable method at once.
    """

    person = models.ForeignKey(
        "roster.Person", on_delete=models.PROTECT, related_name="notification_rules"
    )
    urgency = models.CharField(max_length=10, choices=Urgency, default=Urgency.HIGH)
    delay_minutes = models.PositiveSmallIntegerField("minutes after the page", default=0)
    contact_method = models.ForeignKey(
        ContactMethod, on_delete=models.CASCADE, related_name="notification_rules"
    )

    history = HistoricalRecords()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["person", "urgency", "delay_minutes", "contact_method"],
                name="notification_rule_once",
                violation_error_message="This rule is already there.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_urgency_display()}, after {self.delay_minutes} min"

    def clean(self) -> None:
        """The method must be the person's own; asks nothing of rows a form has not filled yet."""
        if self.contact_method_id and self.contact_method.person_id != self.person_id:
            raise ValidationError(
                {"contact_method": "Choose one of this person's own contact methods."}
            )
