"""Pages as part of what being on call costs: counted for pay and load, and nothing else told."""

from collections.abc import Collection, Iterable
from datetime import datetime

from incidents.models import Page
from roster.burden import PageCall
from roster.models import Urgency


def pages_received(people: Collection[int], start: datetime, end: datetime) -> Iterable[PageCall]:
    """The urgent pages of these people in `[start, end)`; one query.

    Those of private incidents count like others: a count names no incident. What is not urgent
    interrupts nobody.
    """
    rows = Page.objects.filter(
        person__in=people, urgency=Urgency.HIGH, created_at__gte=start, created_at__lt=end
    )
    return [PageCall(person, at) for person, at in rows.values_list("person_id", "created_at")]
