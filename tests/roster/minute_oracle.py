"""Who is on call, found by walking: the roster rules told a second time, for tests.

Shares nothing with the engine but the definitions put into it. It looks at one clock reading
after another, in steps of `grain` minutes, and counts what it meets; there is no arithmetic on
turns, no resolver and no `fold`. Everything in the definition must lie on the grain.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import count
from zoneinfo import ZoneInfo

from roster.rotation import Definition, Edit, Entry, Layer, Override, Shift, Window

DAY = timedelta(days=1)
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# Further than any window or jump of a clock reaches; turns are looked for five times as far.
MARGIN = timedelta(days=9)

Reason = tuple[str, str | None, int | None]
Crew = dict[str, Reason]


@dataclass(frozen=True)
class Stretch:
    """What the oracle says in place of a shift, in UTC."""

    person: str
    start: datetime
    end: datetime
    reason: Reason


def stretch_of(shift: Shift) -> Stretch:
    source = shift.source
    reason: Reason = ("override", source.override, None)
    if source.override is None:
        reason = ("layer", source.layer, source.turn)
    return Stretch(shift.person, shift.start.astimezone(UTC), shift.end.astimezone(UTC), reason)


def walk(definition: Definition, start: datetime, end: datetime, grain: int = 1) -> list[Stretch]:
    """The answer to `shifts(definition, start, end)`."""
    ticks = _ticks(definition, start, end, timedelta(minutes=grain))
    layers = [
        (place if layer.priority is None else layer.priority, _layer(definition, layer, ticks))
        for place, layer in enumerate(definition.layers)
    ]
    open_stretches: dict[tuple[str, Reason], datetime] = {}
    found = []
    for number, tick in enumerate(ticks):
        if not start <= tick <= end:
            continue
        beneath = _highest([(priority, crews[number]) for priority, crews in layers])
        crew = _overridden(definition.overrides, beneath, tick) if tick < end else {}
        now = set(crew.items())
        for person, reason in open_stretches.keys() - now:
            since = open_stretches.pop((person, reason))
            found.append(Stretch(person, since, tick, reason))
        for person, reason in now - open_stretches.keys():
            open_stretches[person, reason] = tick
    return sorted(found, key=lambda stretch: (stretch.start, stretch.person))


def _ticks(
    definition: Definition, start: datetime, end: datetime, grain: timedelta
) -> list[datetime]:
    moments = [start]
    for layer in definition.layers:
        moments += [layer.start, *(edit.at for edit in layer.edits)]
        moments += [layer.effective_from] if layer.effective_from else []
    first = min(moment.astimezone(UTC) for moment in moments) - MARGIN
    steps = (end.astimezone(UTC) + MARGIN - first) // grain
    return [first + step * grain for step in range(steps)]


def _layer(definition: Definition, layer: Layer, ticks: Sequence[datetime]) -> list[Crew]:
    """Whom the layer has on call at every tick."""
    zone = ZoneInfo(layer.time_zone or definition.time_zone)
    clock = [tick.astimezone(zone).replace(tzinfo=None) for tick in ticks]
    turns = _turns(layer, layer.start.astimezone(zone).replace(tzinfo=None), clock)
    holders = _holders(layer, turns, ticks)
    is_open = _open(layer.restrictions, clock)
    since, until = layer.effective_from or layer.start, layer.effective_until
    crews: list[Crew] = []
    for number, tick in enumerate(ticks):
        counts = is_open[number] and tick >= since and (until is None or tick < until)
        reason: Reason = ("layer", layer.name, turns[number])
        crews.append(dict.fromkeys(holders[number], reason) if counts else {})
    return crews


def _turns(layer: Layer, wall: datetime, clock: Sequence[datetime]) -> list[int]:
    """At every tick, the last turn whose reading the clock has reached so far."""
    due = sorted(
        [
            *_readings(layer, wall, 1, clock[-1] + MARGIN * 5),
            *_readings(layer, wall, -1, clock[0] - MARGIN * 5),
        ]
    )
    turns = []
    reached, furthest = 0, clock[0]
    for reading in clock:
        furthest = max(furthest, reading)
        while due[reached + 1][1] <= furthest:
            reached += 1
        turns.append(due[reached][0])
    return turns


def _readings(
    layer: Layer, wall: datetime, direction: int, limit: datetime
) -> Iterator[tuple[int, datetime]]:
    """Turn and reading of every handoff from the start in one direction, to a limit."""
    counting = _days_with_window(layer.restrictions)
    if layer.turns == "elapsed" or layer.unit in ("week", "month"):
        counting = set(WEEKDAYS)
    if direction > 0:
        yield 0, wall
    counted = 0
    for unit in count(0 if direction > 0 else 1):
        reading = _later(layer, wall, unit * direction)
        if (reading - limit) * direction > timedelta(0):
            return
        if WEEKDAYS[reading.weekday()] not in counting:
            continue
        counted += direction < 0
        if counted and counted % layer.length == 0:
            yield direction * counted // layer.length, reading
        counted += direction > 0


def _later(layer: Layer, wall: datetime, units: int) -> datetime:
    if layer.unit != "month":
        return wall + timedelta(**{f"{layer.unit}s": units})
    year, month = wall.year, wall.month
    for _ in range(abs(units)):
        month += 1 if units > 0 else -1
        year, month = (
            (year + 1, 1) if month > 12 else (year - 1, 12) if month < 1 else (year, month)
        )
    for day in (wall.day, 30, 29, 28):
        if day <= wall.day:
            with suppress(ValueError):
                return wall.replace(year=year, month=month, day=day)
    raise AssertionError


def _days_with_window(windows: Iterable[Window]) -> set[str]:
    """The weekdays on which a window opens, or is open from midnight to midnight."""
    anywhere = [datetime(2001, 1, 1) + DAY * number for number in range(21)]  # noqa: DTZ001
    spans = [_span(window, day) for window in windows for day in anywhere if _opens_on(window, day)]
    return {
        WEEKDAYS[day.weekday()]
        for day in anywhere[7:14]
        if not spans
        or any(
            opens.date() == day.date() or (opens <= day and closes >= day + DAY)
            for opens, closes in spans
        )
    }


def _opens_on(window: Window, day: date) -> bool:
    name = WEEKDAYS[day.weekday()]
    if window.start_day is not None:
        return name == window.start_day
    return not window.days or name in window.days


def _span(window: Window, day: date) -> tuple[datetime, datetime]:
    """The readings at which the window that opens on a day opens and closes."""
    opens = datetime.combine(day, window.start)
    closes = datetime.combine(day, window.end)
    while closes <= opens or window.end_day not in (None, WEEKDAYS[closes.weekday()]):
        closes += DAY
    return opens, closes


def _open(windows: Sequence[Window], clock: Sequence[datetime]) -> list[bool]:
    if not windows:
        return [True] * len(clock)
    read_at = defaultdict(list)
    for number, reading in enumerate(clock):
        read_at[reading].append(number)

    def tick_at(reading: datetime, which: int) -> int:
        if reading in read_at:
            return read_at[reading][which]
        after = (number for number, other in enumerate(clock) if other > reading)
        return next(after, len(clock))

    is_open = [False] * len(clock)
    day = clock[0].date() - MARGIN
    while day <= clock[-1].date() + DAY:
        for window in windows:
            if _opens_on(window, day):
                opens, closes = _span(window, day)
                first, last = tick_at(opens, 0), tick_at(closes, -1)
                is_open[first:last] = [True] * (last - first)
        day += DAY
    return is_open


def _holders(layer: Layer, turns: Sequence[int], ticks: Sequence[datetime]) -> list[Entry]:
    """Who holds the turn at every tick, counting handoffs and edits as they come."""
    entries = layer.participants
    place = turns[0] % len(entries)
    holder = entries[place]
    begun = min(layer.start, layer.effective_from or layer.start)
    waiting = sorted(layer.edits, key=lambda edit: edit.at)
    holders = []
    before = turns[0]
    for turn, tick in zip(turns, ticks, strict=True):
        if turn != before and entries:
            place = (place + turn - before) % len(entries)
            holder = entries[place]
        before = turn
        while waiting and waiting[0].at <= tick:
            edit = waiting.pop(0)
            if edit.at < begun:
                place = turn % len(edit.participants) if edit.participants else 0
                holder = edit.participants[place] if edit.participants else ()
            else:
                place, holder = _edited(entries, place, holder, edit)
            entries = edit.participants
        holders.append(holder)
    return holders


def _edited(entries: tuple[Entry, ...], place: int, holder: Entry, edit: Edit) -> tuple[int, Entry]:
    """The place in the new list, and who has the rest of the turn."""
    new = edit.participants
    everybody = {person for entry in new for person in entry}
    if entries and not holder and () in new:
        return _same_entry(entries, place, new), ()
    candidates = [(place, holder)] if entries else []
    candidates += [
        (number % len(entries), entries[number % len(entries)])
        for number in range(place + 1, place + len(entries))
    ]
    for number, entry in candidates:
        left = tuple(person for person in entry if person in everybody)
        if left:
            same = _same_entry(entries, number, new)
            best = max(range(len(new)), key=lambda at: (len({*new[at]} & {*left}), -at))
            return (best if same < 0 else same), left
    return 0, new[0] if new else ()


def _same_entry(entries: tuple[Entry, ...], place: int, new: tuple[Entry, ...]) -> int:
    """Where the new list has this mention of an entry, or its last; -1 for nowhere."""
    wanted = 0
    for entry in entries[: place + 1]:
        wanted += {*entry} == {*entries[place]}
    found = -1
    for number, entry in enumerate(new):
        if {*entry} == {*entries[place]} and wanted:
            found, wanted = number, wanted - 1
    return found


def _highest(layers: Sequence[tuple[int, Crew]]) -> Crew:
    manned = [(priority, crew) for priority, crew in layers if crew]
    together: Crew = {}
    for priority, crew in manned:
        if priority == max(priority for priority, _ in manned):
            together = crew | together
    return together


def _overridden(overrides: Sequence[Override], crew: Crew, tick: datetime) -> Crew:
    crew = dict(crew)
    temporary: Crew | None = None
    for number, each in enumerate(overrides):
        if not each.start <= tick < each.end:
            continue
        mine: Reason = ("override", each.key or f"overrides[{number}]", None)
        if each.kind == "temporary":
            temporary = {s.person: mine for s in each.shifts if s.start <= tick < s.end}
        elif each.kind == "override":
            crew = {str(each.person): mine}
        elif each.kind == "add":
            crew.setdefault(str(each.person), mine)
        elif each.kind == "remove":
            crew.pop(str(each.person), None)
        elif each.replaces in crew and each.replaces != each.person:
            del crew[each.replaces]
            crew.setdefault(str(each.person), mine)
    return crew if temporary is None else temporary
