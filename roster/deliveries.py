"""What became of a notice's messages, as whoever carries them reports it.

This app sends nothing and so knows nothing about it; the app that does registers a reporter.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from roster.models import Notice


@dataclass(frozen=True)
class Delivery:
    """One message: to which address (its label), how far it has come, in words.

    `tone` is a colour's name for a chip. `at` is when it was sent, or is due while it waits.
    """

    to: str
    state: str
    tone: str
    at: datetime | None
    error: str = ""


type Reporter = Callable[[Sequence[Notice]], dict[int, list[Delivery]]]

_reporters: list[Reporter] = []


def register_reporter(reporter: Reporter) -> None:
    """`reporter` answers by notice id, in a constant number of queries."""
    if reporter not in _reporters:
        _reporters.append(reporter)


def deliveries_of(notices: Sequence[Notice]) -> dict[int, list[Delivery]]:
    """The messages of each notice, by its id, first to be sent first."""
    found: dict[int, list[Delivery]] = {notice.pk: [] for notice in notices}
    for reporter in _reporters if notices else ():
        for pk, deliveries in reporter(notices).items():
            found[pk].extend(deliveries)
    return found
