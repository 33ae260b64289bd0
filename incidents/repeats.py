"""Telling repeats from news at the door, so that a backlog is worked off news first.

Monitors send a firing alert again and again, byte for byte. What this process has seen within the
last minutes is processed after what it has not; nothing is left out because of it. A repeat that
was news after all (the same bytes, after a resolve) only waits until the backlog is gone.
"""

from time import monotonic

REMEMBERED_FOR_SECONDS = 300.0
REMEMBERED_AT_MOST = 20_000


class Seen:
    """Hashes of what came lately, in two generations: a set is cheaper to age than each entry."""

    def __init__(self) -> None:
        self._recent: set[int] = set()
        self._older: set[int] = set()
        self._began = monotonic()

    def again(self, integration: int, call: str, body: bytes) -> bool:
        """Whether this came before, within five to ten minutes. Takes about a microsecond."""
        now = monotonic()
        if now - self._began > REMEMBERED_FOR_SECONDS or len(self._recent) >= REMEMBERED_AT_MOST:
            self._older, self._recent, self._began = self._recent, set(), now
        # Python's own hash, keyed anew in each process: nobody can aim at another's alerts.
        digest = hash((integration, call, body))
        was_seen = digest in self._recent or digest in self._older
        self._recent.add(digest)
        return was_seen
