"""Twelve schedules and sixty people, with overrides, a swap, an offer, time off and a gap.

Run in a process of its own, on the database that the application under test has.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from tests.e2e.stack import Stack

if TYPE_CHECKING:
    # Models can be imported only once the apps are set up, in the process that fills the database.
    from roster.models import Layer, Person, Schedule, Team

SCHEDULES = 12
PEOPLE = 60
EDITOR_LOGIN, MEMBER_LOGIN = "quin", "pia"
ZONES = ("Europe/Berlin", "Europe/London", "America/New_York", "Asia/Singapore")
COUNTRIES = ("DE", "GB", "US", "SG")
NAMES = (
    "Ada", "Bea", "Cem", "Dina", "Eli", "Fay", "Gil", "Hana", "Ian", "Jana",
    "Kai", "Lea", "Mo", "Nia", "Oz", "Pia", "Quin", "Rosa", "Sam", "Tia",
)  # fmt: skip
FAMILIES = ("Abel", "Brandt", "Costa")


def fill_roster(stack: Stack, password: str) -> dict[str, int]:
    """Fill the stack's database; answers what the tests look for, by name."""
    answer: dict[str, int] = json.loads(
        stack.run("-m", "tests.browser.roster_seed", password).splitlines()[-1]
    )
    return answer


def main() -> None:
    import django  # noqa: PLC0415  # the imports below need the apps set up first

    django.setup()
    from django.utils import timezone  # noqa: PLC0415  # see above

    now = timezone.now().replace(second=0, microsecond=0)
    sys.stdout.write(json.dumps(fill(now, sys.argv[1])) + "\n")


def fill(now: datetime, password: str) -> dict[str, int]:
    """Five people a schedule. Pia and Quin take turns on the fourth; Quin edits rosters, too."""
    from roster.models import Team  # noqa: PLC0415  # see above

    monday = now.date() - timedelta(days=now.weekday())
    people = _people()
    teams = [
        Team.objects.create(slug=f"team-{name.lower()}", name=name)
        for name in ("Storefront", "Depot", "Network")
    ]
    schedules = [
        _schedule(number, people[number * 5 : number * 5 + 5], teams[number % 3], monday)
        for number in range(SCHEDULES)
    ]
    rota, pia = schedules[3], people[15]
    _deviate(rota, schedules[1], people, now)
    _swap(rota, pia, now)
    _let_in(people[16], EDITOR_LOGIN, "Roster editor", password)
    _let_in(pia, MEMBER_LOGIN, "Responder", password)
    return {"rota": rota.pk, "with_gap": schedules[1].pk, "with_layers": schedules[4].pk}


def _people() -> list[Person]:
    from roster.models import Person  # noqa: PLC0415  # see above

    return [
        Person.objects.create(
            slug=f"{name}-{family}".lower(),
            name=f"{name} {family}",
            email=f"{name}.{family}@example.com".lower(),
            time_zone=ZONES[number % 4],
            country=COUNTRIES[number % 4],
        )
        for family in FAMILIES
        for number, name in enumerate(NAMES)
    ]


def _schedule(number: int, crew: list[Person], team: Team, monday: date) -> Schedule:
    from roster.models import LayerWindow, Schedule  # noqa: PLC0415  # see above

    schedule = Schedule.objects.create(
        slug=f"rota-{number + 1}",
        name=f"Rota {number + 1:02}",
        team=team,
        time_zone=ZONES[number % 4],
    )
    _layer(schedule, "Around the clock", crew, monday, unit="day" if number % 3 == 2 else "week")
    if number % 4 == 0:
        office = _layer(schedule, "Office hours", crew[::-1], monday, unit="day", position=2)
        LayerWindow.objects.bulk_create(
            LayerWindow(
                layer=office, opens_on=day, opens_at=time(9), closes_on=day, closes_at=time(17)
            )
            for day in range(5)
        )
    return schedule


def _layer(
    schedule: Schedule, name: str, crew: list[Person], monday: date, **fields: object
) -> Layer:
    from roster.models import Layer, Participant  # noqa: PLC0415  # see above

    layer = Layer.objects.create(
        schedule=schedule,
        name=name,
        starts_on=monday - timedelta(weeks=8),
        handoff_time=time(9),
        **fields,
    )
    Participant.objects.bulk_create(
        Participant(layer=layer, position=position, person=person)
        for position, person in enumerate(crew, start=1)
    )
    return layer


def _deviate(rota: Schedule, holed: Schedule, people: list[Person], now: datetime) -> None:
    """An override now, six hours to come without anybody, and people on holiday."""
    from roster.models import Override, TimeOff  # noqa: PLC0415  # see above

    Override.objects.create(
        schedule=rota,
        person=people[17],
        starts_at=now - timedelta(hours=2),
        ends_at=now + timedelta(hours=30),
        reason="Dentist",
        created_by=people[16],
    )
    Override.objects.create(
        schedule=holed,
        kind=Override.Kind.TEMPORARY,
        starts_at=now + timedelta(hours=4),
        ends_at=now + timedelta(hours=10),
    )
    TimeOff.objects.bulk_create(
        TimeOff(person=person, starts_at=now + timedelta(days=1), ends_at=now + timedelta(days=6))
        for person in people[::3]
    )


def _swap(rota: Schedule, pia: Person, now: datetime) -> None:
    """Pia covers a day for the next of the others; another offers the rest of a week to all."""
    from roster import oncall, swaps  # noqa: PLC0415  # see above
    from roster.actors import Actor  # noqa: PLC0415  # see above

    coming = oncall.shifts_between(rota, now + timedelta(hours=31), now + timedelta(weeks=4))
    given, offered = [each for each in coming if each.person != pia][:2]
    by = Actor.system("seed")
    starts_at = given.shift.start.astimezone(UTC) + timedelta(hours=1)
    swaps.arrange(
        swaps.Proposal(
            rota, given.person, starts_at, starts_at + timedelta(days=1), other=pia, despite=True
        ),
        by=by,
        at=now,
    )
    starts_at = offered.shift.start.astimezone(UTC)
    swaps.offer(
        swaps.Proposal(rota, offered.person, starts_at, starts_at + timedelta(days=2)),
        by=Actor.of_person(offered.person),
        at=now,
    )


def _let_in(person: Person, login: str, group: str, password: str) -> None:
    from django.contrib.auth.models import Group, User  # noqa: PLC0415  # see above

    person.user = User.objects.create_user(login, password=password, is_staff=True)
    person.user.groups.set([Group.objects.get(name=group)])
    person.save(update_fields=["user"])


if __name__ == "__main__":
    main()
