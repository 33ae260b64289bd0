"""Schedules as the rotation engine knows them, read in a handful of queries.

However many schedules are asked about, the number of queries is the same: layers, windows,
participants, overrides, and the shifts that overrides list if any does. Paging and the dashboard
ask about every schedule there is. So the database joins the rows beneath a layer into one text,
and a layer of which every column and text is the same as before is not made again.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, time
from functools import lru_cache
from itertools import groupby
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Aggregate, BooleanField, CharField, F, Func, Q, Value
from django.db.models.functions import Cast, Concat
from django.db.models.sql.compiler import SQLCompiler

from roster import rotation
from roster.models import Layer, LayerWindow, Override, OverrideShift, Participant, Schedule
from roster.rotation.definition import Entry

_WEEKDAYS = tuple(rotation.Weekday)
_KINDS = {kind.value: kind for kind in rotation.OverrideKind}
# Some two kilobytes each.
_LAYERS_KEPT = 4096


# What an expression renders is Django's matter: hence Any.
Sql = tuple[str, Any]


class _Lines(Aggregate):
    """The texts of a group, one a line, in no order."""

    function = "STRING_AGG"
    template = "%(function)s(%(expressions)s, chr(10))"
    output_field = CharField()

    def as_sqlite(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any
    ) -> Sql:
        context |= {
            "function": "GROUP_CONCAT",
            "template": "GROUP_CONCAT(%(expressions)s, char(10))",
        }
        return self.as_sql(compiler, connection, **context)


class _Among(Func):
    """Whether a column is one of many ids. They travel as one text: Django takes as long to place
    a thousand of them in an `IN` as the database to answer.
    """

    output_field = BooleanField()

    def __init__(self, column: str, ids: Iterable[int]) -> None:
        super().__init__(F(column), Value(",".join(map(str, ids))))

    def as_sqlite(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any
    ) -> Sql:
        context |= {
            "arg_joiner": " IN (SELECT value FROM json_each('[' || ",
            "template": "%(expressions)s || ']'))",
        }
        return self.as_sql(compiler, connection, **context)

    def as_postgresql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any
    ) -> Sql:
        context |= {
            "arg_joiner": " = ANY(string_to_array(",
            "template": "%(expressions)s, ',')::bigint[])",
        }
        return self.as_sql(compiler, connection, **context)


def _line(*columns: str) -> Concat:
    """The columns as one text, with spaces between; nothing for null."""
    parts: list[Value | Cast] = []
    for column in columns:
        parts += [Value(" "), Cast(F(column), CharField())]
    return Concat(*parts[1:])


def definition_of(schedule: Schedule, start: datetime, end: datetime) -> rotation.Definition:
    return definitions([schedule], start, end)[schedule.pk]


def definitions(
    schedules: Iterable[Schedule], start: datetime, end: datetime
) -> dict[int, rotation.Definition]:
    """What the engine needs to answer for `[start, end)`, by schedule id; people by their slug.

    Four queries, and one more where overrides list shifts. Overrides outside the period, and
    layers that ended before it, are left out.
    """
    zones = {schedule.pk: schedule.time_zone for schedule in schedules}
    layers = _layers(zones, start)
    overrides = _overrides(zones, start, end)
    return {
        pk: rotation.Definition(
            time_zone=zone, layers=tuple(layers[pk]), overrides=tuple(overrides[pk])
        )
        for pk, zone in zones.items()
    }


def _in_effect(start: datetime, layer: str = "") -> Q:
    """Of layers, or rows with a `layer__`: those that have not ended by then."""
    until = f"{layer}effective_until"
    return Q(**{f"{until}__isnull": True}) | Q(**{f"{until}__gt": start})


def _layers(zones: dict[int, str], start: datetime) -> dict[int, list[rotation.Layer]]:
    rows = Layer.objects.filter(_in_effect(start), _Among("schedule_id", zones))
    versions = _participants(zones, start)
    windows = _windows(zones, start)
    found: dict[int, list[rotation.Layer]] = defaultdict(list)
    for pk, schedule, own_zone, *values in rows.order_by("position", "pk").values_list(
        "pk",
        "schedule_id",
        "time_zone",
        "name",
        Cast("lineage", CharField()),
        _line("starts_on", "handoff_time"),
        "unit",
        "length",
        "turns",
        "position",
        "effective_from",
        "effective_until",
    ):
        zone = own_zone or zones[schedule]
        layer = _layer(zone, tuple(versions[pk]), windows.get(pk, ""), *values)
        found[schedule].append(layer)
    return found


@lru_cache(maxsize=_LAYERS_KEPT)
def _layer(
    zone: str,
    versions: tuple[tuple[datetime | None, str], ...],
    windows: str,
    name: str,
    lineage: str,
    first_handoff: str,
    unit: str,
    length: int,
    turns: str,
    position: int,
    since: datetime | None,
    until: datetime | None,
) -> rotation.Layer:
    orders = {at: _entries(lines) for at, lines in versions}
    return rotation.Layer(
        key=str(UUID(lineage)),
        name=name,
        time_zone=zone,
        start=datetime.fromisoformat(first_handoff).replace(tzinfo=ZoneInfo(zone)),
        unit=rotation.Unit(unit),
        length=length,
        turns=rotation.Turns(turns),
        priority=position,
        effective_from=since,
        effective_until=until,
        participants=orders.pop(None, ()),
        edits=tuple(rotation.Edit(at, entries) for at, entries in orders.items() if at),
        restrictions=tuple(_window(line) for line in windows.splitlines()),
    )


def _participants(
    zones: dict[int, str], start: datetime
) -> dict[int, list[tuple[datetime | None, str]]]:
    """By layer, the versions of its order: from when on, and the participants as lines."""
    rows = Participant.objects.filter(
        _in_effect(start, "layer__"), _Among("layer__schedule_id", zones)
    )
    found: dict[int, list[tuple[datetime | None, str]]] = defaultdict(list)
    for layer, effective_at, lines in rows.values_list("layer_id", "effective_at").annotate(
        lines=_Lines(_line("position", "pk", "person__slug"))
    ):
        found[layer].append((effective_at, lines))
    return found


def _entries(lines: str) -> tuple[Entry, ...]:
    """The participants of a version: lines of position, id, and slug or nothing."""
    rows = sorted(
        (int(position), int(pk), slug)
        for position, pk, slug in (line.split(" ") for line in lines.splitlines())
    )
    return tuple(
        tuple(slug for _, _, slug in crew if slug) for _, crew in groupby(rows, lambda row: row[0])
    )


def _windows(zones: dict[int, str], start: datetime) -> dict[int, str]:
    """By layer, its windows as lines of day and time of opening, day and time of closing."""
    rows = LayerWindow.objects.filter(
        _in_effect(start, "layer__"), _Among("layer__schedule_id", zones)
    )
    line = _line("opens_on", "opens_at", "closes_on", "closes_at")
    return dict(rows.values_list("layer_id").annotate(lines=_Lines(line)))


def _window(line: str) -> rotation.Window:
    opens_on, opens_at, closes_on, closes_at = line.split(" ")
    return rotation.Window(
        start=time.fromisoformat(opens_at),
        end=time.fromisoformat(closes_at),
        start_day=_WEEKDAYS[int(opens_on)],
        end_day=_WEEKDAYS[int(closes_on)],
    )


def _overrides(
    zones: dict[int, str], start: datetime, end: datetime
) -> dict[int, list[rotation.Override]]:
    rows = Override.objects.within(start, end).filter(_Among("schedule_id", zones))
    values = list(
        rows.order_by("created_at", "pk").values_list(
            "pk", "schedule_id", "kind", "starts_at", "ends_at", "person__slug", "replaces__slug"
        )
    )
    listed = _listed_shifts([pk for pk, _, kind, *_ in values if kind == Override.Kind.TEMPORARY])
    found: dict[int, list[rotation.Override]] = defaultdict(list)
    for pk, schedule, kind, starts_at, ends_at, person, replaces in values:
        found[schedule].append(
            rotation.Override(
                key=str(pk),
                kind=_KINDS[kind],
                start=starts_at,
                end=ends_at,
                person=person,
                replaces=replaces,
                shifts=tuple(listed.get(pk, ())),
            )
        )
    return found


def _listed_shifts(overrides: list[int]) -> dict[int, list[rotation.ListedShift]]:
    """The mini-schedules of temporary overrides, by override; no query where there is none."""
    found: dict[int, list[rotation.ListedShift]] = defaultdict(list)
    if not overrides:
        return found
    rows = OverrideShift.objects.filter(_Among("override_id", overrides)).order_by(
        "starts_at", "pk"
    )
    for override, person, starts_at, ends_at in rows.values_list(
        "override_id", "person__slug", "starts_at", "ends_at"
    ):
        found[override].append(rotation.ListedShift(person, starts_at, ends_at))
    return found
