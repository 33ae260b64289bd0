"""Who is on call: the rules put together, over a period, at a moment, and where nobody is."""

from collections.abc import Iterable
from datetime import datetime

from roster.rotation.definition import Definition, Shift, Source
from roster.rotation.layers import Crew, Layers, Origin
from roster.rotation.overrides import Overrides
from roster.rotation.walltime import instant, zone

# How many changes on either side of a moment `at` looks at for where a shift begins and ends.
_CHANGES_SEEN = 1000


class _Schedule:
    """A definition made ready to be read; good for one question, not shared between threads."""

    def __init__(self, definition: Definition) -> None:
        self._definition = definition
        self._zone = zone(definition.time_zone)
        self._layers = Layers(definition.layers, definition.time_zone)
        self._overrides = Overrides(definition.overrides)

    def look(self, at: int) -> tuple[Crew, int, int]:
        return self._overrides.look(at, self._layers.look)

    def shift(self, person: str, since: int, until: int, origin: Origin) -> Shift:
        moment = self._zone.moment
        return Shift(person, moment(since), moment(until), self._source(origin))

    def _source(self, origin: Origin) -> Source:
        number, turn, slot = origin
        if number < 0:
            key = self._definition.overrides[~number].key
            return Source(override=f"overrides[{~number}]" if key is None else key)
        layer = self._definition.layers[number]
        return Source(layer=layer.name, turn=turn, layer_key=layer.key, slot=slot)


def shifts(definition: Definition, start: datetime, end: datetime) -> list[Shift]:
    """Who is on call in `[start, end)`, clipped to it, by start and then person.

    Touching stretches of one person from one source are one shift; somebody on call for two
    reasons at once has one shift, of the first of them. Cost grows with what is returned.
    """
    schedule = _Schedule(definition)
    at, closes = instant(start), instant(end)
    found: list[tuple[int, str, int, Origin]] = []
    running: dict[str, tuple[int, Origin]] = {}
    while at < closes:
        crew, _, until = schedule.look(at)
        ended = [
            person for person, (_, origin) in running.items() if not _goes_on(person, origin, crew)
        ]
        for person in ended:
            since, origin = running.pop(person)
            found.append((since, person, at, origin))
        for person in crew.keys() - running.keys():
            running[person] = at, crew[person]
        at = until
    found += [(since, person, closes, origin) for person, (since, origin) in running.items()]
    found.sort()
    return [schedule.shift(person, since, until, origin) for since, person, until, origin in found]


def at(definition: Definition, moment: datetime) -> list[Shift]:
    """The shifts that contain a moment, whole, by person.

    The same people for the same reasons as `shifts` has at that moment. Beginning and end are
    where the person stops being on call for this reason, or the thousandth change in between.
    """
    schedule = _Schedule(definition)
    now = instant(moment)
    crew, since, until = schedule.look(now)
    begins, ends = dict.fromkeys(crew, since), dict.fromkeys(crew, until)
    _follow(schedule, crew, ends, forward=True)
    _follow(schedule, crew, begins, forward=False)
    return [
        schedule.shift(person, begins[person], ends[person], crew[person])
        for person in sorted(crew)
    ]


def gaps(
    shifts: Iterable[Shift], start: datetime, end: datetime
) -> list[tuple[datetime, datetime]]:
    """The stretches of `[start, end)` that no shift covers, in the zone of `start`."""
    covered, closes = instant(start), instant(end)
    found = []
    for begins, ends in sorted((instant(shift.start), instant(shift.end)) for shift in shifts):
        if covered < min(begins, closes):
            found.append((covered, min(begins, closes)))
        covered = max(covered, ends)
    if covered < closes:
        found.append((covered, closes))
    return [
        (datetime.fromtimestamp(begins, start.tzinfo), datetime.fromtimestamp(ends, start.tzinfo))
        for begins, ends in found
    ]


def _goes_on(person: str, origin: Origin, crew: Crew) -> bool:
    """Whether somebody is still on call, and from the same source: the slot does not matter."""
    now = crew.get(person)
    return now is not None and now[0] == origin[0] and now[1] == origin[1]


def _follow(schedule: _Schedule, crew: Crew, edges: dict[str, int], *, forward: bool) -> None:
    """Move each person's edge outwards for as long as the person goes on being on call.

    Instants are whole seconds, so the one before an edge belongs to the stretch before.
    """
    going = dict(crew)
    edge = next(iter(edges.values()), 0)
    for _ in range(_CHANGES_SEEN):
        if not going:
            return
        then, since, until = schedule.look(edge if forward else edge - 1)
        edge = until if forward else since
        for person in tuple(going):
            if _goes_on(person, going[person], then):
                edges[person] = edge
            else:
                del going[person]
