"""A company to try Muster on, with three months behind it (`manage.py up --demo`).

The same start day gives the same history: it comes from one seed and is told through the domain.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime
from random import Random

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, User
from django.db import transaction

from config.demo.aftermath import tell_aftermath
from config.demo.history import tell_history, tell_present
from config.demo.loose_ends import leave_loose_ends
from config.demo.monitors import connect_monitors
from config.demo.organisation import DOMAIN, Organisation, found
from config.demo.roster_life import live_on_call
from config.reference import load_reference
from incidents.models import Incident
from roster.errors import DomainError
from roster.models import Person

SEED = 142
# Who can log in, and as what.
LOGINS = {
    "margaret-hale": "Viewer",
    "jonas-weber": "Responder",
    "ines-okafor": "Incident manager",
    "amelie-laurent": "Communications manager",
    "hanna-lindqvist": "Roster editor",
}


@dataclass(frozen=True)
class Demo:
    """What the person who loaded it needs to know: user names by group, and their password."""

    logins: dict[str, str]
    password: str


def load_demo(*, at: datetime) -> Demo:
    """Fill an installation that has no history yet. Raises DomainError if it has.

    One transaction: half a company is worse than none, and it is many times faster.
    """
    if Person.objects.filter(email__endswith=f"@{DOMAIN}").exists():
        raise DomainError("demo_exists", "The demo's people are here already; nothing was changed.")
    if Incident.objects.exists():
        raise DomainError(
            "history_exists",
            "There are incidents here already, and the demo would mix with them. Start it on an"
            " empty database.",
        )
    rng = Random(SEED)  # noqa: S311 (a story, not a secret)
    with transaction.atomic():
        load_reference()
        company = found(at)
        tell_history(company, at, rng)
        tell_aftermath(company, at, rng)
        tell_present(company, at, rng)
        leave_loose_ends(company, at)
        connect_monitors(company, at, rng)
        live_on_call(company, at)
        return _let_in(company)


def _let_in(company: Organisation) -> Demo:
    password = secrets.token_urlsafe(9)
    hashed = make_password(password)  # once: hashing is meant to be slow
    for slug, group in LOGINS.items():
        person = company.people[slug]
        first_name, _, last_name = person.name.partition(" ")
        user = User.objects.create(
            username=slug,
            email=person.email,
            first_name=first_name,
            last_name=last_name,
            password=hashed,
            is_staff=True,
        )
        user.groups.add(Group.objects.get(name=group))
        person.user = user
        person.save(update_fields=["user"])
    return Demo({group: slug for slug, group in LOGINS.items()}, password)
