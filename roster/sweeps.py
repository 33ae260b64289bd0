"""Sweeps: what beat runs every few seconds to find due rows, and the record that they ran."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock

from django.db import models
from django.db.models import F
from django.utils import timezone

logger = logging.getLogger(__name__)

RECORD_EVERY = timedelta(seconds=5)

# Of this process: which sweeps run now, and which of them were asked for meanwhile.
_guard = Lock()
_running: set[str] = set()
_asked_again: set[str] = set()


class SweepRun(models.Model):
    """The last recorded run of one sweep; one row per sweep, made by its first run.

    `handled` counts rows since that first run. Idle runs are recorded every few seconds only,
    so that an idle installation hardly writes. Only `run_sweep` changes it; `/readyz` reads it.
    """

    name = models.CharField(max_length=80, unique=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()
    last_error = models.TextField(blank=True)
    handled = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return self.name


def run_sweep(
    name: str,
    step: Callable[[datetime], int],
    clock: Callable[[], datetime] = timezone.now,
    budget: timedelta = timedelta(seconds=20),
) -> int:
    """Call `step` until it finds nothing more or the budget is spent; answer the rows handled.

    An exception ends the run and is kept in `last_error`; the next run tries again. Where this
    process runs the sweep already, that run is told to look once more, and 0 is the answer: in a
    storm a ring costs next to nothing, and rings for one table hold up no other.
    """
    if not _enter(name):
        return 0
    handled = 0
    while True:
        try:
            handled += _run(name, step, clock, budget)
        except BaseException:
            # Recording the run needs the database: with it away, the sweep must stay free to run.
            _leave(name, even_if_asked=True)
            raise
        if _leave(name):
            return handled


def still_running(name: str, at: datetime) -> None:
    """For a step of a minute: say that its sweep is alive, or `/readyz` takes it for dead."""
    SweepRun.objects.filter(name=name).update(finished_at=at)


def _enter(name: str) -> bool:
    """Whether to run; if somebody else does, they are asked to look again."""
    with _guard:
        if name in _running:
            _asked_again.add(name)
            return False
        _running.add(name)
        return True


def _leave(name: str, *, even_if_asked: bool = False) -> bool:
    """Whether to stop; not if somebody asked meanwhile, who saw rows this run may have missed."""
    with _guard:
        asked = name in _asked_again
        _asked_again.discard(name)
        if asked and not even_if_asked:
            return False
        _running.discard(name)
        return True


def _run(
    name: str, step: Callable[[datetime], int], clock: Callable[[], datetime], budget: timedelta
) -> int:
    started_at = clock()
    handled, error = 0, ""
    try:
        while found := step(clock()):
            handled += found
            if clock() - started_at >= budget:
                break
    except Exception as exception:
        logger.exception("Sweep %s failed", name)
        error = f"{type(exception).__name__}: {exception}"
    _record(name, started_at=started_at, finished_at=clock(), handled=handled, error=error)
    return handled


def _record(
    name: str, *, started_at: datetime, finished_at: datetime, handled: int, error: str
) -> None:
    last = SweepRun.objects.filter(name=name).first()
    is_news = last is None or handled or error != last.last_error
    if last and not is_news and finished_at - last.finished_at < RECORD_EVERY:
        return
    times = {"started_at": started_at, "finished_at": finished_at, "last_error": error}
    SweepRun.objects.update_or_create(
        name=name,
        defaults={**times, "handled": F("handled") + handled},
        create_defaults={**times, "handled": handled},
    )
