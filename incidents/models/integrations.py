"""Where alerts come from: a monitor's address with us, and what arrived there."""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

import msgspec
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import Q

from incidents.intake import ADAPTERS, Adapter, Envelope, Importance, kinds
from incidents.models.services import Service
from incidents.models.severities import Severity
from roster.actors import Actor
from roster.errors import DomainError
from roster.leases import Leased
from roster.sealing import seal, unseal

if TYPE_CHECKING:
    from django_stubs_ext.db.models.manager import RelatedManager

# 32 characters, as PagerDuty's clients expect of a routing key; in hexadecimal, since it is also
# the part of a mail address before the @, whose case mail servers change.
KEY_BYTES = 16
PREFIX_LENGTH = 6
ALERTMANAGER = "alertmanager"
# How long the old key still works after a new one was made, unless it is ended sooner.
KEY_OVERLAP = timedelta(days=7)


def digest_of(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


class IntegrationQuerySet(models.QuerySet["Integration"]):
    def active(self) -> Self:
        return self.filter(revoked_at__isnull=True)

    def with_key(self, key: str, *, at: datetime) -> Self:
        """The integration that this key lets in at `at`, a revoked one too."""
        valid = IntegrationKey.objects.valid_at(at).filter(digest=digest_of(key))
        return self.filter(keys__in=valid)


class Integration(models.Model):
    """One monitor's way in: whoever posts to `/ingest/<key>/` with a key of its is this monitor.

    Made by `issue`, which alone knows the key; we keep its digest and its first letters. Alerts
    that no rule sends elsewhere belong to `service`, at `severity` if one is set. A key is changed
    with `rotate_key`, an integration out of use revoked; none is deleted, since alerts refer to it.
    `options` are the settings of its adapter, `severity_words` what its own words for severities
    mean here.
    """

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=200, unique=True)
    kind = models.CharField(max_length=30, choices=kinds, default=ALERTMANAGER)
    service = models.ForeignKey(
        Service,
        on_delete=models.PROTECT,
        related_name="integrations",
        help_text="Whose alerts these are, unless a routing rule says otherwise.",
    )
    severity = models.ForeignKey(
        Severity,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="integrations",
        help_text="For alerts that name none, or one nobody knows.",
    )
    severity_words = models.JSONField(
        default=dict,
        blank=True,
        help_text="What this monitor's words mean: its word, and the slug of a severity.",
    )
    options = models.JSONField(default=dict, blank=True)
    sealed_secret = models.TextField(blank=True, editable=False)
    resolve_after_minutes = models.PositiveIntegerField(
        "minutes until resolved by itself",
        null=True,
        blank=True,
        help_text="Alerts not repeated for so long count as resolved. Empty: only the monitor ends"
        " them.",
    )
    flaps_after = models.PositiveSmallIntegerField(
        "firings that make it flap",
        default=5,
        help_text="An alert that fired so often within half an hour is flapping: it is kept open"
        " until it has been quiet. 0: never.",
    )
    silent_after_minutes = models.PositiveIntegerField(
        "minutes of unusual silence",
        null=True,
        blank=True,
        help_text="Say so when nothing came for so long. Empty: judged by how often it usually"
        " sends.",
    )
    created_by_name = models.CharField(max_length=200, editable=False)
    created_at = models.DateTimeField(editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_event_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = IntegrationQuerySet.as_manager()

    if TYPE_CHECKING:
        keys: RelatedManager["IntegrationKey"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        try:
            self.adapter.settings(self.options)
        except msgspec.ValidationError as error:
            raise ValidationError({"options": f"{error}."}) from error

    @property
    def adapter(self) -> Adapter:
        return ADAPTERS[self.kind]

    @property
    def secret(self) -> str:
        """What the sender signs with; empty if nothing is signed."""
        return unseal(self.sealed_secret)

    def key_prefix(self) -> str:
        """How the newest key begins. Reads the keys, so prefetch them."""
        newest = max(self.keys.all(), key=lambda key: (key.created_at, key.pk), default=None)
        return newest.prefix if newest else ""

    @classmethod
    def issue(
        cls,
        *,
        slug: str,
        name: str,
        service: Service,
        by: Actor,
        at: datetime,
        **given: Any,  # Any: the other columns differ in type
    ) -> tuple["Integration", str]:
        """Create one, and return it with its key, which cannot be read again."""
        with transaction.atomic():
            integration = cls.objects.create(
                slug=slug,
                name=name,
                service=service,
                created_by_name=by.name,
                created_at=at,
                **given,
            )
            return integration, IntegrationKey.issue(integration, by=by, at=at)

    def rotate_key(self, *, by: Actor, at: datetime, overlap: timedelta = KEY_OVERLAP) -> str:
        """Make another key and return it, so that both work while the monitor is changed over.

        The present one ends after `overlap`, older ones at once. Raises DomainError if the
        integration is revoked.
        """
        if self.revoked_at:
            raise DomainError("already_revoked", f"{self.name} is revoked. Make a new integration.")
        with transaction.atomic():
            mine = IntegrationKey.objects.filter(integration=self)
            valid = list(mine.valid_at(at).order_by("-created_at", "-pk"))
            for position, key in enumerate(valid):
                key.end(at=at if position else at + overlap)
            return IntegrationKey.issue(self, by=by, at=at)

    def revoke(self, *, at: datetime) -> None:
        """Accept nothing more. Raises DomainError if that is so already."""
        if not type(self).objects.active().filter(pk=self.pk).update(revoked_at=at):
            raise DomainError("already_revoked", f"{self.name} is revoked already.")
        self.revoked_at = at

    def change_secret(self, secret: str) -> None:
        """Sign with another secret from now on; with an empty one, signatures are not asked for."""
        self.sealed_secret = seal(secret)
        self.save(update_fields=["sealed_secret"])


class IntegrationKeyQuerySet(models.QuerySet["IntegrationKey"]):
    def valid_at(self, at: datetime) -> Self:
        return self.filter(Q(ends_at__isnull=True) | Q(ends_at__gt=at))


class IntegrationKey(models.Model):
    """One key of an integration, of which two work while it is being changed.

    Only its digest is kept, and its first letters to recognise it by. A key that ended is refused.
    """

    integration = models.ForeignKey(Integration, on_delete=models.CASCADE, related_name="keys")
    prefix = models.CharField(max_length=PREFIX_LENGTH)
    digest = models.CharField(max_length=64, unique=True)
    created_by_name = models.CharField(max_length=200)
    created_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    objects = IntegrationKeyQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.prefix}…"

    @classmethod
    def issue(cls, integration: Integration, *, by: Actor, at: datetime) -> str:
        """Make one more key and return it; it cannot be read again."""
        key = secrets.token_hex(KEY_BYTES)
        cls.objects.create(
            integration=integration,
            prefix=key[:PREFIX_LENGTH],
            digest=digest_of(key),
            created_by_name=by.name,
            created_at=at,
        )
        return key

    def end(self, *, at: datetime) -> None:
        """Stop it from working at `at`; one that ends sooner keeps its moment."""
        if self.ends_at is None or self.ends_at > at:
            self.ends_at = at
            self.save(update_fields=["ends_at"])


class AlertEventQuerySet(models.QuerySet["AlertEvent"]):
    def waiting(self) -> Self:
        return self.filter(state=AlertEvent.State.RECEIVED)

    def most_important_first(self) -> Self:
        """How a backlog is worked off: what may page somebody, before repeats and resolves."""
        return self.order_by("importance", "received_at", "pk")

    def set_aside(self) -> Self:
        return self.filter(state=AlertEvent.State.SET_ASIDE)


class AlertEvent(Leased):
    """One message from a monitor, byte for byte as it arrived.

    Intake inserts it before it answers. `incidents.processing` turns it into alerts, or sets it
    aside with the reason; a person may then have it retried. It is due while it waits, never after.
    `call` and `headers` are what its adapter needs besides the body; `receipt` is set where the
    sender was given a number to ask by, or the event waited in the spool. `outcome` says in words
    what became of it. Pruned after the time that settings keep events for.
    """

    class Origin(models.TextChoices):
        MONITOR = "monitor", "Monitor"
        MUSTER = "muster", "Muster itself"
        PERSON = "person", "A person's report"
        TEST = "test", "Test button"

    class State(models.TextChoices):
        RECEIVED = "received", "Received"
        PROCESSED = "processed", "Processed"
        SET_ASIDE = "set_aside", "Set aside"

    integration = models.ForeignKey(
        Integration,
        on_delete=models.PROTECT,
        related_name="events",
        db_index=False,  # the indexes below begin with it
    )
    received_at = models.DateTimeField()
    origin = models.CharField(max_length=10, choices=Origin, default=Origin.MONITOR)
    call = models.CharField(max_length=1000, blank=True)
    importance = models.PositiveSmallIntegerField(default=Importance.FIRING)
    receipt = models.UUIDField(null=True, blank=True)
    content_type = models.CharField(max_length=200, blank=True)
    headers = models.JSONField(default=dict, blank=True)
    body = models.BinaryField()
    state = models.CharField(max_length=20, choices=State, default=State.RECEIVED)
    set_aside_reason = models.TextField(blank=True)
    outcome = models.CharField(max_length=300, blank=True)
    processed_at = models.DateTimeField(null=True, blank=True)

    objects = AlertEventQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["importance", "received_at"],
                condition=Q(state="received"),
                name="alert_event_waiting",
            ),
            models.Index(
                fields=["-received_at"], condition=Q(state="set_aside"), name="alert_event_aside"
            ),
            models.Index(
                fields=["integration"], condition=Q(state="received"), name="alert_event_waits_of"
            ),
            models.Index(
                fields=["integration"], condition=Q(state="set_aside"), name="alert_event_aside_of"
            ),
            models.Index(fields=["integration", "-received_at"], name="alert_event_of_integr"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["receipt"],
                condition=Q(receipt__isnull=False),
                name="alert_event_once_per_receipt",
            ),
            models.CheckConstraint(
                condition=Q(state="received", due_at__isnull=False)
                | (~Q(state="received") & Q(due_at__isnull=True)),
                name="alert_event_due_while_received",
            ),
            models.CheckConstraint(
                condition=Q(state="set_aside") & ~Q(set_aside_reason="")
                | ~Q(state="set_aside") & Q(set_aside_reason=""),
                name="alert_event_reason_if_set_aside",
            ),
            models.CheckConstraint(
                condition=Q(state="processed", processed_at__isnull=False)
                | ~Q(state="processed") & Q(processed_at__isnull=True),
                name="alert_event_processed_at_if_processed",
            ),
        ]

    def __str__(self) -> str:
        return f"Event {self.pk} from {self.integration_id}"

    def envelope(self) -> Envelope:
        """What its adapter reads. Reads the integration, so select it."""
        return Envelope(
            body=bytes(self.body),
            content_type=self.content_type,
            headers=self.headers,
            call=self.call,
            options=self.integration.options,
            received_at=self.received_at,
        )

    def retry(self, *, at: datetime) -> None:
        """Have an event that was set aside processed again. Raises DomainError if it was not."""
        aside = AlertEvent.objects.set_aside().filter(pk=self.pk)
        waiting = {"state": self.State.RECEIVED, "set_aside_reason": "", "due_at": at}
        if not aside.update(**waiting, attempts=0, lease_token=None, leased_until=None):
            raise DomainError(
                "not_set_aside", "This event is no longer set aside. Reload the page."
            )
        self.refresh_from_db()


class IntakeRefusal(models.Model):
    """How often one integration's messages were refused at the door for one reason in one hour.

    Written by intake, as well as it can: a refusal must not wait for it. Shown on the integration's
    page, so that whoever connects a monitor sees why nothing arrives.
    """

    integration = models.ForeignKey(Integration, on_delete=models.CASCADE, related_name="refusals")
    hour = models.DateTimeField(help_text="When the hour began, UTC.")
    status = models.PositiveSmallIntegerField()
    code = models.CharField(max_length=60)
    message = models.CharField(max_length=500)
    count = models.PositiveIntegerField(default=0)
    last_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["integration", "hour", "code"], name="intake_refusal_once_per_hour"
            )
        ]

    def __str__(self) -> str:
        return f"{self.count} × {self.code}"


class IntakeHour(models.Model):
    """How much one integration sent in one hour, kept when the events themselves are pruned.

    Counted by `incidents.intake_rates` as events are processed; what silence is unusual is judged
    by it. `accepted` counts every event of the hour, `set_aside` those that could not be read.
    """

    integration = models.ForeignKey(Integration, on_delete=models.CASCADE, related_name="hours")
    hour = models.DateTimeField(help_text="When the hour began, UTC.")
    accepted = models.PositiveIntegerField(default=0)
    set_aside = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["integration", "hour"], name="intake_hour_once_per_integration"
            )
        ]

    def __str__(self) -> str:
        return f"{self.accepted} events at {self.hour:%Y-%m-%d %H}:00 UTC"
