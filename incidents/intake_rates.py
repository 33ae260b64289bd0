"""How much each integration sends by the hour, and when its silence is unusual."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from django.db.models import F, Sum

from incidents.models import AlertEvent, IntakeHour, IntakeRefusal, Integration

HOUR = timedelta(hours=1)
# What is usual is read from so long a time, and only where enough was sent in it.
USUAL_OVER = timedelta(days=14)
ACTIVE_HOURS_NEEDED = 12
LONGER_THAN_USUAL = 1.5
NEVER_SILENT_WITHIN = timedelta(hours=2)


def hour_of(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def count(
    integration: Integration, received: Iterable[datetime], *, set_aside: int = 0, at: datetime
) -> None:
    """Count events that were processed at `at`, by the hour they came in.

    For the transaction that processes them, which holds the integration's row: no event is counted
    twice, and no two writers meet. Two statements an hour.
    """
    hours = Counter(hour_of(moment) for moment in received)
    if set_aside:
        hours.setdefault(hour_of(at), 0)
    for hour, number in hours.items():
        aside = set_aside if hour == max(hours) else 0
        mine = IntakeHour.objects.filter(integration=integration, hour=hour)
        more = {"accepted": F("accepted") + number, "set_aside": F("set_aside") + aside}
        if not mine.update(**more):
            mine.create(integration=integration, hour=hour, accepted=number, set_aside=aside)


@dataclass(frozen=True)
class Bar:
    """One hour of the chart; `height` is its share of the busiest, in percent."""

    hour: datetime
    accepted: int
    set_aside: int
    refused: int
    height: float
    troubled: float

    @property
    def total(self) -> int:
        return self.accepted + self.refused


@dataclass(frozen=True)
class Day:
    """The last 24 hours of one integration, oldest hour first, and why messages were refused."""

    bars: list[Bar]
    refusals: list[IntakeRefusal]
    waiting: int
    set_aside: int

    @property
    def accepted(self) -> int:
        return sum(bar.accepted for bar in self.bars)

    @property
    def refused(self) -> int:
        return sum(bar.refused for bar in self.bars)


def last_day(integration: Integration, *, at: datetime) -> Day:
    """What came in, was refused, and waits. Four queries."""
    begins = hour_of(at) - 23 * HOUR
    rows = {row.hour: row for row in integration.hours.filter(hour__gte=begins)}
    refusals = list(integration.refusals.filter(hour__gte=begins).order_by("-last_at"))
    refused = Counter[datetime]()
    for refusal in refusals:
        refused[refusal.hour] += refusal.count
    hours = [begins + number * HOUR for number in range(24)]
    accepted = {hour: rows[hour].accepted if hour in rows else 0 for hour in hours}
    busiest = max(accepted[hour] + refused[hour] for hour in hours) or 1
    bars = []
    for hour in hours:
        aside = rows[hour].set_aside if hour in rows else 0
        share = 100 / busiest
        bars.append(
            Bar(
                hour=hour,
                accepted=accepted[hour],
                set_aside=aside,
                refused=refused[hour],
                height=(accepted[hour] + refused[hour]) * share,
                troubled=(min(aside, accepted[hour]) + refused[hour]) * share,
            )
        )
    own = AlertEvent.objects.filter(integration=integration)
    return Day(
        bars=bars,
        refusals=refusals,
        waiting=own.waiting().count(),
        set_aside=own.set_aside().count(),
    )


def silent_since(integrations: Collection[Integration], *, at: datetime) -> Mapping[int, datetime]:
    """Those that have sent nothing for longer than they usually do, and since when. One query.

    Longer is what `silent_after_minutes` says; without it, half as long again as the longest pause
    of the last two weeks, if there was enough in them to know what is usual.
    """
    rows = (
        IntakeHour.objects.filter(
            integration__in=integrations, hour__gte=hour_of(at) - USUAL_OVER, accepted__gt=0
        )
        .order_by("hour")
        .values_list("integration", "hour")
    )
    hours: dict[int, list[datetime]] = {}
    for pk, hour in rows:
        hours.setdefault(pk, []).append(hour)
    found: dict[int, datetime] = {}
    for integration in integrations:
        last = integration.last_event_at
        if last is None or integration.revoked_at:
            continue
        patience = _patience(integration, hours.get(integration.pk, []))
        if patience is not None and at - last > patience:
            found[integration.pk] = last
    return found


def _patience(integration: Integration, hours: Sequence[datetime]) -> timedelta | None:
    if integration.silent_after_minutes is not None:
        return timedelta(minutes=integration.silent_after_minutes)
    if len(hours) < ACTIVE_HOURS_NEEDED:
        return None
    longest = max((later - earlier for earlier, later in pairwise(hours)), default=HOUR)
    return max(longest * LONGER_THAN_USUAL, NEVER_SILENT_WITHIN)


def totals(integrations: Collection[Integration], *, since: datetime) -> Mapping[int, int]:
    """How many events each sent since then. One query."""
    rows = IntakeHour.objects.filter(integration__in=integrations, hour__gte=hour_of(since))
    return dict(rows.order_by().values_list("integration").annotate(Sum("accepted")))
