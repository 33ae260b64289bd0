"""The keys that let monitors in, remembered by this process.

By digest and not by key: a copy of this process' memory holds no working key. Unknown keys are not
remembered, or guessing would fill it. All keys are read when the process starts and every half
minute after, so that in an outage even a key works that was made minutes ago and never used here.
They are written to a file as well, for a process that starts while the database is away.
"""

import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from time import monotonic
from typing import Any

import msgspec
from django.conf import settings
from django.db import Error
from django.utils import timezone

from incidents.acceptance import UnavailableError, is_away, outage
from incidents.intake import ADAPTERS, Adapter, IntakeError
from incidents.models import IntegrationKey
from incidents.models.integrations import digest_of
from incidents.promptness import promptly
from roster.sealing import unseal

logger = logging.getLogger(__name__)

# How long this process may go on accepting a key that ended meanwhile: as a rule, and while the
# database is away.
REMEMBERED_FOR = timedelta(seconds=5)
REMEMBERED_IN_OUTAGE_FOR = timedelta(hours=1)

_COLUMNS = (
    "digest",
    "pk",
    "integration_id",
    "integration__kind",
    "integration__revoked_at",
    "ends_at",
    "integration__options",
    "integration__sealed_secret",
)


class _Row(msgspec.Struct, frozen=True):
    """A key as the database has it, and as it is written down."""

    digest: str
    pk: int
    integration: int
    kind: str
    revoked_at: datetime | None
    ends_at: datetime | None
    options: dict[str, Any]
    sealed: str


class _Written(msgspec.Struct):
    at: datetime
    keys: list[_Row]


@dataclass(frozen=True)
class KnownKey:
    """A key and its integration, as the database had them at `read_at` (monotonic seconds)."""

    row: _Row
    pk: int
    integration: int
    adapter: Adapter
    is_revoked: bool
    ends_at: float | None  # of the wall clock, in seconds
    options: Mapping[str, Any]
    secret: str | None  # None: sealed with a SECRET_KEY that is no longer set
    read_at: float

    def check(self) -> None:
        """Raise IntakeError if it no longer lets anybody in, or if we cannot tell who it is."""
        if self.is_revoked:
            raise IntakeError(
                "integration_revoked",
                "This integration was revoked. Ask an administrator for a new address.",
                status=403,
            )
        if self.ends_at is not None and self.ends_at <= timezone.now().timestamp():
            raise IntakeError(
                "key_ended",
                "This key was replaced by a newer one. Ask an administrator for it.",
                status=403,
            )
        if self.secret is None:
            raise IntakeError(
                "secret_unreadable",
                "The signing secret was kept under another SECRET_KEY. Enter it again.",
                status=503,
            )

    def is_fresh(self, within: timedelta) -> bool:
        return monotonic() - self.read_at < within.total_seconds()


_known: dict[str, KnownKey] = {}
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Written).decode


def find(key: str) -> KnownKey:
    """Look the key up by its digest: comparing hashes tells a guesser nothing about the key.

    Raises IntakeError for one that is unknown, UnavailableError if nobody can tell now.
    """
    digest = digest_of(key)
    known = _known.get(digest)
    if known is None or not known.is_fresh(REMEMBERED_FOR):
        known = _look_up(digest)
    return known


def refresh() -> int:
    """Read every key anew, and forget those that are gone; how many there are."""
    found = dict(_read())
    for gone in _known.keys() - found.keys():
        _known.pop(gone, None)
    _known.update(found)
    _write_down(found)
    return len(found)


def recall() -> None:
    """Know again what was written down, for a process that starts while the database is away."""
    try:
        written = _decode(_file().read_bytes())
    except (FileNotFoundError, msgspec.DecodeError):
        return
    age = timezone.now() - written.at
    for row in written.keys if timedelta() <= age < REMEMBERED_IN_OUTAGE_FOR else ():
        if row.kind in ADAPTERS:
            _known.setdefault(row.digest, _known_key(row, monotonic() - age.total_seconds()))


def forget_all() -> None:
    _known.clear()


def _look_up(digest: str) -> KnownKey:
    if not outage.is_on:
        try:
            with promptly():
                found = dict(_read(digest=digest))
        except Error as error:
            if not is_away(error):
                raise
            outage.begin(error)
        else:
            return _remember(digest, found)
    known = _known.get(digest)
    if known is None or not known.is_fresh(REMEMBERED_IN_OUTAGE_FOR):
        raise UnavailableError
    return known


def _remember(digest: str, found: dict[str, KnownKey]) -> KnownKey:
    if not found:
        _known.pop(digest, None)
        raise IntakeError(
            "unknown_key",
            "No integration has this key. Copy the address from the integration's page again.",
            status=401,
        )
    _known[digest] = found[digest]
    return found[digest]


def _read(**which: str) -> Iterator[tuple[str, KnownKey]]:
    now = monotonic()
    for row in IntegrationKey.objects.filter(**which).values_list(*_COLUMNS):
        found = _Row(*row)
        if found.kind in ADAPTERS:  # or it is of a newer version, which was taken back
            yield found.digest, _known_key(found, now)


def _known_key(row: _Row, read_at: float) -> KnownKey:
    return KnownKey(
        row=row,
        pk=row.pk,
        integration=row.integration,
        adapter=ADAPTERS[row.kind],
        is_revoked=row.revoked_at is not None,
        ends_at=row.ends_at.timestamp() if row.ends_at else None,
        options=row.options,
        secret=_unsealed(row.sealed),
        read_at=read_at,
    )


def _write_down(found: Mapping[str, KnownKey]) -> None:
    """Digests, and secrets as sealed as they are in the database: of no use to who finds them."""
    path = _file()
    written = _encode(_Written(at=timezone.now(), keys=[known.row for known in found.values()]))
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = path.with_name(f"{path.name}-{os.getpid()}")
        fresh.touch(mode=0o600)
        fresh.write_bytes(written)
        fresh.replace(path)
    except OSError as error:
        logger.warning("Keys cannot be written down for an outage: %s", error.strerror)


def _file() -> Path:
    path: Path = settings.SPOOL_DIR / "keys"
    return path


@lru_cache(maxsize=4096)
def _unsealed(sealed: str) -> str | None:
    """Opening one takes longer than storing an alert, and all are read twice a minute."""
    try:
        return unseal(sealed)
    except ValueError:
        return None
