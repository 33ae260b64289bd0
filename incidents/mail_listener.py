"""Receiving mail by SMTP, from the mail server beside us.

Plain SMTP on loopback, without log-in or encryption: the server in front has seen to both and to
spam. A mail is answered 250 once it is committed, 451 while the database is away, 550 for an
address of nobody, 552 if it is far too large; the server in front keeps or returns it accordingly.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from aiosmtpd.smtp import SMTP, Envelope, Session
from django.db import connections

from incidents import intake_upkeep
from incidents.acceptance import UnavailableError
from incidents.intake import IntakeError
from incidents.mail_intake import MAIL_LIMIT, Mailbox, mailbox_of, take

logger = logging.getLogger(__name__)
# The library logs every address, and addresses are keys.
logging.getLogger("mail.log").setLevel(logging.WARNING)

THREADS = 4
IDLE_SECONDS = 120
RECIPIENTS = 20  # of one mail; the server in front splits what has more

ACCEPTED = "250 2.0.0 Accepted"
AWAY = "451 4.3.0 Muster cannot take this at the moment. Send it again."
NOBODY = "550 5.1.1 There is no such address here."
TOO_MANY = "452 4.5.3 Too many recipients for one mail."


class MailEnvelope(Envelope):
    """The library's, with whose the accepted addresses are."""

    def __init__(self) -> None:
        super().__init__()
        self.mailboxes: list[Mailbox] = []


class MailServer(SMTP):
    # Monitors write HTML without line breaks, which other servers pass on.
    line_length_limit = 256 * 1024

    def _create_envelope(self) -> MailEnvelope:
        return MailEnvelope()


class Handler:
    """What happens at RCPT and at the end of DATA; the rest of SMTP is the library's."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="mail")

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: MailEnvelope, address: str, options: object
    ) -> str:
        if len(envelope.mailboxes) >= RECIPIENTS:
            return TOO_MANY
        answer, mailbox = await self._in_thread(partial(_find, address))
        if mailbox:
            envelope.mailboxes.append(mailbox)
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: MailEnvelope) -> str:
        content = envelope.original_content or b""
        take = partial(_take, envelope.mailboxes, content, envelope.mail_from or "")
        return await self._in_thread(take)

    def finish(self) -> None:
        """Wait for what is being stored."""
        self._threads.shutdown()

    async def _in_thread[T](self, work: Callable[[], T]) -> T:
        def run() -> T:
            try:
                return work()
            finally:
                # Mails are few: a connection each costs less than one that may have died meanwhile.
                connections.close_all()

        return await asyncio.get_running_loop().run_in_executor(self._threads, run)


def _find(address: str) -> tuple[str, Mailbox | None]:
    try:
        return "250 2.1.5 OK", mailbox_of(address)
    except UnavailableError:
        return AWAY, None
    except IntakeError as error:
        return (NOBODY if error.code == "unknown_key" else f"550 5.7.1 {error.message}"), None
    except Exception:  # an answer of 5xx would have the mail returned
        logger.exception("An address could not be looked up")
        return AWAY, None


def _take(mailboxes: list[Mailbox], content: bytes, sender: str) -> str:
    try:
        take(mailboxes, content, sender=sender)
    except UnavailableError:
        return AWAY
    except IntakeError as error:
        return f"554 5.6.0 {error.message}"
    except Exception:  # an answer of 5xx would have the mail returned
        logger.exception("A mail could not be stored")
        return AWAY
    return ACCEPTED


async def serve(
    host: str, port: int, *, started: Callable[[int], None], stopping: asyncio.Event
) -> None:
    """Listen until `stopping` is set, then let what is under way finish.

    `started` is told the port, which matters if 0 was asked for. Raises OSError if the address is
    not to be had.
    """
    intake_upkeep.start()
    loop = asyncio.get_running_loop()
    handler = Handler()

    def connected() -> MailServer:
        return MailServer(
            handler,
            data_size_limit=MAIL_LIMIT,
            enable_SMTPUTF8=True,
            ident="Muster",
            timeout=IDLE_SECONDS,
            loop=loop,
        )

    server = await loop.create_server(connected, host, port)
    started(server.sockets[0].getsockname()[1])
    await stopping.wait()
    server.close()
    await asyncio.to_thread(handler.finish)
