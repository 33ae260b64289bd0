"""The preview call's document as values the rotation engine knows."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from roster.preview.reading import WHOLE, Node, PreviewError, period
from roster.rotation import (
    Definition,
    Edit,
    Entry,
    Layer,
    ListedShift,
    Override,
    OverrideKind,
    Turns,
    Unit,
    Weekday,
    Window,
)
from roster.rotation.walltime import WEEK, instant
from roster.rotation.windows import spans

MOST_LAYERS = 100
MOST_PARTICIPANTS = 500
MOST_IN_GROUP = 50
MOST_WINDOWS = 50
MOST_EDITS = 200
MOST_OVERRIDES = 2000
MOST_LISTED = 500
MOST_TIME_OFF = 2000
LONGEST_TURN = 10_000
LONGEST_QUERY = timedelta(days=5 * 366)
# How many turns and windows a query may touch: some seconds of work.
MOST_CHANGES = 250_000

_HOURS = {Unit.HOUR: 1, Unit.DAY: 24, Unit.WEEK: 168, Unit.MONTH: 720}


@dataclass(frozen=True, slots=True)
class TimeOff:
    """A person is away in `[start, end)`."""

    person: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a schedule: a period, or a moment, which has `end` None."""

    definition: Definition
    time_off: tuple[TimeOff, ...]
    start: datetime
    end: datetime | None


def read(document: object) -> Question:
    """Raise PreviewError with everything that is wrong with the document."""
    if not isinstance(document, dict):
        raise PreviewError({WHOLE: ["Give an object with time_zone, layers and query."]})
    problems: dict[str, list[str]] = {}
    fields = Node(document, "", problems).fields(
        "time_zone", "layers", "overrides", "time_off", "query"
    )
    definition = Definition(
        time_zone=fields["time_zone"].zone(),
        layers=tuple(
            _layer(node, number) for number, node in enumerate(fields["layers"].items(MOST_LAYERS))
        ),
        overrides=tuple(_override(node) for node in fields["overrides"].items(MOST_OVERRIDES)),
    )
    time_off = tuple(_time_off(node) for node in fields["time_off"].items(MOST_TIME_OFF))
    start, end = _query(fields["query"], definition)
    if problems:
        raise PreviewError(problems)
    return Question(definition, time_off, start, end)


def _query(node: Node, definition: Definition) -> tuple[datetime, datetime | None]:
    fields = node.fields("from", "to", "at")
    if fields["at"].given:
        for name in ("from", "to"):
            if fields[name].given:
                fields[name].refuse("Ask for a moment (at) or for a period (from, to), not both.")
        return fields["at"].moment(), None
    start, end = period(fields["from"], fields["to"])
    if node.problems:
        return start, end
    if end - start > LONGEST_QUERY:
        fields["to"].refuse("Ask for five years at the most.")
    elif _changes(definition, end - start) > MOST_CHANGES:
        fields["to"].refuse("That is too many shifts at once. Ask for a shorter period.")
    return start, end


def _changes(definition: Definition, asked: timedelta) -> float:
    """About how many turns and windows fall into a period."""
    hours = asked / timedelta(hours=1)
    return sum(
        hours / (_HOURS[layer.unit] * layer.length)
        + hours / 168 * sum(len(spans(window)) for window in layer.restrictions)
        for layer in definition.layers
    )


def _layer(node: Node, number: int) -> Layer:
    fields = node.fields(
        "name",
        "participants",
        "start",
        "unit",
        "length",
        "priority",
        "from",
        "until",
        "time_zone",
        "turns",
        "restrictions",
        "edits",
    )
    name, length, priority = fields["name"], fields["length"], fields["priority"]
    start = fields["start"].moment()
    since, until = _effect(fields)
    return Layer(
        name=name.text() if name.given else f"Layer {number + 1}",
        participants=_rotation(fields["participants"]),
        start=start,
        unit=fields["unit"].choice(Unit),
        length=length.integer(1, LONGEST_TURN) if length.given else 1,
        priority=priority.integer(-LONGEST_TURN, LONGEST_TURN) if priority.given else None,
        effective_from=since,
        effective_until=until,
        time_zone=fields["time_zone"].zone() if fields["time_zone"].given else None,
        turns=fields["turns"].choice(Turns) if fields["turns"].given else Turns.ELAPSED,
        restrictions=_windows(fields["restrictions"]),
        edits=tuple(_edit(each) for each in fields["edits"].items(MOST_EDITS)),
    )


def _effect(fields: dict[str, Node]) -> tuple[datetime | None, datetime | None]:
    """From when until when a layer counts; without `from`, from its start."""
    since, until = fields["from"], fields["until"]
    begins = since.moment() if since.given else None
    if not until.given:
        return begins, None
    ends = until.moment()
    first = since if since.given else fields["start"]
    if until.sound and first.sound and instant(ends) <= instant(first.moment()):
        until.refuse("A layer's until must be after its from, or its start if it has no from.")
    return begins, ends


def _rotation(node: Node) -> tuple[Entry, ...]:
    """The participants of a layer to begin with: at least one place, free turns included."""
    if not node.value and node.sound:
        node.refuse("Name at least one participant.")
    elif not node.given:
        node.refuse("This field is required.")
    return _participants(node)


def _participants(node: Node) -> tuple[Entry, ...]:
    return tuple(_entry(each) for each in node.items(MOST_PARTICIPANTS))


def _entry(node: Node) -> Entry:
    """A name, a list of names (a group) or null (a free turn)."""
    if not node.given:
        return ()
    if isinstance(node.value, str):
        return (node.text(),)
    if not isinstance(node.value, list):
        node.refuse("Give a name, a list of names for a group, or null for a free turn.")
        return ()
    people = tuple(each.text() for each in node.items(MOST_IN_GROUP))
    for person in {each for each in people if people.count(each) > 1 and each}:
        node.refuse(f"“{person}” is in this group more than once.")
    return people


def _edit(node: Node) -> Edit:
    fields = node.fields("at", "participants")
    if not fields["participants"].given:
        fields["participants"].refuse("This field is required.")
    return Edit(fields["at"].moment(), _participants(fields["participants"]))


def _windows(node: Node) -> tuple[Window, ...]:
    """The restrictions of a layer, none of which may overlap another."""
    read = [(each, _window(each)) for each in node.items(MOST_WINDOWS)]
    taken = sorted(
        (opens, closes, number)
        for number, (_, window) in enumerate(read)
        if window is not None
        for opens, closes in spans(window)
    )
    if taken:
        opens, closes, number = taken[0]
        taken.append((opens + WEEK, closes + WEEK, number))
    for (_, closes, one), (opens, _, other) in pairwise(taken):
        if opens < closes:
            later, earlier = max(one, other), min(one, other)
            said = f"This window overlaps {node.path}[{earlier}] on {_weekday(opens)}. Join them."
            refused = read[later][0]
            if said not in refused.problems.get(refused.path, ()):
                refused.refuse(said)
    return tuple(window for _, window in read if window is not None)


def _weekday(second: int) -> str:
    return list(Weekday)[second // (WEEK // 7) % 7].value


def _window(node: Node) -> Window | None:
    """One restriction of either form; None if it cannot be one."""
    before = len(node.problems)
    fields = node.fields("days", "start", "end", "start_day", "end_day")
    start, end = fields["start"].clock(), fields["end"].clock()
    from_day, to_day, days = fields["start_day"], fields["end_day"], fields["days"]
    if not from_day.given and not to_day.given:
        window = Window(start=start, end=end, days=_days(days))
    else:
        if days.given:
            days.refuse("Give days, or start_day and end_day, not both.")
        window = Window(
            start=start,
            end=end,
            start_day=from_day.choice(Weekday),
            end_day=to_day.choice(Weekday),
        )
    return window if len(node.problems) == before else None


def _days(node: Node) -> tuple[Weekday, ...]:
    """The days named; a field left out means all, which the engine writes as none."""
    before = len(node.problems)
    days = tuple(each.choice(Weekday) for each in node.items(7))
    if node.value == []:
        node.refuse("Name at least one day, or leave days out for every day.")
    elif len(set(days)) < len(days) and len(node.problems) == before:
        node.refuse("A day is named twice.")
    return days


def _override(node: Node) -> Override:
    fields = node.fields("kind", "person", "replaces", "start", "end", "shifts")
    kind = fields["kind"].choice(OverrideKind)
    start, end = period(fields["start"], fields["end"])
    if fields["kind"].sound:
        _only(fields["person"], kind, wanted=kind != OverrideKind.TEMPORARY)
        _only(fields["replaces"], kind, wanted=kind == OverrideKind.REPLACE)
        _only(fields["shifts"], kind, wanted=kind == OverrideKind.TEMPORARY)
    return Override(
        kind=kind,
        start=start,
        end=end,
        person=fields["person"].text() if fields["person"].sound else None,
        replaces=fields["replaces"].text() if fields["replaces"].sound else None,
        shifts=tuple(_listed(each, start, end) for each in fields["shifts"].items(MOST_LISTED)),
    )


def _only(node: Node, kind: OverrideKind, *, wanted: bool) -> None:
    if wanted and not node.given:
        node.refuse(f"The kind “{kind}” needs this field.")
    elif not wanted and node.value not in (None, []):
        node.refuse(f"The kind “{kind}” does not have this field.")


def _listed(node: Node, start: datetime, end: datetime) -> ListedShift:
    fields = node.fields("person", "start", "end")
    person = fields["person"].text()
    begins, ends = period(fields["start"], fields["end"])
    if not node.problems and (instant(ends) <= instant(start) or instant(begins) >= instant(end)):
        node.refuse("This shift lies outside the temporary schedule.")
    return ListedShift(person, begins, ends)


def _time_off(node: Node) -> TimeOff:
    fields = node.fields("person", "start", "end")
    start, end = period(fields["start"], fields["end"])
    return TimeOff(fields["person"].text(), start, end)
