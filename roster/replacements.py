"""Who could stand in: the people of the rotation who are free, the least burdened first."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from roster.burden import burden_of
from roster.conflicts import Span, conflicts_of
from roster.models import Person, Schedule
from roster.oncall import people_of
from roster.qualification import check_turns

# Whoever carried less of late is asked first.
LATELY = timedelta(days=90)


def replacements(
    schedule: Schedule, start: datetime, end: datetime, *, at: datetime | None = None
) -> list[Person]:
    """People of the rotation who could take `[start, end)`: qualified, and nothing against it.

    Those who were on call the least in the ninety days before `at` (None: before `start`) come
    first, then by name. A constant number of queries.
    """
    return replacements_for(schedule, [(start, end)], at=at)


def replacements_for(
    schedule: Schedule, spans: Sequence[Span], *, at: datetime | None = None
) -> list[Person]:
    """The same for a shift with pauses."""
    start = min(span[0] for span in spans)
    people = people_of([schedule], start)[schedule.pk]
    against = conflicts_of(people, schedule, spans)
    free = [person for person in people if not against[person.pk]]
    untrained = set(check_turns(schedule, free, start))
    fit = [person for person in free if person not in untrained]
    until = min(at or start, start)
    burdens = burden_of(fit, until - LATELY, until)
    return sorted(fit, key=lambda each: (burdens[each.pk].hours, each.name, each.pk))
