"""How the timeline speaks of alerts: at once while they are few, then once a minute.

One entry an incident and kind, however many alerts a batch has. Once an incident has said a few,
what comes within a minute is only counted (`alerts_untold`) and told in one sentence by
`tell_due`; that the last alert resolved is said at once. The rows of alerts are exact always.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Count

from incidents.batch.places import SYSTEM, Place, Sum, sums_of
from incidents.models import Alert, Incident, TimelineEntry
from incidents.vocabulary import Kind

# So many entries about alerts before an incident's timeline becomes sparing with them.
A_FEW = 3
TOLD_EVERY = timedelta(minutes=1)
TITLES_NAMED = 5
SPEAKS_OF_ALERTS = (Kind.ALERT_ATTACHED, Kind.ALERT_RESOLVED, Kind.ALERTS_SUMMED)
FLAPS_WITHIN = timedelta(minutes=30)
QUIET_FOR = timedelta(minutes=10)


def tell(places: Collection[Place], *, times_to_flap: int, at: datetime) -> None:
    """Write what these incidents' timelines have to say, or count what is said later."""
    spoken = _spoken_of([place for place in places if place.attached or place.resolved])
    entries: list[TimelineEntry] = []
    told: list[tuple[Any, int, int, int]] = []  # Any: a moment as the driver takes it
    for place in places:
        said = _Said(place, at)
        if said.may_be_told():
            entries += said.entries()
            if said.number and spoken.get(place.incident.pk, 0) + said.kinds() >= A_FEW:
                moment = connection.ops.adapt_datetimefield_value(at)
                told.append((moment, 0, 0, place.incident.pk))
        elif said.number:
            was = connection.ops.adapt_datetimefield_value(place.incident.alerts_told_at)
            told.append((was, 1, said.number, place.incident.pk))
        entries += _flapping(place, times_to_flap, at)
    TimelineEntry.write(entries)
    _note_what_is_told(told)


def _spoken_of(places: Collection[Place]) -> dict[int, int]:
    """How often incidents that are not sparing yet have spoken of alerts. One query at most."""
    pks = [
        place.incident.pk
        for place in places
        if not place.is_new and place.incident.alerts_told_at is None
    ]
    if not pks:
        return {}
    entries = TimelineEntry.objects.of_kinds(*SPEAKS_OF_ALERTS).filter(incident__in=pks)
    return dict(entries.order_by().values_list("incident_id").annotate(Count("pk")))


class _Said:
    """What one batch has to say on one incident."""

    def __init__(self, place: Place, at: datetime) -> None:
        self.place = place
        self.at = at
        self.number = len(place.attached) + len(place.resolved)

    def kinds(self) -> int:
        return bool(self.place.attached) + bool(self.place.resolved)

    def may_be_told(self) -> bool:
        incident = self.place.incident
        is_last = bool(self.place.resolved) and not self.place.now.firing
        if is_last or incident.alerts_told_at is None:
            return True
        is_time = self.at - incident.alerts_told_at >= TOLD_EVERY
        return is_time and not incident.alerts_untold  # else `tell_due` says all of it at once

    def entries(self) -> list[TimelineEntry]:
        place = self.place
        found: list[TimelineEntry] = []
        if place.resolved and place.incident.alerts_untold:
            found.append(_summed(place.incident, place.now, self.at))
        if place.attached:
            found.append(self._entry(Kind.ALERT_ATTACHED, _named(place.attached)))
        if place.resolved:
            left = {"still_firing": place.now.firing}
            found.append(self._entry(Kind.ALERT_RESOLVED, _named(place.resolved) | left))
        if place.missing:
            found.append(self._entry(Kind.ALERTS_TRUNCATED, {"count": place.missing}))
        return found

    def _entry(self, kind: Kind, data: dict[str, Any]) -> TimelineEntry:
        return TimelineEntry.draft(self.place.incident, kind, by=SYSTEM, at=self.at, data=data)


def _flapping(place: Place, times: int, at: datetime) -> list[TimelineEntry]:
    minutes = {
        "minutes": FLAPS_WITHIN // timedelta(minutes=1),
        "quiet_minutes": QUIET_FOR // timedelta(minutes=1),
    }
    return [
        TimelineEntry.draft(
            place.incident,
            Kind.ALERT_FLAPPING,
            by=SYSTEM,
            at=at,
            data={"title": row.title, "alert": row.pk, "times": times} | minutes,
        )
        for row in place.flapping
    ]


def _named(alerts: list[Alert]) -> dict[str, Any]:
    first, more = alerts[0].title, len(alerts) - 1
    return {
        "title": f"{first} and {more} more" if more else first,
        "count": len(alerts),
        "alerts": [alert.pk for alert in alerts[:TITLES_NAMED]],
        "titles": [alert.title for alert in alerts[:TITLES_NAMED]],
    }


def _summed(incident: Incident, sum_: Sum, at: datetime) -> TimelineEntry:
    data = {"count": incident.alerts_untold, "firing": sum_.firing, "total": sum_.total}
    return TimelineEntry.draft(incident, Kind.ALERTS_SUMMED, by=SYSTEM, at=at, data=data)


def _note_what_is_told(told: list[tuple[Any, int, int, int]]) -> None:
    """Store when timelines spoke last, and what they have not said; 0 forgets what was untold."""
    if not told:
        return
    with connection.cursor() as cursor:
        cursor.executemany(
            "UPDATE incidents_incident SET alerts_told_at = %s,"
            " alerts_untold = alerts_untold * %s + %s WHERE id = %s",
            told,
        )


def tell_due(*, at: datetime, limit: int = 50) -> int:
    """Sum up, on timelines that have been sparing for a minute; answer how many spoke."""
    due = Incident.objects.filter(alerts_untold__gt=0, alerts_told_at__lte=at - TOLD_EVERY)
    if not due.exists():
        return 0
    with transaction.atomic():
        incidents = list(
            due.select_for_update(of=("self",), no_key=True).order_by("alerts_told_at")[:limit]
        )
        sums = sums_of([incident.pk for incident in incidents])
        TimelineEntry.write(
            [_summed(incident, sums.get(incident.pk, Sum()), at) for incident in incidents]
        )
        moment = connection.ops.adapt_datetimefield_value(at)
        _note_what_is_told([(moment, 0, 0, incident.pk) for incident in incidents])
    return len(incidents)
