"""What is read for a calendar: everything about some schedules in a period, in a fixed number of
queries however many schedules, people and shifts there are.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Q, QuerySet

from roster import oncall, rotation
from roster.models import CoverageWindow, Override, Person, Schedule, Swap, TimeOff
from roster.required_coverage import Stretch


@dataclass(frozen=True)
class Viewer:
    """Who looks, and what they may do and see."""

    person: Person | None
    may_override: bool = False
    may_change_override: bool = False
    may_arrange: bool = False
    may_see_time_off: bool = False

    @classmethod
    def of(cls, user: User | AnonymousUser) -> "Viewer":
        """One query."""
        return cls(
            person=Person.objects.active().filter(user=user.pk).first() if user.pk else None,
            may_override=user.has_perm("roster.add_override"),
            may_change_override=user.has_perm("roster.change_override"),
            may_arrange=user.has_perm("roster.arrange_swap"),
            may_see_time_off=user.has_perm("roster.view_timeoff"),
        )


@dataclass(frozen=True)
class Facts:
    """Rows by what they are looked up by. Moments as they were stored, in UTC."""

    definitions: dict[int, rotation.Definition]
    people: dict[str, Person]
    overrides: dict[str, Override]
    offers: dict[int, list[Swap]]
    absences: dict[int, list[Stretch]]
    windows: dict[int, list[CoverageWindow]]

    def overrides_of(self, schedule: Schedule) -> list[Override]:
        return [each for each in self.overrides.values() if each.schedule_id == schedule.pk]

    def countries_of(self, schedule: Schedule) -> list[str]:
        """Where the people live who take turns or are entered here, in order."""
        slugs = _slugs(self.definitions[schedule.pk])
        return sorted({person.country for slug, person in self.people.items() if slug in slugs})


def read(
    schedules: Sequence[Schedule], start: datetime, end: datetime, *, with_time_off: bool
) -> Facts:
    """Nine queries, one more where overrides list shifts; one less without time off."""
    definitions = oncall.definitions(schedules, start, end)
    slugs = {slug for definition in definitions.values() for slug in _slugs(definition)}
    people = {person.slug: person for person in Person.objects.filter(slug__in=slugs)}
    away = TimeOff.objects.within(start, end).filter(person__in=people.values())
    return Facts(
        definitions=definitions,
        people=people,
        overrides=_overrides(schedules, start, end),
        offers=_offers(schedules, start, end),
        absences=_by_person(away) if with_time_off else {},
        windows=windows_of(schedules),
    )


def taking_part(person: Person) -> Q:
    """The schedules somebody takes turns on, or is or was entered for."""
    return part_of(Person.objects.filter(pk=person.pk))


def part_of(people: QuerySet[Person]) -> Q:
    """The schedules that any of some people (read as a subquery) take part in."""
    return (
        Q(pk__in=Schedule.objects.filter(layers__participants__person__in=people).values("pk"))
        | Q(pk__in=Override.objects.filter(person__in=people).values("schedule"))
        | Q(pk__in=Override.objects.filter(shifts__person__in=people).values("schedule"))
    )


def _slugs(definition: rotation.Definition) -> set[str]:
    orders = [
        order
        for layer in definition.layers
        for order in (layer.participants, *(edit.participants for edit in layer.edits))
    ]
    slugs = {slug for order in orders for entry in order for slug in entry}
    for override in definition.overrides:
        slugs.update(shift.person for shift in override.shifts)
        slugs.update(slug for slug in (override.person, override.replaces) if slug)
    return slugs


def _overrides(
    schedules: Iterable[Schedule], start: datetime, end: datetime
) -> dict[str, Override]:
    rows = Override.objects.within(start, end).filter(schedule__in=schedules)
    related = ("person", "replaces", "created_by", "calendar", "swap")
    return {str(row.pk): row for row in rows.select_related(*related).order_by("starts_at", "pk")}


def _offers(schedules: Iterable[Schedule], start: datetime, end: datetime) -> dict[int, list[Swap]]:
    rows = Swap.objects.open().filter(schedule__in=schedules, starts_at__lt=end, ends_at__gt=start)
    found: dict[int, list[Swap]] = defaultdict(list)
    for swap in rows.select_related("giver", "asked", "taker").order_by("starts_at", "pk"):
        found[swap.schedule_id].append(swap)
    return found


def _by_person(rows: Iterable[TimeOff]) -> dict[int, list[Stretch]]:
    found: dict[int, list[Stretch]] = defaultdict(list)
    for row in rows:
        found[row.person_id].append((row.starts_at, row.ends_at))
    return found


def windows_of(schedules: Iterable[Schedule]) -> dict[int, list[CoverageWindow]]:
    """The hours that must be covered, by schedule."""
    found: dict[int, list[CoverageWindow]] = defaultdict(list)
    for row in CoverageWindow.objects.filter(schedule__in=schedules).order_by("pk"):
        found[row.schedule_id].append(row)
    return found
