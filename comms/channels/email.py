"""E-mail through Django's mail API, so any backend that Django can use will do.

One connection serves a run of messages. What a server answers decides whether trying again makes
sense: 5yz about a message or its address is final, 4yz (greylisting, full mailbox, too busy) is
not (RFC 5321 §4.2.1). Anything wrong with the connection or the log-in is never the message's
fault.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import Message as MimePart
from email.mime.base import MIMEBase
from email.mime.text import MIMEText
from smtplib import (
    SMTPAuthenticationError,
    SMTPConnectError,
    SMTPHeloError,
    SMTPNotSupportedError,
    SMTPRecipientsRefused,
    SMTPResponseException,
    SMTPServerDisconnected,
)
from time import monotonic
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend

from comms.channels import ChannelError
from comms.models import Message

# There is one mail server: a second connection would wait for it as well.
AT_ONCE = AT_ONCE_EACH = 1
# Mail servers close a connection after so many, and then nobody knows about the last one.
MAILS_A_CONNECTION = 100
# Of EMAIL_TIMEOUT: a mail that took so much of it failed because the server does not answer.
NEARLY_ALL = 0.9


def provider_of(recipient: str) -> str:
    return ""  # every address begins like this


def family_of(recipient: str) -> str:
    return ""


@contextmanager
def open() -> Iterator["EmailSender"]:
    """A sender whose connection opens with the first message and closes after the last."""
    sender = EmailSender(get_connection())
    try:
        yield sender
    finally:
        sender.hang_up()


class EmailSender:
    def __init__(self, connection: BaseEmailBackend) -> None:
        self._connection = connection
        self._sent = 0  # over this connection

    def send(self, message: Message) -> str:
        if self._sent >= MAILS_A_CONNECTION:
            self.hang_up()
        self._connect()
        self._sent += 1
        began = monotonic()
        try:
            mail = as_mail(message)
            self._connection.send_messages([mail])
        except (OSError, ValueError) as error:  # smtplib's exceptions are OSErrors
            failure = _explained(error)
            if failure.outcome_unknown:
                failure.is_down = monotonic() - began > NEARLY_ALL * settings.EMAIL_TIMEOUT
                self.hang_up()
            raise failure from error
        return "Accepted by the mail server."

    def _connect(self) -> None:
        try:
            self._connection.open()
        except OSError as error:
            text = f"The mail server cannot be reached: {_words(error)}"
            raise ChannelError(text, permanent=False, is_down=True) from error

    def hang_up(self) -> None:
        """Close the connection; one that is broken already cannot be closed politely."""
        self._sent = 0
        with suppress(OSError):
            self._connection.close()


def _explained(error: OSError | ValueError) -> ChannelError:
    match error:
        case SMTPRecipientsRefused(recipients=refused):
            code, answer = next(iter(refused.values()))
            text = f"The mail server refused the address: {code} {_decoded(answer)}"
            return ChannelError(text, permanent=code >= 500)
        case SMTPAuthenticationError() | SMTPConnectError() | SMTPHeloError():
            text = f"The mail server does not let us in: {_words(error)}"
            return ChannelError(text, permanent=False, is_down=True)
        case SMTPResponseException(smtp_code=code, smtp_error=answer):
            text = f"The mail server refused the message: {code} {_decoded(answer)}"
            return ChannelError(text, permanent=code >= 500)
        case SMTPServerDisconnected():
            text = "The mail server closed the connection before it answered."
            return ChannelError(text, permanent=False, outcome_unknown=True)
        case SMTPNotSupportedError() | ValueError():  # ValueError: a header that cannot be written
            return ChannelError(f"This mail cannot be written: {error}", permanent=True)
        case _:
            text = f"The connection to the mail server broke: {_words(error)}"
            return ChannelError(text, permanent=False, outcome_unknown=True)


def _words(error: Exception) -> str:
    if isinstance(error, SMTPResponseException):
        return f"{error.smtp_code} {_decoded(error.smtp_error)}"
    return str(error) or type(error).__name__


def _decoded(answer: bytes | str) -> str:
    return answer.decode(errors="replace") if isinstance(answer, bytes) else answer


def as_mail(message: Message) -> EmailMultiAlternatives:
    """The mail for a message: plain text always, HTML beside it, files attached."""
    mail = EmailMultiAlternatives(
        subject=message.subject,
        body=message.body,
        to=[message.recipient],
        headers=_headers(message),
    )
    if message.html:
        mail.attach_alternative(message.html, "text/html")
    for file in message.attachments:
        mail.attach(_attachment(file))
    return mail


def _headers(message: Message) -> dict[str, str]:
    host = urlsplit(settings.PUBLIC_URL).hostname
    headers = {
        "Message-ID": f"<{re.sub(r'[^A-Za-z0-9.-]', '-', message.key)}@{host}>",
        "Auto-Submitted": "auto-generated",  # RFC 3834: out-of-office replies stay away
    }
    if message.incident:
        # Mail programs then show all mails of an incident as one conversation.
        headers["References"] = f"<{message.incident.reference.lower()}@{host}>"
    return headers


def _attachment(file: dict[str, str]) -> MIMEBase:
    described = MimePart()
    described["Content-Type"] = file["content_type"]
    part = MIMEText(file["text"], described.get_content_subtype(), "utf-8")
    for name, value in (described.get_params() or [])[1:]:
        if name != "charset":
            part.set_param(name, value)
    part.add_header("Content-Disposition", "attachment", filename=file["name"])
    return part
