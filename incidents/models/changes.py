"""What was changed on purpose: deployments, releases, configuration."""

from datetime import datetime
from typing import Self

from django.db import models

from incidents.models.integrations import AlertEvent, Integration
from incidents.models.services import Service


class ChangeQuerySet(models.QuerySet["Change"]):
    def between(self, start: datetime, end: datetime) -> Self:
        return self.filter(at__gte=start, at__lte=end)


class Change(models.Model):
    """One change that a monitor, GitHub or GitLab told us of; shown beside incidents (R139).

    Written by `incidents.processing` only, once per `key` of its integration; a later message of
    the same key (a deployment that finished) replaces what it says. Pages nobody.
    """

    integration = models.ForeignKey(Integration, on_delete=models.PROTECT, related_name="changes")
    key = models.CharField(max_length=300)
    title = models.CharField(max_length=300)
    kind = models.CharField(max_length=40, default="change")
    state = models.CharField(max_length=40, blank=True)
    environment = models.CharField(max_length=100, blank=True)
    source = models.CharField(max_length=200, blank=True)
    actor_name = models.CharField(max_length=200, blank=True)
    at = models.DateTimeField()
    received_at = models.DateTimeField()
    links = models.JSONField(default=list, blank=True)
    labels = models.JSONField(default=dict, blank=True)
    service = models.ForeignKey(Service, on_delete=models.PROTECT, related_name="changes")
    event = models.ForeignKey(
        AlertEvent, on_delete=models.SET_NULL, null=True, blank=True, related_name="changes"
    )

    objects = ChangeQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["-at"], name="change_by_moment"),
            models.Index(fields=["service", "-at"], name="change_of_service"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["integration", "key"], name="change_once_per_key")
        ]

    def __str__(self) -> str:
        return self.title
