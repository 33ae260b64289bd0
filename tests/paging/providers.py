"""Stand-ins for the providers that messages are handed to, and nothing before them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from comms.channels import ChannelError
from comms.models import Message


@dataclass(frozen=True)
class Delivery:
    """A message that a provider took: when, for whom, by which way, and what it said."""

    at: datetime
    person: str
    way: str
    subject: str
    body: str
    key: str

    def __str__(self) -> str:
        return f"{self.at:%H:%M:%S} {self.person} by {self.way}: {self.subject}"


@dataclass
class Providers:
    """All of them, with a clock of the test's own. `down` are the ways that fail for now."""

    clock: Callable[[], datetime]
    taken: list[Delivery] = field(default_factory=list)
    down: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)

    def take(self, message: Message) -> str:
        way = way_of(message)
        if way in self.refused:
            raise ChannelError("Nobody has this address.", permanent=True)
        if way in self.down:
            raise ChannelError("The provider is down.", permanent=False, is_down=True)
        who = message.person.name if message.person else message.recipient
        self.taken.append(
            Delivery(self.clock(), who, way, message.subject, message.body, message.key)
        )
        return "Taken."


def way_of(message: Message) -> str:
    """How people call the address: "push" of push://ada, else "email"."""
    scheme, separator, _ = message.recipient.partition("://")
    return scheme if separator else "email"


@dataclass(frozen=True)
class Channel:
    """Has the shape of a module of `comms.channels`."""

    providers: Providers
    AT_ONCE: int = 1
    AT_ONCE_EACH: int = 1

    @contextmanager
    def open(self) -> Iterator["Channel"]:
        yield self

    def send(self, message: Message) -> str:
        return self.providers.take(message)

    def provider_of(self, recipient: str) -> str:
        return recipient.partition("://")[0]

    def family_of(self, recipient: str) -> str:
        return self.provider_of(recipient)
