"""What the escalation engine does when an incident says that nobody needs to be paged any more."""

from datetime import datetime

from incidents.escalation import settle_paging
from incidents.models import Incident
from roster.actors import Actor


def stop_paging(
    *, incident: Incident, by: Actor, at: datetime, reason: str, **kwargs: object
) -> None:
    """In the same transaction; `kwargs` are what signals send besides."""
    settle_paging(incident, by=by, at=at, reason=reason)
