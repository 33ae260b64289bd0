"""What an order of participants and the windows of a layer must be like, wherever they come from.

Each check raises DomainError with the sentence on the field it belongs to.
"""

from collections.abc import Collection, Iterable, Sequence
from itertools import pairwise

from roster.errors import DomainError
from roster.models import Layer, Person
from roster.models.schedules import WeeklyWindow
from roster.rotation.walltime import DAY, WEEK

Turn = tuple[int, Person | None]
"""A place in the order, and who is in it; places with the same number are on call together."""


def check_turns(turns: Sequence[Turn], *, listed_before: Collection[int] = ()) -> None:
    """Somebody must take turns, nobody twice at once, and whoever is new must be active.

    `listed_before` are the ids of people who take turns already: they may have become inactive.
    """
    if not turns:
        raise _refused("Say who takes turns: a layer without participants is empty.")
    people: dict[int, list[Person]] = {}
    for position, person in turns:
        if person is None:
            continue
        if person in people.get(position, ()):
            raise _refused(f"{person} stands twice on turn {position}.")
        people.setdefault(position, []).append(person)
        if not person.is_active and person.pk not in listed_before:
            raise _refused(f"{person} is inactive and cannot take turns.")
    places = [position for position, person in turns if person is None]
    if len(set(places)) < len(places) or people.keys() & set(places):
        raise _refused("A turn is either free or somebody's: give each free turn its own number.")


def check_windows(windows: Sequence[WeeklyWindow]) -> None:
    clash = overlapping(windows)
    if clash:
        sentence = f"{clash[1]} overlaps {clash[0]}. Join them into one."
        raise DomainError("invalid", sentence, {"windows": [sentence]})


def overlapping[W: WeeklyWindow](windows: Iterable[W]) -> tuple[W, W] | None:
    """Two windows that are open at the same time, in the order given; touching is no overlap."""
    listed = list(windows)
    taken = sorted((*_span(window), number) for number, window in enumerate(listed))
    if taken:
        opens, closes, number = taken[0]
        taken.append((opens + WEEK, closes + WEEK, number))
    for (_, closes, one), (opens, _, other) in pairwise(taken):
        if opens < closes:
            return listed[min(one, other)], listed[max(one, other)]
    return None


def default_turns(unit: str, windows: Sequence[WeeklyWindow]) -> Layer.Turns:
    """What a new layer counts, unless it is said: the days with hours, of daily turns (rule 5).

    Counting every day, some people would only ever get days without hours.
    """
    days: set[int] = set()
    for window in windows:
        opens, closes = _span(window)
        days.add(opens // DAY)
        days.update(day % 7 for day in range(opens // DAY + 1, closes // DAY))
    is_daily = unit in (Layer.Unit.DAY, Layer.Unit.HOUR)
    return Layer.Turns.ACTIVE_DAYS if is_daily and 0 < len(days) < 7 else Layer.Turns.ELAPSED


def _span(window: WeeklyWindow) -> tuple[int, int]:
    """Opening and closing in seconds since Monday 00:00; the closing may lie beyond the week."""
    opens = _seconds(window.opens_on, window.opens_at.hour, window.opens_at.minute)
    closes = _seconds(window.closes_on, window.closes_at.hour, window.closes_at.minute)
    return opens, opens + ((closes - opens) % WEEK or WEEK)


def _seconds(day: int, hour: int, minute: int) -> int:
    return day * DAY + hour * 3600 + minute * 60


def _refused(sentence: str) -> DomainError:
    return DomainError("invalid", sentence, {"participants": [sentence]})
