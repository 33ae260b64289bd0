"""Where alerts come from: a monitor's address with us, and what arrived there."""

import hashlib
import secrets
from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Q

from incidents.models.services import Service
from incidents.models.severities import Severity
from roster.actors import Actor
from roster.errors import DomainError
from roster.leases import Leased

KEY_BYTES = 24
PREFIX_LENGTH = 6


def digest_of(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


class IntegrationQuerySet(models.QuerySet["Integration"]):
    def active(self) -> Self:
        return self.filter(revoked_at__isnull=True)

    def with_key(self, key: str) -> Self:
        """The integration of this key, a revoked one too: intake answers it differently."""
        return self.filter(key_digest=digest_of(key))


class Integration(models.Model):
    """One monitor's way in: whoever posts to `/ingest/<key>/` with its key is this monitor.

    Made by `issue`, which alone knows the key; we keep its digest and its first letters. Alerts
    that no rule sends elsewhere belong to `service`, at `severity` if one is set. A key that leaked
    is rotated, an integration out of use revoked; none is deleted, since alerts refer to it.
    """

    class Kind(models.TextChoices):
        ALERTMANAGER = "alertmanager", "Prometheus Alertmanager"

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=200, unique=True)
    kind = models.CharField(max_length=30, choices=Kind, default=Kind.ALERTMANAGER)
    key_prefix = models.CharField(max_length=PREFIX_LENGTH, editable=False)
    key_digest = models.CharField(max_length=64, unique=True, editable=False)
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
    )
    created_by_name = models.CharField(max_length=200, editable=False)
    created_at = models.DateTimeField(editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_event_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = IntegrationQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name

    @classmethod
    def issue(
        cls,
        *,
        slug: str,
        name: str,
        service: Service,
        by: Actor,
        at: datetime,
        kind: str = Kind.ALERTMANAGER,
        severity: Severity | None = None,
    ) -> tuple["Integration", str]:
        """Create one, and return it with its key, which cannot be read again."""
        key = secrets.token_urlsafe(KEY_BYTES)
        integration = cls.objects.create(
            slug=slug,
            name=name,
            kind=kind,
            service=service,
            severity=severity,
            key_prefix=key[:PREFIX_LENGTH],
            key_digest=digest_of(key),
            created_by_name=by.name,
            created_at=at,
        )
        return integration, key

    def rotate_key(self) -> str:
        """Replace the key and return the new one; the old stops working at once."""
        key = secrets.token_urlsafe(KEY_BYTES)
        self.key_prefix, self.key_digest = key[:PREFIX_LENGTH], digest_of(key)
        self.save(update_fields=["key_prefix", "key_digest"])
        return key

    def revoke(self, *, at: datetime) -> None:
        """Accept nothing more. Raises DomainError if that is so already."""
        if not type(self).objects.active().filter(pk=self.pk).update(revoked_at=at):
            raise DomainError("already_revoked", f"{self.name} is revoked already.")
        self.revoked_at = at


class AlertEventQuerySet(models.QuerySet["AlertEvent"]):
    def waiting(self) -> Self:
        return self.filter(state=AlertEvent.State.RECEIVED)

    def set_aside(self) -> Self:
        return self.filter(state=AlertEvent.State.SET_ASIDE)


class AlertEvent(Leased):
    """One message from a monitor, byte for byte as it arrived.

    Intake inserts it before it answers. `incidents.processing` turns it into alerts, or sets it
    aside with the reason; a person may then have it retried. It is due while it waits, never after.
    """

    class State(models.TextChoices):
        RECEIVED = "received", "Received"
        PROCESSED = "processed", "Processed"
        SET_ASIDE = "set_aside", "Set aside"

    integration = models.ForeignKey(Integration, on_delete=models.PROTECT, related_name="events")
    received_at = models.DateTimeField()
    content_type = models.CharField(max_length=200, blank=True)
    headers = models.JSONField(default=dict, blank=True)
    body = models.BinaryField()
    state = models.CharField(max_length=20, choices=State, default=State.RECEIVED)
    set_aside_reason = models.TextField(blank=True)
    processed_at = models.DateTimeField(null=True, blank=True)

    objects = AlertEventQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["state", "received_at"], name="alert_event_by_state")]
        constraints = [
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

    def retry(self, *, at: datetime) -> None:
        """Have an event that was set aside processed again. Raises DomainError if it was not."""
        aside = AlertEvent.objects.set_aside().filter(pk=self.pk)
        waiting = {"state": self.State.RECEIVED, "set_aside_reason": "", "due_at": at}
        if not aside.update(**waiting, attempts=0, lease_token=None, leased_until=None):
            raise DomainError(
                "not_set_aside", "This event is no longer set aside. Reload the page."
            )
        self.refresh_from_db()
