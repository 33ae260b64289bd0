"""What intake counts as well as it can: refusals, and when a key was last used.

Kept in memory and written by another thread every few seconds, so that no answer waits for it or
fails with it. What is not yet written when a process dies is lost.
"""

import fcntl
import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock

from django.conf import settings
from django.db import transaction
from django.db.models import F

from incidents.intake import IntakeError
from incidents.intake_rates import hour_of
from incidents.models import IntakeRefusal, Integration, IntegrationKey

# Of integrations, hours and codes together: more than any honest set of monitors brings about.
REFUSALS_KEPT = 1000
USE_RECORDED_EVERY = timedelta(minutes=5)


@dataclass
class _Refusal:
    status: int
    message: str
    count: int
    last_at: datetime


_guard = Lock()
_refusals: dict[tuple[int, datetime, str], _Refusal] = {}
_used: dict[int, datetime] = {}
_recorded: dict[int, datetime] = {}
_unknown_keys = 0


def refused(integration: int, error: IntakeError, *, at: datetime) -> None:
    """Count a refusal of this integration's message."""
    place = (integration, hour_of(at), error.code[:60])
    with _guard:
        known = _refusals.get(place)
        if known is None and len(_refusals) >= REFUSALS_KEPT:
            return
        count = known.count + 1 if known else 1
        _refusals[place] = _Refusal(error.status, error.message[:500], count, at)


def unknown_key() -> None:
    """Count a message that nobody can be told of: no integration has its key."""
    global _unknown_keys
    with _guard:
        _unknown_keys += 1


def used(key: int, *, at: datetime) -> None:
    """Note that a key let a message in; `key` is its primary key. Takes a microsecond."""
    _used[key] = at


def write() -> None:
    """Write down what was counted. If the database refuses, it is kept for the next time."""
    global _unknown_keys
    with _guard:
        number, _unknown_keys = _unknown_keys, 0
        taken = dict(_refusals)
        _refusals.clear()
    if number:
        _add_to_file(number)
    try:
        _write_refusals(taken)
    except BaseException:
        with _guard:
            for place, refusal in taken.items():
                later = _refusals.setdefault(place, refusal)
                if later is not refusal:
                    later.count += refusal.count
        raise
    _write_uses()


def _write_refusals(taken: dict[tuple[int, datetime, str], _Refusal]) -> None:
    known = set(
        Integration.objects.filter(pk__in={place[0] for place in taken}).values_list(
            "pk", flat=True
        )
    )
    for (integration, hour, code), refusal in taken.items():
        if integration not in known:
            continue
        with transaction.atomic():
            IntakeRefusal.objects.update_or_create(
                integration_id=integration,
                hour=hour,
                code=code,
                defaults={
                    "status": refusal.status,
                    "message": refusal.message,
                    "last_at": refusal.last_at,
                    "count": F("count") + refusal.count,
                },
                create_defaults={
                    "status": refusal.status,
                    "message": refusal.message,
                    "last_at": refusal.last_at,
                    "count": refusal.count,
                },
            )


def _write_uses() -> None:
    news = {
        key: at
        for key, at in list(_used.items())
        if key not in _recorded or at - _recorded[key] >= USE_RECORDED_EVERY
    }
    for key, at in news.items():
        IntegrationKey.objects.filter(pk=key).update(last_used_at=at)
        _recorded[key] = at


# --- Messages with unknown keys, of all processes of this host ------------------------------------


def unknown_keys() -> int:
    """How many came since DATA_DIR was made."""
    try:
        return int(_file().read_text() or 0)
    except (FileNotFoundError, ValueError):
        return 0


def _add_to_file(number: int) -> None:
    file = os.open(_file(), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        known = os.read(file, 40)
        os.pwrite(file, str((int(known) if known.isdigit() else 0) + number).encode(), 0)
    finally:
        os.close(file)


def _file() -> Path:
    path: Path = settings.DATA_DIR / "unknown-keys"
    return path
