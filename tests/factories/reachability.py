"""Notices and test pages. Keys are made up from a running number where none is given."""

from itertools import count
from typing import Any

from roster.models import Notice, NoticeKind, Person

_numbers = count(1)

# Keyword arguments go straight to the model, whatever its fields are: hence Any.


def make_notice(person: Person, **fields: Any) -> Notice:
    """A notice due when it was made; of a kind whose words need nothing but a moment."""
    fields.setdefault("key", f"notice-{next(_numbers)}")
    fields.setdefault("kind", NoticeKind.VERIFICATION_CODE)
    fields.setdefault("due_at", fields["created_at"])
    return Notice.objects.create(person=person, **fields)
