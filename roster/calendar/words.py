"""Why somebody is on call, in sentences."""

from roster import rotation
from roster.models import Override, Swap


def why_on_call(shift: rotation.Shift, override: Override | None) -> tuple[str, ...]:
    """`override` is the row that the shift's source names, if it does."""
    if override is not None:
        return why_overridden(override)
    if shift.source.override is not None:
        return ("By an override.",)
    turn = shift.source.turn
    # People count from one; turns before the first handoff have no number worth telling.
    number = f", turn {turn + 1}" if turn is not None and turn >= 0 else ""
    return (f"Layer {shift.source.layer}{number}.",)


def why_overridden(override: Override) -> tuple[str, ...]:
    """What it does, whom it comes from, and the reason given."""
    if override.swap:
        return (f"A swap: {override.person} stands in for {override.replaces}.",)
    by = f" Entered by {override.created_by}." if override.created_by else ""
    if override.calendar:
        by = f" Read from the calendar {override.calendar}."
    reason = (f"“{override.reason}”",) if override.reason else ()
    return (f"{_what(override)}{by}", *reason)


def why_offered(swap: Swap) -> str:
    to = swap.asked.name if swap.asked else "everyone who takes turns here"
    if swap.taker:
        return f"{swap.taker} wants to take this from {swap.giver}, who has to confirm."
    return f"{swap.giver} offers this to {to}. Nobody has taken it yet."


def _what(override: Override) -> str:
    match override.kind:
        case Override.Kind.ADD:
            return f"Override: {override.person} is on call too."
        case Override.Kind.REMOVE:
            return f"Override: {override.person} is not on call."
        case Override.Kind.REPLACE:
            return f"Override: {override.person} stands in for {override.replaces}."
        case Override.Kind.TEMPORARY:
            return "Override: only the shifts listed count."
        case _:
            return f"Override: only {override.person} is on call."
