"""SMS, push and chat through Apprise addresses. Off unless `APPRISE_ENABLED` is set.

Apprise answers only yes or no, so a refusal is taken as temporary unless it could not read the
address at all, and one that took long as a provider that does not answer.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from importlib import import_module
from time import monotonic

from django.conf import settings

from comms.channels import ChannelError
from comms.models import Message

TIME_OUT = timedelta(seconds=10)
# Apprise itself stops waiting for a connection or for an answer after four seconds.
NO_ANSWER_AFTER = timedelta(seconds=3)
AT_ONCE = 8
AT_ONCE_EACH = 2
_PROVIDER = re.compile(r"[^:]*://[^/?]*")


def provider_of(recipient: str) -> str:
    """`json://host:8000` of `json://host:8000/path`; where a service has one, its token."""
    found = _PROVIDER.match(recipient)
    return found.group() if found else recipient


def family_of(recipient: str) -> str:
    return recipient.partition("://")[0] + "://"


@contextmanager
def open() -> Iterator["AppriseSender"]:
    yield AppriseSender()


class AppriseSender:
    def send(self, message: Message) -> str:
        if not settings.APPRISE_ENABLED:
            raise ChannelError(
                "Sending by Apprise is switched off here. Set APPRISE_ENABLED to allow it.",
                permanent=True,
            )
        try:
            apprise = import_module("apprise")  # an optional extra, and slow to import
        except ImportError as error:
            raise ChannelError(
                "The package apprise is not installed. Install Muster with its apprise extra.",
                permanent=True,
            ) from error
        service = apprise.Apprise()
        if not service.add(message.recipient):
            raise ChannelError("Apprise cannot read this address.", permanent=True)
        began = monotonic()
        accepted = service.notify(
            title=message.subject, body=message.body, timeout=TIME_OUT.total_seconds()
        )
        if not accepted and monotonic() - began > NO_ANSWER_AFTER.total_seconds():
            raise ChannelError(
                "The provider did not answer.",
                permanent=False,
                is_down=True,
                outcome_unknown=True,
            )
        if not accepted:
            raise ChannelError("The provider did not accept the message.", permanent=False)
        return "Accepted by the provider."
