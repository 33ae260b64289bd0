"""`manage.py receive_mail`: mail into integrations, by SMTP or one at a time by a pipe."""

import asyncio
import logging
import os
import signal
import sys
from argparse import ArgumentParser
from contextlib import suppress
from email.utils import parseaddr
from typing import Any

from django.core.management import BaseCommand, CommandError
from django.db import Error

from incidents import door_counts, mail_listener
from incidents.acceptance import UnavailableError
from incidents.intake import IntakeError
from incidents.intake.mail_text import header, parse_headers
from incidents.mail_intake import MAIL_LIMIT, mailbox_of, take

logger = logging.getLogger(__name__)

# Where mail servers say, besides the envelope, for whom a mail is.
VARIABLES = ("ORIGINAL_RECIPIENT", "RECIPIENT")
HEADERS = ("X-Original-To", "Delivered-To", "Envelope-To")


class Command(BaseCommand):
    """Listens with `--listen`; otherwise takes one mail from standard input.

    Then the exit code says what the mail server is to do (sysexits.h): 0 done, 75 keep it and come
    again, anything else return it.
    """

    help = "Take mail for integrations: listen by SMTP, or read one mail from standard input."
    # They open the database, and it may be away: that is no reason to return a mail.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--listen", metavar="HOST:PORT", help="address to listen on")
        parser.add_argument(
            "--to", metavar="ADDRESS", default="", help="for whom the mail on standard input is"
        )

    def handle(self, *args: Any, listen: str | None, to: str, **options: Any) -> None:
        if listen is not None:
            self._listen(listen)
            return
        code, sentence = deliver(sys.stdin.buffer.read(MAIL_LIMIT + 1), to)
        with suppress(Error):  # counts for the integration's page; the mail is stored without
            door_counts.write()
        if code:
            self.stderr.write(sentence)
            sys.exit(code)

    def _listen(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal() or int(port) > 65_535:
            raise CommandError("Write the address to listen on as 127.0.0.1:2525.")

        def started(port: int) -> None:
            self.stdout.write(f"Taking mail on {host}:{port}")
            self.stdout.flush()

        async def serve() -> None:
            stopping = asyncio.Event()
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, stopping.set)
            await mail_listener.serve(
                host.strip("[]"), int(port), started=started, stopping=stopping
            )

        try:
            asyncio.run(serve())
        except OSError as error:
            raise CommandError(f"Cannot listen on {address}: {error.strerror}.") from None


def deliver(mail: bytes, to: str) -> tuple[int, str]:
    """Take one mail; the exit code for the mail server, and what to tell whoever sent it."""
    if len(mail) > MAIL_LIMIT:
        return os.EX_DATAERR, f"The mail is over {MAIL_LIMIT // 1024 // 1024} MB."
    try:
        take([mailbox_of(to or _addressee(mail))], mail)
    except UnavailableError:
        return os.EX_TEMPFAIL, "The database is away. Try again later."
    except IntakeError as error:
        is_nobody = error.code == "unknown_key"
        return (os.EX_NOUSER if is_nobody else os.EX_DATAERR), error.message
    except Exception as error:  # whatever it is, the mail must not be returned for it
        logger.exception("A mail could not be stored")
        return os.EX_TEMPFAIL, f"Muster stopped on an unexpected {type(error).__name__}."
    return os.EX_OK, ""


def _addressee(mail: bytes) -> str:
    for variable in VARIABLES:
        if address := os.environ.get(variable, ""):
            return address
    headers = parse_headers(mail)
    for name in HEADERS:
        if address := parseaddr(header(headers, name))[1]:
            return address
    raise IntakeError("no_address", "Nothing says for whom this mail is. Give its address by --to.")
