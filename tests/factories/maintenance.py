"""Maintenance windows, on for two hours from nine o'clock unless told otherwise."""

from datetime import UTC, datetime, timedelta
from typing import Any

from incidents.models import MaintenanceWindow, Service
from tests.factories.incidents import make_service

STARTS_AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def make_maintenance(*services: Service, **fields: Any) -> MaintenanceWindow:
    """A window that covers these services, or one of its own."""
    fields.setdefault("name", "Database upgrade")
    fields.setdefault("starts_at", STARTS_AT)
    fields.setdefault("ends_at", fields["starts_at"] + timedelta(hours=2))
    fields.setdefault("time_zone", "UTC")
    fields.setdefault("created_by_name", "Ruth Adeyemi")
    fields.setdefault("created_at", fields["starts_at"])
    window = MaintenanceWindow.objects.create(**fields)
    window.services.set(services or [make_service()])
    return window
