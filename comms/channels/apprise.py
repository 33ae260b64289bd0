"""SMS, push and chat through Apprise addresses. Off unless `APPRISE_ENABLED` is set.

Apprise answers only yes or no, so a refusal is taken as temporary unless it could not read the
address at all.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from importlib import import_module

from django.conf import settings

from comms.channels import ChannelError
from comms.models import Message

TIME_OUT = timedelta(seconds=10)


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
        accepted = service.notify(
            title=message.subject, body=message.body, timeout=TIME_OUT.total_seconds()
        )
        if not accepted:
            raise ChannelError("The provider did not accept the message.", permanent=False)
        return "Accepted by the provider."
