"""Who sees what belongs to an incident: exactly those who see the incident."""

from typing import Self

from django.apps import apps
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models


class IncidentRowQuerySet[Row: models.Model](models.QuerySet[Row]):
    """Base of querysets whose rows have an `incident`. A row without one is open to everyone."""

    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> Self:
        # By name: the incident's own module imports the models that use this.
        incidents = apps.get_model("incidents", "Incident").objects.visible_to(user)
        shown = models.Q(incident__in=incidents)
        if self.model._meta.get_field("incident").null:
            shown |= models.Q(incident__isnull=True)
        return self.filter(shown)
