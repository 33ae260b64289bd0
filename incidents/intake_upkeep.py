"""What each web process does beside answering: the spool, the keys, the counts.

In threads of its own, started with the process, so that no request waits for any of it. The web
process does it and no worker, since only it sees the folder where its events wait.
"""

import logging
import os
import threading
from collections.abc import Callable, Sequence
from time import monotonic, sleep

from django.conf import settings
from django.db import Error, close_old_connections, connection

from incidents import arrivals, door_counts, intake_keys
from incidents.acceptance import has_spooled, is_away, outage, spool
from incidents.arrivals import Arrival
from incidents.promptness import cut_off_overdue, promptly
from roster.doorbell import ring

logger = logging.getLogger(__name__)

IN_OUTAGE_TRIES_EVERY_SECONDS = 0.5
LOOKS_EVERY_SECONDS = 1.0
LOOKS_FOR_LEFT_BEHIND_EVERY_SECONDS = 5.0
READS_KEYS_EVERY_SECONDS = 30.0
WRITES_COUNTS_EVERY_SECONDS = 5.0
LOOKS_FOR_OVERDUE_EVERY_SECONDS = 0.5
# The thread itself may wait longer than a request: a large batch, on a database that just started.
ANSWERS_WITHIN_SECONDS = 20.0

_started_in: int | None = None
_starting = threading.Lock()


def start() -> None:
    """Start the threads, once a process; cheap to call for every request."""
    global _started_in
    if _started_in == os.getpid() or not settings.INTAKE_UPKEEP:
        return
    with _starting:
        if _started_in != os.getpid():
            _started_in = os.getpid()
            for name, work in (("intake-upkeep", _keep_up), ("intake-overdue", _watch)):
                threading.Thread(target=work, name=name, daemon=True).start()


def replay() -> int:
    """Store what was spooled, here and by processes that ended, and end the outage; how many.

    Raises what the database raises while it is away.
    """
    stored = spool().replay(_store)
    if outage.is_on and spool().is_empty:
        # Nothing waited, so nothing has shown yet that the database answers.
        with promptly(), connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        outage.end()
    if stored:
        logger.warning("Stored %s spooled events", stored)
        ring("incidents.process_events")
    return stored


def _store(batch: Sequence[Arrival]) -> None:
    with promptly(ANSWERS_WITHIN_SECONDS):
        arrivals.insert_once(batch)


def _read_keys() -> None:
    with promptly():
        intake_keys.refresh()


def _write_counts() -> None:
    with promptly():
        door_counts.write()


def _keep_up() -> None:
    """Never returns. While nothing is spooled it wakes up once a second."""
    duties: dict[Callable[[], object], float] = {
        replay: LOOKS_FOR_LEFT_BEHIND_EVERY_SECONDS,
        _read_keys: READS_KEYS_EVERY_SECONDS,
        _write_counts: WRITES_COUNTS_EVERY_SECONDS,
    }
    due = dict.fromkeys(duties, 0.0)
    while True:
        has_spooled.clear()
        is_behind = outage.is_on or not spool().is_empty
        for duty, seconds in duties.items():
            if due[duty] <= monotonic() or (duty is replay and is_behind):
                due[duty] = monotonic() + seconds
                _do(duty)
        if outage.is_on or not spool().is_empty:
            sleep(IN_OUTAGE_TRIES_EVERY_SECONDS)
        else:
            has_spooled.wait(LOOKS_EVERY_SECONDS)


def _do(duty: Callable[[], object]) -> None:
    """Do it; while the database is away only what waits for it is tried."""
    if outage.is_on and duty is not replay:
        return
    close_old_connections()
    try:
        duty()
    except Error as error:
        if not is_away(error):
            logger.exception("The upkeep of intake failed")
    except Exception:  # this thread has to go on, whatever one duty ran into
        logger.exception("The upkeep of intake failed")


def _watch() -> None:
    """Never returns."""
    while True:
        sleep(LOOKS_FOR_OVERDUE_EVERY_SECONDS)
        if cut := cut_off_overdue():
            logger.error("The database left %s statements without an answer", cut)
