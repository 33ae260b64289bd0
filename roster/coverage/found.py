"""What a check finds, and when two finds are the same one. Pure: values in, values out."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from roster.models import FindingKind, Person, Schedule

type Stretch = tuple[datetime, datetime]

# Stretches with no longer a pause between them are one episode: the nights of a week.
PAUSE = timedelta(hours=36)
# From so many episodes on it is a habit of the rotation, and one thing to repair.
HABIT = 3


@dataclass(frozen=True, kw_only=True)
class Found:
    """One thing that is wrong. `key` is what makes it the same in the next proof.

    `text` is a sentence without times; `ends_at` None with a `starts_at`: from then on.
    """

    kind: FindingKind
    key: str
    text: str
    schedule: Schedule | None = None
    person: Person | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None


@dataclass(frozen=True)
class Episode:
    """Stretches that belong together: the next one, how many there are, and a mark that stays.

    `ends_at` None: it goes on beyond what was looked at.
    """

    mark: str
    starts_at: datetime
    ends_at: datetime | None
    count: int

    def text(self, sentence: str) -> str:
        """The sentence, and how often it comes true in the weeks ahead."""
        if self.count == 1:
            return sentence
        times = "Twice" if self.count == 2 else f"{self.count} times"
        return f"{sentence} {times} in the next 30 days."


def episodes(
    stretches: Iterable[Stretch], *, since: datetime, at: datetime, until: datetime
) -> list[Episode]:
    """The stretches of `[since, until)` that are not over at a moment, as few things to say.

    They are by start. The mark is the episode's beginning, "standing" where that lies out of
    sight, and "again" where there are so many that it is the rotation's habit: so that neither
    time passing nor the horizon moving on makes another thing of it.
    """
    groups: list[list[Stretch]] = []
    for stretch in stretches:
        if groups and stretch[0] - max(end for _, end in groups[-1]) <= PAUSE:
            groups[-1].append(stretch)
        else:
            groups.append([stretch])
    found = []
    for group in groups:
        if ahead := [stretch for stretch in group if stretch[1] > at]:
            is_standing = group[0][0] - since <= PAUSE
            mark = "standing" if is_standing else group[0][0].isoformat()
            if ahead[0][0] <= since:  # nobody saw it begin
                ahead[0] = at, ahead[0][1]
            found.append(_episode(mark, ahead, until))
    if len(found) < HABIT:
        return found
    first = found[0]
    total = sum(each.count for each in found)
    return [Episode("again", first.starts_at, first.ends_at, total)]


def _episode(mark: str, ahead: list[Stretch], until: datetime) -> Episode:
    starts_at, ends_at = ahead[0]
    return Episode(mark, starts_at, ends_at if ends_at < until else None, len(ahead))
