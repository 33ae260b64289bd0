"""Accepting a message: into the database, or into the spool while the database is away.

An outage begins with the first refused statement and ends when what was spooled has been stored.
Meanwhile nobody waits for the database but the thread that tries it (`incidents.intake_upkeep`):
requests go to the spool at once, so that they stay fast and in order.
"""

import logging
import os
import threading
from functools import cache
from time import monotonic

from django.conf import settings
from django.db import (
    DatabaseError,
    DataError,
    Error,
    IntegrityError,
    InterfaceError,
    connection,
)

from incidents import arrivals
from incidents.arrivals import Arrival
from incidents.promptness import promptly
from incidents.spool import Spool, SpoolFullError
from roster.doorbell import ring

logger = logging.getLogger(__name__)

# A connection that fails sooner than this was stale, and another one is worth a try.
STALE_WITHIN_SECONDS = 1.0


class UnavailableError(Exception):
    """Neither the database nor the spool can take it: the sender has to come again."""


class Outage:
    """Whether this process takes the database to be away."""

    def __init__(self) -> None:
        self._is_on = False

    @property
    def is_on(self) -> bool:
        return self._is_on

    def begin(self, error: BaseException) -> None:
        if not self._is_on:
            self._is_on = True
            logger.error("The database is away (%s); events are spooled", type(error).__name__)
        has_spooled.set()

    def end(self) -> None:
        if self._is_on:
            self._is_on = False
            logger.warning("The database is back, and every spooled event is stored")


outage = Outage()
# Wakes the thread that stores what was spooled.
has_spooled = threading.Event()


def is_away(error: BaseException) -> bool:
    """Whether the database cannot take anything now, rather than not this.

    A table or column that is not there yet counts: code may be started before it is migrated.
    """
    return isinstance(error, DatabaseError | InterfaceError) and not isinstance(
        error, IntegrityError | DataError
    )


def accept(arrival: Arrival) -> None:
    """Keep an arrival so that no crash loses it. Raises UnavailableError, or IntegrityError."""
    if not outage.is_on:
        try:
            with promptly():
                _insert(arrival)
            # Not for what is spooled: even to ask whether a transaction is open takes a connection.
            ring("incidents.process_events")
            return
        except Error as error:
            if not is_away(error):
                raise
            outage.begin(error)
    try:
        spool().append(arrival)
    except SpoolFullError:
        raise UnavailableError from None
    has_spooled.set()


def _insert(arrival: Arrival) -> None:
    """Insert, on a new connection if the old one turns out to be dead.

    That is cheaper than asking before every request whether it lives.
    """
    connection.health_check_done = True  # type: ignore[attr-defined]  # not in the stubs
    began = monotonic()
    try:
        arrivals.insert(arrival)
    except Error:
        may_be_stale = monotonic() - began < STALE_WITHIN_SECONDS and not connection.in_atomic_block
        if not may_be_stale or not getattr(connection.connection, "closed", False):
            raise
        connection.close()
        arrivals.insert_once([arrival])


# --- The spool of this process -------------------------------------------------------------------


def spool() -> Spool:
    return _spool_of(os.getpid())


@cache
def _spool_of(pid: int) -> Spool:
    """A forked process has a spool of its own: the lock is its parent's."""
    return Spool(settings.SPOOL_DIR, limit_bytes=settings.SPOOL_LIMIT_MB * 1024 * 1024)
