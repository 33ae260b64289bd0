"""What became of one message, in the words that stand beside it."""

from collections import Counter
from datetime import datetime

OUTCOME_LENGTH = 300


class Tally:
    """Counts what its alerts came to, and says it: "2 alerts fired, 1 repeated, 1 resolved"."""

    def __init__(self) -> None:
        self._alerts: Counter[str] = Counter()
        self._others: Counter[str] = Counter()

    def alert(self, what: str) -> None:
        """One alert more of which this is true."""
        self._alerts[what] += 1

    def other(self, what: str, count: int = 1) -> None:
        """So many things more that are no alerts: notes, changes."""
        self._others[what] += count

    def words(self, remark: str = "") -> str:
        """The sentence, or the remark alone where there is nothing to count."""
        parts = [f"{count:,} {what}" for what, count in self._alerts.items()]
        if parts:
            count, _, what = parts[0].partition(" ")
            parts[0] = f"{count} alert{'' if count == '1' else 's'} {what}"
        parts += [
            f"{count:,} {what}{'' if count == 1 else 's'}"
            for what, count in self._others.items()
            if count
        ]
        said = ", ".join(parts)
        found = f"{said}. {remark}" if said and remark else said or remark or "It asks for nothing"
        return found if len(found) <= OUTCOME_LENGTH else found[: OUTCOME_LENGTH - 1] + "…"


def in_short(start: datetime, end: datetime) -> str:
    """How long something went on: "40 s", "12 min", "3 h"."""
    seconds = max(0, round((end - start).total_seconds()))
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h"
