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
        layers = Layers(definition.layers, definition.time_zone)
        self.look = Overrides(definition.overrides, layers.look).look
        # Shifts meet at their ends and come back to their sources.
        self._moments: dict[int, datetime] = {}
        self._sources: dict[Origin, Source] = {}

    def shift(self, person: str, since: int, until: int, origin: Origin) -> Shift:
        source = self._sources.get(origin) or self._source(origin)
        start = self._moments.get(since) or self._moment(since)
        return Shift(person, start, self._moments.get(until) or self._moment(until), source)

    def _moment(self, at: int) -> datetime:
        moment = self._moments[at] = self._zone.moment(at)
        return moment

    def _source(self, origin: Origin) -> Source:
        number, turn, slot = origin
        if number < 0:
            key = self._definition.overrides[~number].key
            source = Source(override=f"overrides[{~number}]" if key is None else key)
        else:
            layer = self._definition.layers[number]
            source = Source(layer.name, turn, None, layer.key, slot)
        self._sources[origin] = source
        return source


def shifts(definition: Definition, start: datetime, end: datetime) -> list[Shift]:
    """Who is on call in `[start, end)`, clipped to it, by start and then person.

    Touching stretches of one person from one source are one shift; somebody on call for two
    reasons at once has one shift, of the first of them. Cost grows with what is returned.
    """
    schedule = _Schedule(definition)
    at, closes = instant(start), instant(end)
    found: list[tuple[int, str, int, Origin]] = []
    running: dict[str, tuple[int, Origin]] = {}
    look = schedule.look
    before: Crew = {}
    while at < closes:
        crew, _, until = look(at)
        if crew is not before:
            for person, (since, origin) in [*running.items()]:
                now = crew.get(person)
                if now is None or _is_other(now, origin):
                    del running[person]
                    found.append((since, person, at, origin))
            for person, origin in crew.items():
                if person not in running:
                    running[person] = at, origin
            before = crew
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


def _is_other(now: Origin, before: Origin) -> bool:
    """Whether somebody is on call from another source than before: the slot does not matter."""
    return now is not before and (now[0] != before[0] or now[1] != before[1])


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
            now = then.get(person)
            if now is None or _is_other(now, going[person]):
                del going[person]
            else:
                edges[person] = edge
