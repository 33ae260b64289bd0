"""Findings as rows: new ones are added, standing ones kept up to date, those gone resolved."""

from collections.abc import Iterable
from datetime import datetime

from roster.coverage.found import Found
from roster.models import CoverageFinding

_UPDATED = ("kind", "schedule", "person", "starts_at", "ends_at", "text")
_TEXT_LENGTH = 500


def settle(found: Iterable[Found], *, at: datetime) -> None:
    """Make the standing findings those that a proof found. Four queries at most.

    A key that comes twice counts once. What is resolved stays on record.
    """
    by_key: dict[str, CoverageFinding] = {}
    for each in found:
        by_key.setdefault(each.key, _row_of(each, at))
    standing = {row.fingerprint: row for row in CoverageFinding.objects.standing()}
    changed = [
        row for key, row in standing.items() if key in by_key and _take_over(row, by_key[key])
    ]
    new = [row for key, row in by_key.items() if key not in standing]
    gone = [row.pk for key, row in standing.items() if key not in by_key]
    # Another worker may have found the same meanwhile: it stands once.
    CoverageFinding.objects.bulk_create(new, ignore_conflicts=True)
    CoverageFinding.objects.bulk_update(changed, _UPDATED, batch_size=500)
    if gone:
        CoverageFinding.objects.standing().filter(pk__in=gone).update(resolved_at=at)


def _row_of(found: Found, at: datetime) -> CoverageFinding:
    return CoverageFinding(
        fingerprint=found.key,
        kind=found.kind,
        schedule=found.schedule,
        person=found.person,
        starts_at=found.starts_at,
        ends_at=found.ends_at,
        text=found.text[:_TEXT_LENGTH],
        found_at=at,
    )


def _take_over(row: CoverageFinding, latest: CoverageFinding) -> bool:
    """Give a standing row what the latest proof says of it; whether that changed anything."""
    names = ("kind", "schedule_id", "person_id", "starts_at", "ends_at", "text")
    is_changed = any(getattr(row, name) != getattr(latest, name) for name in names)
    for name in names:
        setattr(row, name, getattr(latest, name))
    return is_changed
