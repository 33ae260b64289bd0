"""Whether somebody is at work, read off their own clock (PAGING-RULES, Escalation).

Pure: zone, times and days in. A day's hours begin when the clock first reads `work_from` on that
day and end when it last reads `work_until`, as a window of a rotation does (ROSTER-RULES, Rule 5).
An end that is not after the beginning is on the next day: a night belongs to the day it began on.
"""

from collections.abc import Collection
from datetime import datetime, time

from roster.models import EscalationStep, Person
from roster.rotation import walltime

YESTERDAY_AND_TODAY = (-1, 0)  # of the local day: a night may have begun on the day before


def is_working(
    zone: str, work_from: time, work_until: time, work_days: Collection[int], at: datetime
) -> bool:
    """Whether `at` is in the working hours. Both times the same: the whole day, from then on.

    `work_days` are weekdays, 0 for Monday; with none, nobody is ever at work.
    """
    clock, moment = walltime.zone(zone), walltime.instant(at)
    today = clock.reading(moment) // walltime.DAY
    opens, closes = _seconds(work_from), _seconds(work_until)
    closes += walltime.DAY if closes <= opens else 0
    for day in (today + each for each in YESTERDAY_AND_TODAY):
        midnight = day * walltime.DAY
        begins, ends = clock.first(midnight + opens), clock.last(midnight + closes)
        if _weekday(day) in work_days and begins <= moment < ends:
            return True
    return False


def allows(condition: str, person: Person, at: datetime) -> bool:
    """Whether a step with this condition pages this person at `at`. No query."""
    if condition == EscalationStep.Condition.ALWAYS:
        return True
    works = is_working(person.time_zone, person.work_from, person.work_until, person.work_days, at)
    return works == (condition == EscalationStep.Condition.WORKING_HOURS)


def _weekday(day: int) -> int:
    """Of a day counted from 1970-01-01, which was a Thursday."""
    return (day + 3) % 7


def _seconds(reading: time) -> int:
    return reading.hour * walltime.HOUR + reading.minute * walltime.MINUTE + reading.second
