"""The running stacks of the end-to-end tests serve here too."""

from tests.e2e.conftest import mail, prepared, seeded, stack

__all__ = ["mail", "prepared", "seeded", "stack"]
