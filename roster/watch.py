"""Asking for a schedule to be looked at again soon."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Q

from roster.doorbell import ring
from roster.models import Schedule, ScheduleWatch


def watch_of(schedule: Schedule) -> ScheduleWatch:
    """Its row, made now if there is none."""
    return ScheduleWatch.objects.get_or_create(schedule=schedule)[0]


def prove_soon(schedules: Iterable[int], *, at: datetime) -> None:
    """After a change: have the coverage of these schedules (ids) proven at once.

    Whatever edits a rotation, an override, a swap, time off, a qualification or a contact method
    calls this in the same transaction.
    """
    asked = set(schedules)
    ScheduleWatch.objects.bulk_create(
        (ScheduleWatch(schedule_id=pk, due_at=at) for pk in asked), ignore_conflicts=True
    )
    later = Q(due_at__isnull=True) | Q(due_at__gt=at)
    ScheduleWatch.objects.filter(later, schedule_id__in=asked).update(due_at=at)
    ring("roster.prove_coverage")
