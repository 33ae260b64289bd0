"""A real SMTP server on loopback that keeps what it is given."""

import email
import email.policy
import re
import time
from dataclasses import dataclass, field
from email.message import EmailMessage

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass
class Mailbox:
    """Everything the server accepted, in order of arrival."""

    messages: list[EmailMessage] = field(default_factory=list)
    arrived_at: list[float] = field(default_factory=list)

    # The name and signature are aiosmtpd's.
    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Keep the message and accept it."""
        content = envelope.content
        assert isinstance(content, bytes)
        message = email.message_from_bytes(content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        message["X-Envelope-To"] = ", ".join(envelope.rcpt_tos)
        self.arrived_at.append(time.time())
        self.messages.append(message)
        return "250 OK"

    def to(self, address: str, containing: str = "") -> list[EmailMessage]:
        """Return what was sent to `address` with `containing` in its subject or text."""
        return [
            message
            for message in list(self.messages)
            if address in message["X-Envelope-To"]
            and containing in f"{message['Subject']}\n{text_of(message)}"
        ]

    def invitations_to(self, address: str) -> list[EmailMessage]:
        """Return what was sent to `address` with a calendar entry."""
        return [message for message in self.to(address) if calendar_of(message)]

    def arrivals(self, in_subject: str) -> list[float]:
        """Return when (Unix seconds) messages with this in their subject were accepted."""
        subjects = zip(self.arrived_at, list(self.messages), strict=False)
        return [at for at, message in subjects if in_subject in str(message["Subject"])]


class Server:
    """Context manager: a running server and its mailbox."""

    def __init__(self, port: int) -> None:
        self.mailbox = Mailbox()
        self._port = port
        self._controller = Controller(self.mailbox, hostname="127.0.0.1", port=port)

    @property
    def port(self) -> int:
        """Return the port it listens on."""
        return self._port

    def __enter__(self) -> "Server":
        self._controller.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._controller.stop()


def text_of(message: EmailMessage) -> str:
    """Return a message's plain text."""
    part = message.get_body(preferencelist=("plain",))
    return str(part.get_content()) if part else ""


def answer_link(message: EmailMessage) -> str:
    """Return the first signed link in a message's plain text: the answer hoped for."""
    found = re.search(r"https?://[^\s)>\]]+/a/[^\s)>\]]+", text_of(message))
    assert found, text_of(message)
    return found.group()


def calendar_of(message: EmailMessage) -> str:
    """Return the calendar attachment of a message, or an empty text."""
    for part in message.walk():
        if part.get_content_type() == "text/calendar":
            return part.get_payload(decode=True).decode()
    return ""
