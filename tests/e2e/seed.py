"""A small organisation for the end-to-end tests: enough people to page, manage and tell."""

import json
import sys
from dataclasses import dataclass
from datetime import date, time

from tests.e2e.stack import Stack

FIRST = "ana@example.com"
SECOND = "bo@example.com"
MANAGER = "mia@example.com"
EXPERT = "dev@example.com"
LAWYER = "lou@example.com"
STAKEHOLDERS = "board@example.com"
MANAGER_LOGIN = "mia"
PASSWORD = "correct horse battery staple"


@dataclass(frozen=True)
class Seeded:
    """What the test needs to know: the integration's key, and the manager's API token."""

    key: str
    token: str


def seed(stack: Stack) -> Seeded:
    """Fill the stack's database in a process of its own, which is set up for that database."""
    return Seeded(**json.loads(stack.run("-m", "tests.e2e.seed").splitlines()[-1]))


def main() -> None:
    """Create the organisation and print what the test needs as JSON."""
    import django  # noqa: PLC0415  # the imports below need the apps set up first

    django.setup()
    sys.stdout.write(json.dumps(_organisation()) + "\n")


def _organisation() -> dict[str, str]:

    from django.contrib.auth.models import Group, User  # noqa: PLC0415  # see above
    from django.utils import timezone  # noqa: PLC0415  # see above

    from comms.models import Audience  # noqa: PLC0415  # see above
    from incidents.models import Integration, Role, Service  # noqa: PLC0415  # see above
    from roster.actors import Actor  # noqa: PLC0415  # see above
    from roster.models import (  # noqa: PLC0415  # see above
        ApiToken,
        EscalationPolicy,
        EscalationTarget,
        Layer,
        Participant,
        Person,
        Schedule,
        Team,
    )

    at = timezone.now()
    payments = Team.objects.create(slug="payments", name="Payments")
    people = {
        address: Person.objects.create(
            slug=address.partition("@")[0], name=name, email=address, time_zone=zone
        )
        for address, name, zone in [
            (FIRST, "Ana Silva", "Europe/Lisbon"),
            (SECOND, "Bo Berg", "Europe/Stockholm"),
            (MANAGER, "Mia Mann", "Europe/Berlin"),
            (EXPERT, "Dev Patel", "Asia/Kolkata"),
            (LAWYER, "Lou Legal", "America/New_York"),
        ]
    }

    def schedule(slug: str, *addresses: str) -> Schedule:
        made = Schedule.objects.create(slug=slug, name=slug.title(), time_zone="Europe/Berlin")
        layer = Layer.objects.create(
            schedule=made, name="weekly", starts_on=date(2026, 1, 5), handoff_time=time(9)
        )
        for position, address in enumerate(addresses):
            Participant.objects.create(layer=layer, position=position, person=people[address])
        return made

    policy = EscalationPolicy.objects.create(
        slug="payments", name="Payments", fallback_team=payments
    )
    for position, (on_call, minutes) in enumerate(
        [(schedule("primary", FIRST), 5), (schedule("secondary", SECOND), 5)], start=1
    ):
        step = policy.steps.create(position=position, wait_minutes=minutes)
        EscalationTarget.objects.create(step=step, kind="schedule", schedule=on_call)
    service = Service.objects.create(
        slug="checkout", name="Checkout", owner_team=payments, policy=policy, tier=1
    )
    Role.objects.filter(slug="incident-manager").update(schedule=schedule("managers", MANAGER))
    Audience.objects.create(
        slug="board", name="Board", addresses=STAKEHOLDERS, told_at_declare=True
    )
    login = User.objects.create_user(MANAGER_LOGIN, MANAGER, PASSWORD, is_staff=True)
    groups = ["Incident manager", "Communications manager", "Roster editor"]
    login.groups.set(Group.objects.filter(name__in=groups))
    Person.objects.filter(email=MANAGER).update(user=login)
    _, token = ApiToken.issue(user=login, name="end-to-end test", at=at)
    _, key = Integration.issue(
        slug="prometheus", name="Prometheus", service=service, by=Actor.system("seed"), at=at
    )
    return {"key": key, "token": token}


if __name__ == "__main__":
    main()
