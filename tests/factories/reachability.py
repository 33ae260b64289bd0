"""Notices and test pages. Keys are made up from a running number where none is given."""

from collections.abc import Sequence
from itertools import count
from typing import Any

from roster.models import Notice, NoticeKind, PageTest, Person, Schedule, Team

_numbers = count(1)

# Keyword arguments go straight to the model, whatever its fields are: hence Any.


def make_notice(person: Person, **fields: Any) -> Notice:
    """A notice due when it was made; of a kind whose words need nothing but a moment."""
    fields.setdefault("key", f"notice-{next(_numbers)}")
    fields.setdefault("kind", NoticeKind.VERIFICATION_CODE)
    fields.setdefault("due_at", fields["created_at"])
    return Notice.objects.create(person=person, **fields)


def make_page_test(
    *,
    schedules: Sequence[Schedule] = (),
    teams: Sequence[Team] = (),
    people: Sequence[Person] = (),
    **fields: Any,
) -> PageTest:
    """An unannounced test, planned for `starts_at`."""
    fields.setdefault("number", next(_numbers))
    fields.setdefault("name", "Checkout is down")
    test = PageTest.objects.create(**fields)
    test.schedules.set(schedules)
    test.teams.set(teams)
    test.people.set(people)
    return test
