"""Writing alerts that were there before, in few statements.

`bulk_update` would be two thirds of the work of a storm: it builds a CASE for every column.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db import connection

from incidents.models import Alert

# What a repeat changes, and what anything else may change.
COUNTED = ("count", "last_seen_at", "last_fired_at", "last_event_id", "expires_at", "look_again_at")
CHANGED = (
    *COUNTED,
    "state",
    "started_at",
    "first_seen_at",
    "resolved_at",
    "ended_at",
    "flapping_since",
    "quiet_since",
    "service_id",
    "incident_id",
    "suppressed_by_id",
    "held_by_id",
    "maintenance_id",
)


def write(rows: Collection[Alert], columns: tuple[str, ...]) -> None:
    """Store these columns of alerts that exist. One statement, run for each."""
    if not rows:
        return
    assignments = ", ".join(f"{column} = %s" for column in columns)
    with connection.cursor() as cursor:
        cursor.executemany(
            f"UPDATE incidents_alert SET {assignments} WHERE id = %s",  # noqa: S608 our own names
            [[_stored(getattr(row, column)) for column in columns] + [row.pk] for row in rows],
        )


def _stored(value: Any) -> Any:  # Any: whatever a column holds
    """As this database's driver takes it."""
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    return value
