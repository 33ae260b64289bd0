"""Plain rows around swaps. Keyword arguments go straight to the model: hence Any."""

from datetime import datetime
from typing import Any

from roster.models import Person, TimeOff


def make_time_off(person: Person, starts_at: datetime, ends_at: datetime, **fields: Any) -> TimeOff:
    return TimeOff.objects.create(person=person, starts_at=starts_at, ends_at=ends_at, **fields)
