"""A database of its own with many schedules in it, for the time that `on_call` takes."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from functools import partial

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings_test")

import django

django.setup()

from django.test.utils import setup_databases, teardown_databases  # noqa: E402 (after the setup)

from roster.models import Layer, LayerWindow, Override, Participant, Person, Schedule  # noqa: E402
from roster.oncall import on_call  # noqa: E402

ZONES = ("Europe/London", "America/New_York", "Asia/Singapore")


@contextmanager
def asking_who_is_on_call(
    count: int, at: datetime, past: int = 0
) -> Iterator[Callable[[], object]]:
    """Ask about so many schedules: weekly turns of five people each, office hours over every other,
    an override on every third.

    `past` is how many ended layers and overrides each has behind it.
    """
    databases = setup_databases(verbosity=0, interactive=False, serialized_aliases=())
    try:
        yield partial(on_call, _made(count, at, past), at)
    finally:
        teardown_databases(databases, verbosity=0)


def _made(count: int, at: datetime, past: int) -> list[Schedule]:
    people = Person.objects.bulk_create(
        Person(slug=f"person-{number}", name=f"Person {number}") for number in range(60)
    )
    made = Schedule.objects.bulk_create(
        Schedule(slug=f"s-{number}", name=f"Schedule {number}", time_zone=ZONES[number % 3])
        for number in range(count)
    )
    layers = [_layer(schedule) for schedule in made]
    office = [_layer(schedule, position=2, unit="day") for schedule in made[::2]]
    ended = [
        _layer(schedule, effective_until=at - timedelta(days=50 + number))
        for schedule in made
        for number in range(past)
    ]
    Layer.objects.bulk_create([*layers, *office, *ended])
    Participant.objects.bulk_create(
        Participant(layer=layer, position=turn, person=people[(number + turn) % len(people)])
        for number, layer in enumerate([*layers, *office, *ended])
        for turn in range(5)
    )
    LayerWindow.objects.bulk_create(
        LayerWindow(layer=layer, opens_on=day, opens_at=time(9), closes_on=day, closes_at=time(17))
        for layer in office
        for day in range(5)
    )
    Override.objects.bulk_create(
        [_override(schedule, people[0], at) for schedule in made[::3]]
        + [
            _override(schedule, people[number % 60], at - timedelta(days=60 + number))
            for schedule in made
            for number in range(past)
        ]
    )
    return list(Schedule.objects.order_by("pk"))


def _layer(schedule: Schedule, **fields: object) -> Layer:
    values = {"name": "Layer", "starts_on": date(2020, 1, 6), "handoff_time": time(9)}
    return Layer(schedule=schedule, **{**values, **fields})


def _override(schedule: Schedule, person: Person, at: datetime) -> Override:
    begins = at - timedelta(hours=1)
    return Override(
        schedule=schedule, person=person, starts_at=begins, ends_at=begins + timedelta(hours=4)
    )
