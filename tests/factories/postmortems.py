"""Plain postmortem rows."""

from datetime import UTC, datetime
from itertools import count
from typing import Any

from incidents.models import Incident
from postmortems.models import ActionItem, Invitation, Postmortem, Section
from roster.models import Person
from tests.factories.incidents import make_incident
from tests.factories.roster import make_person

_numbers = count(1)
OPENED_AT = datetime(2026, 3, 2, 10, tzinfo=UTC)

# Keyword arguments go straight to the model, whatever its fields are: hence Any.


def make_postmortem(incident: Incident | None = None, **fields: Any) -> Postmortem:
    """A draft with an owner and one written section."""
    fields.setdefault("number", next(_numbers))
    fields.setdefault("opened_at", OPENED_AT)
    if "owner" not in fields:
        fields["owner"] = make_person()
    if fields.get("state") in {"approved", "published"}:
        fields.setdefault("approved_at", OPENED_AT)
    if fields.get("state") == "published":
        fields.setdefault("published_at", OPENED_AT)
    postmortem = Postmortem.objects.create(incident=incident or make_incident(), **fields)
    Section.objects.create(postmortem=postmortem, title="In short", body="It broke.", position=1)
    return postmortem


def make_invitation(
    postmortem: Postmortem | None = None, person: Person | None = None, **fields: Any
) -> Invitation:
    fields.setdefault("invited_at", OPENED_AT)
    return Invitation.objects.create(
        postmortem=postmortem or make_postmortem(), person=person or make_person(), **fields
    )


def make_action_item(incident: Incident | None = None, **fields: Any) -> ActionItem:
    fields.setdefault("number", next(_numbers))
    fields.setdefault("title", "Alert on slow queries")
    fields.setdefault("created_at", OPENED_AT)
    if fields.get("state", "open") != "open":
        fields.setdefault("ended_at", OPENED_AT)
    return ActionItem.objects.create(incident=incident or make_incident(), **fields)
