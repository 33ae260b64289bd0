"""Dead man's switches: what must be heard of again and again, or something is wrong."""

from typing import Self

from django.db import models
from django.db.models import Q

from incidents.models.integrations import Integration
from roster.leases import Leased


class HeartbeatQuerySet(models.QuerySet["Heartbeat"]):
    def watched(self) -> Self:
        return self.exclude(state=Heartbeat.State.PAUSED)


class Heartbeat(Leased):
    """A sign of life expected every `every_minutes`; when it fails to come, an alert fires.

    Pings are stored like any event and counted by `incidents.heartbeats`. It waits for its first
    ping without alarm, unless told to be `due_at` from the start. Due at the moment at which its
    silence becomes an alarm: `grace_minutes` after the ping that did not come.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting for its first ping"
        ALIVE = "alive", "Alive"
        MISSING = "missing", "Missing"
        FAILED = "failed", "Reported a failure"
        PAUSED = "paused", "Paused"

    integration = models.ForeignKey(
        Integration, on_delete=models.PROTECT, related_name="heartbeats"
    )
    slug = models.SlugField(max_length=100, help_text="Its name in the address it is pinged at.")
    name = models.CharField(max_length=200)
    every_minutes = models.PositiveIntegerField(default=5)
    grace_minutes = models.PositiveIntegerField(default=1)
    severity_label = models.CharField(
        max_length=60, blank=True, help_text="Of the alert. Empty: as the integration has it."
    )
    state = models.CharField(max_length=10, choices=State, default=State.WAITING, editable=False)
    last_ping_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = HeartbeatQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["integration", "slug"],
                name="heartbeat_once_per_integration",
                violation_error_message="This integration has a heartbeat of this name already.",
            ),
            models.CheckConstraint(
                condition=Q(every_minutes__gte=1),
                name="heartbeat_every_minute_at_most",
                violation_error_message="It is expected every minute at the soonest.",
            ),
            models.CheckConstraint(
                condition=Q(state="alive") | Q(due_at__isnull=True),
                name="heartbeat_due_while_alive",
            ),
        ]

    def __str__(self) -> str:
        return self.name
