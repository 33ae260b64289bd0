"""Assembling the team of one incident across the organisation chart (R079, R097)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from incidents.handlers import affected_components, handlers_of
from incidents.models import Incident, Responder, ResponderError
from incidents.responders import request_responder
from roster.actors import Actor
from roster.models import Person


@dataclass(frozen=True)
class Proposal:
    """Somebody on call for something affected. `area` is what they would look after.

    `is_dependency`: nothing says that this component is affected, only that another needs it.
    """

    person: Person
    area: str
    why: str
    until: datetime | None
    is_dependency: bool


def proposals(incident: Incident, *, at: datetime) -> list[Proposal]:
    """Who is on call for the affected services and what they depend on, each person once.

    Those asked or engaged already are left out. The same number of queries for any number of
    services, and one more for each level of dependencies.
    """
    affected = list(incident.services.order_by("tier", "name"))
    named = {service.pk for service in affected}
    taken = set(incident.responders.open().values_list("person_id", flat=True))
    found: dict[int, Proposal] = {}
    for handlers in handlers_of(affected_components(affected), at=at):
        for each in handlers.everyone:
            if each.person.pk not in taken:
                found.setdefault(
                    each.person.pk,
                    Proposal(
                        person=each.person,
                        area=str(handlers.service),
                        why=each.why,
                        until=each.until,
                        is_dependency=handlers.service.pk not in named,
                    ),
                )
    return list(found.values())


def assemble(
    incident: Incident, chosen: Sequence[Proposal], *, message: str = "", by: Actor, at: datetime
) -> list[Responder]:
    """Ask each of them, with a request of their own and the area declared; all or nobody.

    Whoever was asked meanwhile is passed over. Raises ResponderError if nobody is left.
    """
    with transaction.atomic():
        incident.lock()
        taken = set(incident.responders.open().values_list("person_id", flat=True))
        asked = [
            request_responder(incident, each.person, area=each.area, message=message, by=by, at=at)
            for each in chosen
            if each.person.pk not in taken
        ]
        if not asked:
            raise ResponderError(
                "nobody_to_request", "Choose somebody who is not asked or engaged already."
            )
    return asked
