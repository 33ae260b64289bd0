"""Proving what is due: at night in each schedule's zone, and soon after every change.

A proof looks at all active schedules, since what stands against a shift may lie in another
schedule. One runs at a time; what changes while it runs is proven again (`roster.watch`).
"""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime, time, timedelta
from itertools import chain
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Case, DateTimeField, Value, When

from roster.coverage import checks, findings, telling
from roster.coverage.found import Found
from roster.coverage.outlook import AHEAD, Outlook, look_ahead
from roster.leases import backoff, claim
from roster.models import Schedule, ScheduleWatch

logger = logging.getLogger(__name__)

NIGHTLY_AT = time(3)
LEASE_FOR = timedelta(minutes=2)
_EVERYTHING = 100_000

type Check = Callable[[Outlook], Iterable[Found]]

_checks: list[Check] = []


def register_check(check: Check) -> None:
    """Let another app add to the watch. A check asks a constant number of queries."""
    if check not in _checks:
        _checks.append(check)


def prove_due(*, at: datetime) -> int:
    """Prove if anything is due and nobody else does; answer how many schedules were.

    A failed proof is logged and tried again later.
    """
    _watch_everything(at)
    if ScheduleWatch.objects.filter(leased_until__gt=at).exists():
        return 0
    due = ScheduleWatch.objects.select_related("schedule")
    watches = claim(due, at=at, limit=_EVERYTHING, lease_for=LEASE_FOR)
    if not watches:
        return 0
    try:
        with transaction.atomic():
            prove(at=at)
            _finish(watches, at=at)
    except Exception as error:
        logger.exception("Could not prove the coverage of the coming weeks")
        _give_back(watches, due_at=at + backoff(watches[0].attempts), error=type(error).__name__)
    return len(watches)


def prove(*, at: datetime) -> None:
    """Look at the coming weeks, keep what is wrong with them, and tell what is new."""
    with transaction.atomic():
        outlook = look_ahead(at)
        findings.settle(
            chain.from_iterable(check(outlook) for check in (*checks.CHECKS, *_checks)), at=at
        )
        telling.tell_news(at=at)
        ScheduleWatch.objects.filter(schedule__in=outlook.schedules).update(
            proven_at=at, proven_until=at + AHEAD
        )


def next_night(zone: str, at: datetime) -> datetime:
    """The next three o'clock there."""
    day = at.astimezone(ZoneInfo(zone)).date()
    tonight = datetime.combine(day, NIGHTLY_AT, ZoneInfo(zone))
    if tonight.timestamp() > at.timestamp():
        return tonight
    return datetime.combine(day + timedelta(days=1), NIGHTLY_AT, ZoneInfo(zone))


def _watch_everything(at: datetime) -> None:
    """A schedule that nobody ever asked about is due too. One query where there is none."""
    new = list(Schedule.objects.active().filter(watch__isnull=True).values_list("pk", flat=True))
    if new:
        ScheduleWatch.objects.bulk_create(
            (ScheduleWatch(schedule_id=pk, due_at=at) for pk in new), ignore_conflicts=True
        )


def _finish(watches: list[ScheduleWatch], *, at: datetime) -> None:
    """Due again next night; but what changed during the proof has lost its token, and stays due."""
    pks: dict[str, list[int]] = {}
    for watch in watches:
        if watch.schedule.is_active:
            pks.setdefault(watch.schedule.time_zone, []).append(watch.pk)
    nights = [
        When(pk__in=of_zone, then=Value(next_night(zone, at))) for zone, of_zone in pks.items()
    ]
    ours = ScheduleWatch.objects.filter(pk__in=[watch.pk for watch in watches])
    ours.filter(lease_token=watches[0].lease_token).update(
        due_at=Case(*nights, default=Value(None), output_field=DateTimeField()),
        lease_token=None,
        attempts=0,
        last_error="",
    )
    ours.filter(lease_token__isnull=True).update(leased_until=None)


def _give_back(watches: list[ScheduleWatch], *, due_at: datetime, error: str) -> None:
    ours = ScheduleWatch.objects.filter(
        pk__in=[watch.pk for watch in watches], lease_token=watches[0].lease_token
    )
    ours.update(lease_token=None, leased_until=None, due_at=due_at, last_error=error)
