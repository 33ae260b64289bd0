"""When a person wants to be left alone by what can wait: quiet hours, read off their clock.

Pure: zone and times in, moments out; no query. They begin when the clock first reads `quiet_from`
and end when it last reads `quiet_until`, as a window of a rotation does (ROSTER-RULES, Rule 5):
where the clock goes back in between, the night is an hour longer; a reading in a hole counts at its
end.
"""

from datetime import UTC, datetime, time

from roster.models import Person, Urgency
from roster.rotation import walltime

DAYS_AROUND = (-1, 0, 1)  # of the local day: a night may have begun on the day before


def span(
    zone: str, quiet_from: time | None, quiet_until: time | None, at: datetime
) -> tuple[datetime, datetime] | None:
    """The quiet hours that `at` falls into, in UTC; None outside them, or where none are set.

    An end that is not after the beginning is on the next day. Both the same: no quiet hours.
    """
    if quiet_from is None or quiet_until is None or quiet_from == quiet_until:
        return None
    clock, moment = walltime.zone(zone), walltime.instant(at)
    midnight = clock.reading(moment) // walltime.DAY * walltime.DAY
    for day in DAYS_AROUND:
        opens, closes = _seconds(quiet_from), _seconds(quiet_until)
        closes += walltime.DAY if closes <= opens else 0
        begins = clock.first(midnight + day * walltime.DAY + opens)
        ends_at = clock.last(midnight + day * walltime.DAY + closes)
        if begins <= moment < ends_at:
            return datetime.fromtimestamp(begins, UTC), datetime.fromtimestamp(ends_at, UTC)
    return None


def ends(
    zone: str, quiet_from: time | None, quiet_until: time | None, at: datetime
) -> datetime | None:
    """When the quiet hours that `at` falls into end; None outside them."""
    found = span(zone, quiet_from, quiet_until, at)
    return found[1] if found else None


def first_notified_at(person: Person, urgency: str, at: datetime) -> datetime:
    """When a page made at `at` first reaches for this person: not in their quiet hours if it can
    wait. Reads the person's own columns only.

    A step's wait counts from there, or it would run out over people who were asleep and never told.
    """
    if urgency == Urgency.HIGH:
        return at
    return ends(person.time_zone, person.quiet_from, person.quiet_until, at) or at


def _seconds(reading: time) -> int:
    return reading.hour * walltime.HOUR + reading.minute * walltime.MINUTE + reading.second
