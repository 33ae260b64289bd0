"""Adapters: one module a monitor's format, found by the integration's kind.

A module offers `check(body)`, run while the monitor waits, and `read(body)`, run afterwards.
"""

from typing import Protocol

from incidents.intake import alertmanager
from incidents.intake.notification import IntakeError, NormalisedAlert, Notification

__all__ = ["ADAPTERS", "Adapter", "IntakeError", "NormalisedAlert", "Notification"]


class Adapter(Protocol):
    """What a module in this package offers; both raise IntakeError and nothing else."""

    def check(self, body: bytes) -> None:
        """Raise if the body as a whole is not this format."""

    def read(self, body: bytes) -> Notification:
        """Return the alerts in the body, with what could not be read."""


ADAPTERS: dict[str, Adapter] = {"alertmanager": alertmanager}
