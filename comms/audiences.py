"""Who receives an update: chosen here, apart from how it is sent."""

from collections.abc import Iterable

from django.db.models import Q

from comms.models import Audience
from comms.outbox import Address
from incidents.models import Incident
from roster.models import Channel, Person


def concerned(incident: Incident, *, kind: str) -> list[Audience]:
    """The active audiences of this kind whose rules cover the incident. Two queries.

    A rule left empty covers every incident; lower ranks are worse severities.
    """
    covered = Q(min_severity=None) | Q(min_severity__rank__gte=incident.severity.rank)
    touched = Q(services=None) | Q(services__in=incident.services.all())
    return list(
        Audience.objects.active().filter(covered, touched, kind=kind).distinct().order_by("name")
    )


def recipients(audiences: Iterable[Audience], *, incident: Incident) -> list[Address]:
    """Each address of these audiences once, by address; people without one are left out.

    A private incident and a drill reach only those who take part in them, whoever was chosen.
    """
    chosen = [audience.pk for audience in audiences]
    people = Person.objects.active().filter(
        Q(pk__in=Audience.people.through.objects.filter(audience__in=chosen).values("person"))
        | Q(teams__in=Audience.teams.through.objects.filter(audience__in=chosen).values("team"))
    )
    if is_restricted(incident):
        people = people.filter(pk__in=participants(incident))
        lists: list[str] = []
    else:
        lists = [address for audience in audiences for address in audience.address_list]
    found = {
        person.email.lower(): Address(Channel.EMAIL, person.email, person=person)
        for person in people.exclude(email="").distinct().order_by("pk")
    }
    for address in lists:
        found.setdefault(address.lower(), Address(Channel.EMAIL, address))
    return list(found.values())


def is_restricted(incident: Incident) -> bool:
    return incident.is_private or incident.kind == Incident.Kind.DRILL


def participants(incident: Incident) -> set[int]:
    """The people who took part: paged, asked to help, or holding a role, then or now."""
    return {
        *incident.pages.values_list("person", flat=True),
        *incident.responders.values_list("person", flat=True),
        *incident.role_assignments.values_list("person", flat=True),
    }
