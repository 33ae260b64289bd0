"""Plain rows around swaps. Keyword arguments go straight to the model or proposal: hence Any."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from roster.actors import Actor
from roster.models import Person, Schedule, Swap, TimeOff
from roster.swaps import Proposal

_numbers = count(1)

# Of schedules that `make_schedule` makes, the handoff after the moment that `now` stands for.
HANDOFF = datetime(2026, 3, 9, 9, tzinfo=UTC)
WEEK = timedelta(weeks=1)


def make_time_off(person: Person, starts_at: datetime, ends_at: datetime, **fields: Any) -> TimeOff:
    return TimeOff.objects.create(person=person, starts_at=starts_at, ends_at=ends_at, **fields)


def make_swap(schedule: Schedule, giver: Person, **fields: Any) -> Swap:
    """The row alone: an offer of the week from `HANDOFF`, confirmed by the giver."""
    fields.setdefault("number", next(_numbers) + 1_000_000)
    fields.setdefault("starts_at", HANDOFF)
    fields.setdefault("ends_at", HANDOFF + WEEK)
    fields.setdefault("created_at", HANDOFF - WEEK)
    fields.setdefault("giver_confirmed_at", fields["created_at"])
    return Swap.objects.create(schedule=schedule, giver=giver, **fields)


def proposal(schedule: Schedule, giver: Person, **fields: Any) -> Proposal:
    """To give away the week from `HANDOFF`, unless `fields` say otherwise."""
    fields.setdefault("starts_at", HANDOFF)
    fields.setdefault("ends_at", HANDOFF + WEEK)
    return Proposal(schedule=schedule, giver=giver, **fields)


def person_acting(person: Person) -> Actor:
    return Actor.of_person(person)
