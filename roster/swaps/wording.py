"""What people read about a swap before they answer, on every page and in every message alike.

Plain text: whoever puts it into a message or a page escapes it.
"""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from roster.conflicts import Conflict
from roster.models import FindingKind, Person, Swap
from roster.swaps.proposals import span_text

Facts = list[tuple[str, str]]


def facts_about(swap: Swap, zone: str) -> Facts:
    """Whose shift, when, for whom and against what: (label, value), times read in `zone`."""
    facts = [
        ("On call for", str(swap.schedule)),
        (f"{swap.giver}'s shift", when(swap.starts_at, swap.ends_at, zone)),
    ]
    other = swap.taker or swap.asked
    if swap.return_starts_at and swap.return_ends_at and other:
        span = when(swap.return_starts_at, swap.return_ends_at, zone)
        facts.append((f"In return, {other}'s shift", span))
    if swap.taker:
        facts.append(("Taken by", str(swap.taker)))
    elif swap.asked:
        facts.append(("Offered to", str(swap.asked)))
    else:
        facts.append(("Offered to", "everyone who takes turns there"))
    if swap.arranged_by:
        facts.append(("Arranged by", str(swap.arranged_by)))
    if swap.note:
        facts.append(("Note", swap.note))
    return facts


def when(start: datetime, end: datetime, zone: str) -> str:
    """“Mon 2 Mar 09:00 to Mon 9 Mar 09:00 GMT (7 d)”."""
    return f"{span_text(start, end, zone)} ({length(start, end)})"


def length(start: datetime, end: datetime) -> str:
    """“7 d”, “1 d 12 h”, “8 h 30 min”: real time, whatever clocks do meanwhile."""
    minutes = round((end.timestamp() - start.timestamp()) / 60)
    days, rest = divmod(minutes, 24 * 60)
    hours, minutes = divmod(rest, 60)
    parts = [f"{days} d"] * bool(days) + [f"{hours} h"] * bool(hours)
    return " ".join(parts + [f"{minutes} min"] * bool(minutes))


def warnings_of(conflicts: Sequence[Conflict], zone: str) -> list[str]:
    """One line for each thing that stands against it, with its time."""
    info = ZoneInfo(zone)
    lines = []
    for each in conflicts:
        since = each.starts_at.astimezone(info)
        if each.kind == FindingKind.NO_REST:
            lines.append(f"{each.text} ({since:%a %-d %b %H:%M})")
        else:
            span = span_text(each.starts_at, each.ends_at, zone)
            lines.append(f"{each.text} ({span})")
    return list(dict.fromkeys(lines))


def headline(swap: Swap, person: Person) -> str:
    """What is asked of this person, in one line."""
    exchange = swap.kind == Swap.Kind.EXCHANGE
    if person.pk == swap.giver_id:
        other = swap.taker or swap.asked or "anyone of the rotation"
        verb = "swap shifts with you" if exchange else "take over your shift"
        if swap.taker:
            return f"{other} would {verb} on {swap.schedule}"
        return f"Your shift on {swap.schedule} is to be offered to {other}"
    verb = "swap shifts with you" if exchange else "be covered"
    return f"{swap.giver} would like to {verb} on {swap.schedule}"
