"""What one person's address can bear: which of its messages go now, together, or a little later.

Pure: what waits and what was sent goes in, a plan comes out. The first page of an incident waits
for nothing that is not a first page itself. Many of them go as one; when a storm has filled the
address for a minute, one message every two seconds says what is new. Everything else is counted
against the channel's rate, and what exceeds it waits and then goes as one (PAGING-RULES,
Notification and Guarantee 7).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from comms.models import Priority
from roster.models import Channel

WINDOW = timedelta(minutes=1)
RATES = {Channel.EMAIL: 20, Channel.APPRISE: 6}  # messages to one person's address in a `WINDOW`
FEW = 3  # so many are sent one by one; more become one message
STORM_PAUSE = timedelta(seconds=2)


@dataclass(frozen=True)
class Waiting:
    """One due message. `kind`: it may become one message with its like; empty: it stands alone."""

    pk: int
    priority: int
    kind: str = ""


@dataclass(frozen=True)
class Sent:
    """A message that this address got within the last `WINDOW`."""

    at: datetime
    priority: int


@dataclass
class Plan:
    """What to do with what waits; whatever is not named in it is sent now, as it is."""

    bundles: list[list[int]] = field(default_factory=list)
    postponed: dict[int, datetime] = field(default_factory=dict)

    def postpone(self, messages: Iterable[Waiting], until: datetime) -> None:
        self.postponed |= {message.pk: until for message in messages}


def plan(waiting: Sequence[Waiting], sent: Sequence[Sent], *, rate: int, at: datetime) -> Plan:
    """Plan for one address. `waiting` is in sending order; `rate` is how many a `WINDOW` bears."""
    found = Plan()
    firsts = [message for message in waiting if message.priority == Priority.FIRST_PAGE]
    rest = [message for message in waiting if message.priority != Priority.FIRST_PAGE]
    going = _plan_firsts(found, firsts, sent, rate=rate, at=at)
    _plan_rest(found, rest, sent, slots=rate - len(sent) - going, rate=rate, at=at)
    return found


def _plan_firsts(
    found: Plan, firsts: list[Waiting], sent: Sequence[Sent], *, rate: int, at: datetime
) -> int:
    """Answer how many messages they become now."""
    before = [each.at for each in sent if each.priority == Priority.FIRST_PAGE]
    is_storm = len(before) >= rate
    if is_storm and at < (next_at := max(before) + STORM_PAUSE):
        found.postpone(firsts, next_at)
        return 0
    alike = _alike(firsts)
    return sum(_take(found, group, few=1 if is_storm else FEW) for group in alike)


def _plan_rest(
    found: Plan,
    rest: list[Waiting],
    sent: Sequence[Sent],
    *,
    slots: int,
    rate: int,
    at: datetime,
) -> None:
    for group in _alike(rest):
        if slots <= 0:
            found.postpone(group, _next_slot(sent, rate=rate, at=at))
        else:
            slots -= _take(found, group, few=min(FEW, slots))


def _take(found: Plan, group: list[Waiting], *, few: int) -> int:
    """Send a group now: one by one while it is few, otherwise as one; answer how many that is."""
    if len(group) <= few:
        return len(group)
    found.bundles.append([message.pk for message in group])
    return 1


def _alike(messages: Iterable[Waiting]) -> list[list[Waiting]]:
    """What can be said together, in the order of its first; what stands alone is by itself."""
    groups: dict[tuple[str, int], list[Waiting]] = {}
    for message in messages:
        name = (message.kind, message.priority if message.kind else message.pk)
        groups.setdefault(name, []).append(message)
    return list(groups.values())


def _next_slot(sent: Sequence[Sent], *, rate: int, at: datetime) -> datetime:
    """When there is room again: a window after the oldest of the last `rate` messages."""
    times = sorted(each.at for each in sent)
    oldest = times[max(0, len(times) - rate)] if times else at
    return oldest + WINDOW
