"""Plain roster rows. Names and slugs are made up from a running number where none is given."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from itertools import count
from typing import Any

from roster.models import (
    Channel,
    ContactMethod,
    EscalationPolicy,
    EscalationStep,
    EscalationTarget,
    Layer,
    NotificationRule,
    Override,
    Participant,
    Person,
    Schedule,
    Team,
)

_numbers = count(1)

# Keyword arguments go straight to the model, whatever its fields are: hence Any.


def make_person(**fields: Any) -> Person:
    number = next(_numbers)
    fields.setdefault("slug", f"person-{number}")
    fields.setdefault("name", fields["slug"].replace("-", " ").title())
    fields.setdefault("email", f"{fields['slug']}@example.com")
    return Person.objects.create(**fields)


def make_team(*, members: Sequence[Person] = (), **fields: Any) -> Team:
    fields.setdefault("slug", f"team-{next(_numbers)}")
    fields.setdefault("name", fields["slug"].replace("-", " ").title())
    team = Team.objects.create(**fields)
    team.members.set(members)
    return team


def make_contact_method(person: Person, *, verified: bool = True, **fields: Any) -> ContactMethod:
    fields.setdefault("channel", Channel.EMAIL)
    fields.setdefault("address", f"address-{next(_numbers)}@example.com")
    fields.setdefault("verified_at", datetime(2026, 1, 1, tzinfo=UTC) if verified else None)
    return ContactMethod.objects.create(person=person, **fields)


def make_rule(contact_method: ContactMethod, **fields: Any) -> NotificationRule:
    return NotificationRule.objects.create(
        person=contact_method.person, contact_method=contact_method, **fields
    )


def make_schedule(*people: Person, **fields: Any) -> Schedule:
    """A schedule in UTC; with `people`, they take weekly turns from Monday 2026-01-05 09:00."""
    fields.setdefault("slug", f"schedule-{next(_numbers)}")
    fields.setdefault("name", fields["slug"].replace("-", " ").title())
    fields.setdefault("time_zone", "UTC")
    schedule = Schedule.objects.create(**fields)
    if people:
        make_layer(schedule, *people)
    return schedule


def make_layer(schedule: Schedule, *people: Person | None, **fields: Any) -> Layer:
    fields.setdefault("name", "Weekly")
    fields.setdefault("starts_on", date(2026, 1, 5))
    fields.setdefault("handoff_time", time(9))
    layer = Layer.objects.create(schedule=schedule, **fields)
    Participant.objects.bulk_create(
        Participant(layer=layer, position=position, person=person)
        for position, person in enumerate(people, start=1)
    )
    return layer


def make_override(schedule: Schedule, person: Person, **fields: Any) -> Override:
    return Override.objects.create(schedule=schedule, person=person, **fields)


def make_policy(*targets: Schedule | Person | Team, **fields: Any) -> EscalationPolicy:
    """A policy with one step per target, five minutes apart."""
    fields.setdefault("slug", f"policy-{next(_numbers)}")
    fields.setdefault("name", fields["slug"].replace("-", " ").title())
    policy = EscalationPolicy.objects.create(**fields)
    for position, target in enumerate(targets, start=1):
        make_target(EscalationStep.objects.create(policy=policy, position=position), target)
    return policy


def make_target(
    step: EscalationStep, target: Schedule | Person | Team, **fields: Any
) -> EscalationTarget:
    name = type(target)._meta.model_name
    fields.setdefault("kind", name)
    return EscalationTarget.objects.create(step=step, **{str(name): target}, **fields)
