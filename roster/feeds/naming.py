"""Which stretch of a turn goes by which name: values in, values out."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import count

from roster.rotation import Source


@dataclass(frozen=True)
class Stretch:
    """Somebody on call without a pause; `base` is the name of the turn, or of the override."""

    base: str
    slug: str
    person_id: int
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True)
class Known:
    """A name that was given before, and what it stood for."""

    uid: str
    starts_at: datetime
    ends_at: datetime
    is_standing: bool

    @property
    def base(self) -> str:
        return self.uid.partition("~")[0]


def farewell(uid: str, person_id: int) -> str:
    """The row that tells somebody's own feed that a shift, which goes on, is no longer theirs."""
    return f"{uid}!{person_id}"


def is_farewell(uid: str) -> bool:
    return "!" in uid


def public(uid: str) -> str:
    """The name as calendars know it."""
    return uid.partition("!")[0]


def base_of(source: Source) -> str:
    if source.override is not None:
        return f"override-{source.override}"
    return f"{source.layer_key}.{source.turn}.{source.slot}"


def assign(
    stretches: Iterable[Stretch], known: Iterable[Known], *, at: datetime
) -> dict[str, Stretch]:
    """A name for every stretch: the one it had, or one that its turn has free, or a new one.

    What began or ended at the same moment is the same; after that, stretches take the names of
    their turn in order. A name of something over stays with it: the past does not move.
    """
    by_base: dict[str, list[Stretch]] = defaultdict(list)
    for each in stretches:
        by_base[each.base].append(each)
    names: dict[str, list[Known]] = defaultdict(list)
    for name in known:
        names[name.base].append(name)
    found: dict[str, Stretch] = {}
    for base, own in by_base.items():
        own.sort(key=lambda each: (each.starts_at, each.ends_at, each.slug))
        found.update(_assign(base, own, names[base], at))
    return found


def _assign(
    base: str, stretches: list[Stretch], known: list[Known], at: datetime
) -> Iterator[tuple[str, Stretch]]:
    free = {name.uid: name for name in sorted(known, key=lambda name: (len(name.uid), name.uid))}
    taken = set(free)
    left = list(stretches)
    tests = (
        lambda name, each: (name.starts_at, name.ends_at) == (each.starts_at, each.ends_at),
        lambda name, each: name.starts_at == each.starts_at and name.ends_at > at,
        lambda name, each: name.ends_at == each.ends_at and name.ends_at > at,
        lambda name, each: name.is_standing and name.ends_at > at and each.ends_at > at,
        lambda name, each: name.ends_at > at and each.ends_at > at,
    )
    for fits in tests:
        for each in tuple(left):
            uid = next((uid for uid, name in free.items() if fits(name, each)), None)
            if uid is not None:
                del free[uid]
                left.remove(each)
                yield uid, each
    numbers = count()
    for each in left:
        uid = next(name for name in map(_numbered(base), numbers) if name not in taken)
        yield uid, each


def _numbered(base: str) -> Callable[[int], str]:
    return lambda number: f"{base}~{number}" if number else base
