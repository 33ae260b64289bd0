"""Plain rows about training: what people hold, and whom they stand beside."""

from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

from roster.models import (
    PageTest,
    PageTestCall,
    Person,
    Qualification,
    QualificationGrant,
    Schedule,
    Shadowing,
)

_numbers = count(1)

# Keyword arguments go straight to the model, whatever its fields are: hence Any.


def make_qualification(**fields: Any) -> Qualification:
    fields.setdefault("slug", f"qualification-{next(_numbers)}")
    fields.setdefault("name", fields["slug"].replace("-", " ").title())
    return Qualification.objects.create(**fields)


def make_grant(person: Person, qualification: Qualification, **fields: Any) -> QualificationGrant:
    """Granted on 1 January 2026, and for ever unless said otherwise."""
    fields.setdefault("granted_on", date(2026, 1, 1))
    return QualificationGrant.objects.create(person=person, qualification=qualification, **fields)


def make_shadowing(schedule: Schedule, person: Person, **fields: Any) -> Shadowing:
    """One day from Monday 2 March 2026, 09:00 UTC."""
    fields.setdefault("starts_at", datetime(2026, 3, 2, 9, tzinfo=UTC))
    fields.setdefault("ends_at", fields["starts_at"] + timedelta(days=1))
    return Shadowing.objects.create(schedule=schedule, person=person, **fields)


def make_practised(person: Person) -> PageTestCall:
    """They answered a test page at once, on 1 January 2026."""
    sent_at = datetime(2026, 1, 1, tzinfo=UTC)
    test = PageTest.objects.create(number=next(_numbers), name="Practice", starts_at=sent_at)
    return PageTestCall.objects.create(
        test=test, person=person, sent_at=sent_at, acknowledged_at=sent_at
    )
