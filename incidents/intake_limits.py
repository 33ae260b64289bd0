"""How many messages a minute one integration may send, where its format has a word for "too many".

Alertmanager's webhook drops what is answered 429, so it is never limited (WIRE-FORMATS §0); clients
of PagerDuty and Opsgenie wait and send again. The vendors' own limits (120 a minute) would only be
in the way: ours keeps one client that runs wild from filling the disk.
"""

from dataclasses import dataclass
from threading import Lock

from django.conf import settings

WINDOW_SECONDS = 60.0


@dataclass
class _Window:
    """Two counts stand for the sliding minute: the present one's, and a share of the one before."""

    began: float
    count: int = 0
    before: int = 0


# Of this process: with several web processes each admits as many. By the integration's key.
_windows: dict[int, _Window] = {}
_guard = Lock()


def admits(integration: int, *, at: float) -> bool:
    """Count one message of this integration at `at` (monotonic seconds), unless it is too many.

    What is refused is not counted: a client that goes on trying gets its share all the same.
    """
    limit = settings.INTAKE_PER_MINUTE
    if not limit:
        return True
    with _guard:
        window = _windows.setdefault(integration, _Window(began=at))
        _move_on(window, at)
        share = 1 - (at - window.began) / WINDOW_SECONDS
        if window.before * share + window.count >= limit:
            return False
        window.count += 1
        return True


def _move_on(window: _Window, at: float) -> None:
    passed = int((at - window.began) / WINDOW_SECONDS)
    if passed > 0:
        window.before = window.count if passed == 1 else 0
        window.count = 0
        window.began += passed * WINDOW_SECONDS
