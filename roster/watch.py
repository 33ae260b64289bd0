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
    calls this in the same transaction. A proof that is running lets go of these schedules: it may
    not have seen the change.
    """
    asked = set(schedules)
    ScheduleWatch.objects.bulk_create(
        (ScheduleWatch(schedule_id=pk, due_at=at) for pk in asked), ignore_conflicts=True
    )
    later = Q(due_at__isnull=True) | Q(due_at__gt=at) | Q(lease_token__isnull=False)
    ScheduleWatch.objects.filter(later, schedule_id__in=asked).update(due_at=at, lease_token=None)
    ring("roster.prove_coverage")


def prove_people_soon(people: Iterable[int], *, at: datetime) -> None:
    """The same after a change about people (ids): for every schedule that names them. Four queries.

    Somebody who joins a rotation later counts, and who is listed by a temporary override.
    """
    asked = set(people)
    in_rotation = Q(layers__participants__person__in=asked)
    by_override = Q(overrides__person__in=asked) | Q(overrides__shifts__person__in=asked)
    pks = (
        Schedule.objects.active().filter(condition).values_list("pk", flat=True)
        for condition in (in_rotation, by_override & Q(overrides__ends_at__gt=at))
    )
    prove_soon({pk for found in pks for pk in found}, at=at)


def prove_all_soon(*, at: datetime) -> None:
    """The same for every active schedule: what changed concerns more than some of them."""
    prove_soon(Schedule.objects.active().values_list("pk", flat=True), at=at)
