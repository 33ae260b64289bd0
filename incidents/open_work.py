"""What whoever comes on call inherits: the open incidents their schedule answers for."""

from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Q, QuerySet

from incidents.models import Incident, Service
from roster.models import Person, Schedule

SHOWN = 20


def open_incidents(
    schedule: Schedule, at: datetime, viewer: Person | AbstractBaseUser | AnonymousUser
) -> list[tuple[str, str]]:
    """The most severe first, as (label, address); private ones to those involved only.

    A person on call sees what is not private without any further right: they would be paged for
    it. A login that merely looks needs the right to view incidents.
    """
    incidents = _visible(viewer).filter(services__in=_services(schedule)).distinct()
    rows = incidents.select_related("severity").order_by("severity__rank", "-number")
    return [
        (
            f"{incident.reference} {incident.title} "
            f"({incident.severity}, {incident.get_phase_display()})",
            f"{settings.PUBLIC_URL}{incident.get_absolute_url()}",
        )
        for incident in rows[:SHOWN]
    ]


def _visible(viewer: Person | AbstractBaseUser | AnonymousUser) -> QuerySet[Incident]:
    everything = Incident.objects.open()
    if not isinstance(viewer, Person):
        may_look = viewer.has_perm("incidents.view_incident")  # type: ignore[union-attr]  # a login
        return everything.visible_to(viewer) if may_look else everything.none()
    if viewer.user and viewer.user.is_active:
        return everything.visible_to(viewer.user)
    return everything.filter(is_private=False)


def _services(schedule: Schedule) -> QuerySet[Service]:
    """Those whose rotation of specialists it is, or whose policy pages it."""
    team = Q(policy__isnull=True, owner_team__default_policy__steps__targets__schedule=schedule)
    own = Q(policy__steps__targets__schedule=schedule)
    return Service.objects.filter(own | team | Q(schedules=schedule))
