"""How a message leaves: one module a channel, all of one shape.

A channel is `open()`ed for a run of messages; what it yields has `send(message)`, which returns
what the provider answered or raises ChannelError. A channel decides nothing about recipients or
retries. `AT_ONCE` messages may be under way at a time, `AT_ONCE_EACH` of them with one provider.
"""

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from comms.models import Message


class ChannelError(Exception):
    """The message was not handed over, as far as we know.

    `permanent`: trying again will not help. `is_down`: the provider could not be reached, so the
    next message would fail the same way. `outcome_unknown`: the provider may have taken it
    before the connection broke.
    """

    def __init__(
        self,
        message: str,
        *,
        permanent: bool,
        is_down: bool = False,
        outcome_unknown: bool = False,
    ) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.is_down = is_down
        self.outcome_unknown = outcome_unknown


class Sender(Protocol):
    def send(self, message: "Message") -> str:
        """Hand over one message. Touches no database: it may run in any thread."""
        ...


class ChannelModule(Protocol):
    """What a module of this package offers."""

    AT_ONCE: int
    AT_ONCE_EACH: int

    def open(self) -> AbstractContextManager[Sender]: ...

    def provider_of(self, recipient: str) -> str:
        """How the addresses begin that fail and hang together with this one."""
        ...

    def family_of(self, recipient: str) -> str:
        """How the addresses of all providers of this kind begin."""
        ...
