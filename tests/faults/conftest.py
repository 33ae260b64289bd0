"""The running stacks of the end-to-end tests serve here too."""

from tests.e2e.conftest import mail, stack

__all__ = ["mail", "stack"]
