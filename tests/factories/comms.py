"""Plain rows of comms. Names and slugs are made up from a running number where none is given."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import count
from typing import Any

from comms.models import (
    Audience,
    AudienceKind,
    Message,
    Priority,
    Promise,
    Purpose,
    Template,
    Update,
)
from comms.outbox import GIVE_UP_AFTER
from incidents.models import Incident, Page
from roster.models import Channel, Person

_numbers = count(1)

# Keyword arguments go straight to the model, whatever its fields are: hence Any.


def make_template(**fields: Any) -> Template:
    fields.setdefault("slug", f"template-{next(_numbers)}")
    fields.setdefault("name", fields["slug"].replace("-", " ").title())
    fields.setdefault("purpose", Purpose.UPDATE)
    fields.setdefault("subject", "{{ incident.reference }} update")
    fields.setdefault("body", "{{ incident.title }}")
    return Template.objects.create(**fields)


def make_audience(*people: Person, **fields: Any) -> Audience:
    fields.setdefault("slug", f"audience-{next(_numbers)}")
    fields.setdefault("name", fields["slug"].replace("-", " ").title())
    fields.setdefault("kind", AudienceKind.INTERNAL)
    audience = Audience.objects.create(**fields)
    audience.people.set(people)
    return audience


def make_update(incident: Incident, *, audiences: Sequence[Audience] = (), **fields: Any) -> Update:
    """A draft, unless `state` and what goes with it are given."""
    fields.setdefault("kind", AudienceKind.INTERNAL)
    fields.setdefault("subject", "Checkout is slow")
    fields.setdefault("body", "We are looking into it.")
    fields.setdefault("author_name", "Ruth Adeyemi")
    fields.setdefault("created_at", incident.detected_at)
    update = Update.objects.create(incident=incident, **fields)
    update.audiences.set(audiences)
    return update


def make_promise(incident: Incident, **fields: Any) -> Promise:
    """An open internal promise; due for its first reminder at the time it was promised for."""
    fields.setdefault("kind", AudienceKind.INTERNAL)
    fields.setdefault("made_at", incident.detected_at)
    fields.setdefault("promised_for", fields["made_at"] + timedelta(minutes=30))
    fields.setdefault("due_at", fields["promised_for"] - timedelta(minutes=5))
    return Promise.objects.create(incident=incident, **fields)


def make_message(**fields: Any) -> Message:
    """A queued e-mail to an address; give `created_at`, when it is also due."""
    fields.setdefault("key", f"message-{next(_numbers)}")
    fields.setdefault("channel", Channel.EMAIL)
    fields.setdefault("recipient", "someone@example.com")
    fields.setdefault("priority", Priority.UPDATE)
    fields.setdefault("subject", "Checkout is slow")
    fields.setdefault("body", "We are looking into it.")
    fields.setdefault("due_at", fields["created_at"])
    fields.setdefault("give_up_at", fields["created_at"] + GIVE_UP_AFTER)
    return Message.objects.create(**fields)


def make_page_message(page: Page, **fields: Any) -> Message:
    """What one page says to its person's profile e-mail; give `created_at`, when it is also due."""
    fields.setdefault("key", f"page-{page.pk}-profile")
    fields.setdefault("priority", Priority.FIRST_PAGE)
    fields.setdefault("recipient", page.person.email)
    fields.setdefault("subject", str(page.incident))
    return make_message(person=page.person, incident=page.incident, page=page, **fields)
