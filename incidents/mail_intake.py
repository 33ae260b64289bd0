"""Mails on their way in: whose they are, and into the table of events.

The part of an address before the @ is an integration's key, so it is as secret as any key. Mail
servers may change its case, which is why keys are made in lower case. Nothing is spooled here: the
mail server keeps what we do not take, and comes again.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import Error, transaction
from django.utils import timezone

from incidents import arrivals, door_counts, intake_keys
from incidents.acceptance import UnavailableError, is_away
from incidents.arrivals import Arrival
from incidents.intake import Envelope, Glance, IntakeError
from incidents.intake.mail import ADAPTER, CONTENT_TYPE
from incidents.intake_keys import KnownKey
from incidents.models.integrations import PREFIX_LENGTH
from incidents.promptness import promptly
from roster.doorbell import ring

# What is taken at all, and what is kept of it: texts come first, and attachments are not read.
MAIL_LIMIT = 10 * 1024 * 1024
KEPT_LIMIT = 512 * 1024


@dataclass(frozen=True)
class Mailbox:
    """An address that lets mail in: a known key, and how it was written."""

    key: str
    known: KnownKey


def mailbox_of(address: str) -> Mailbox:
    """Whose address this is. Raises IntakeError for nobody's, UnavailableError if it is not known.

    `anything+KEY@` is KEY's too, for mail servers that deliver to one mailbox.
    """
    local = address.strip().strip("<>").rpartition("@")[0] or address.strip().strip("<>")
    key = local.rpartition("+")[2]
    known = _known(key)
    if known.adapter is not ADAPTER:
        raise IntakeError("wrong_kind", "This key is of an integration that takes no mail.")
    known.check()
    return Mailbox(key, known)


def _known(key: str) -> KnownKey:
    """By the key as it is written, or, for one that came through a mail server, in lower case."""
    try:
        return intake_keys.find(key)
    except IntakeError:
        if key == key.lower():
            raise
        return intake_keys.find(key.lower())


def take(mailboxes: Sequence[Mailbox], mail: bytes, *, sender: str = "") -> None:
    """Store the mail for each of these, or for none; it is committed when this returns.

    Raises IntakeError for what is no mail, and UnavailableError while the database is away.
    """
    at = timezone.now()
    stored = []
    for mailbox in mailboxes:
        known = mailbox.known
        envelope = Envelope(
            body=_without_key(mail[:KEPT_LIMIT], mailbox.key),
            content_type=CONTENT_TYPE,
            headers={"mail-from": sender},
            options=known.options,
            received_at=at,
        )
        glance = _checked(known, envelope)
        kept = ADAPTER.kept_headers
        stored.append(Arrival.of(known.integration, envelope, glance, at=at, kept_headers=kept))
    try:
        with promptly(), transaction.atomic():
            for arrival in stored:
                arrivals.insert(arrival)
            ring("incidents.process_events")
    except Error as error:
        if is_away(error):
            raise UnavailableError from None
        raise
    for mailbox in mailboxes:
        door_counts.used(mailbox.known.pk, at=at)


def _checked(known: KnownKey, envelope: Envelope) -> Glance:
    try:
        return ADAPTER.check(envelope)
    except IntakeError as error:
        door_counts.refused(known.integration, error, at=timezone.now())
        raise


def _without_key(mail: bytes, key: str) -> bytes:
    """The mail, with all but the first letters of the key crossed out of its headers and text."""
    shown = key[:PREFIX_LENGTH] + "x" * (len(key) - PREFIX_LENGTH)
    return re.sub(re.escape(key.encode()), shown.encode(), mail, flags=re.IGNORECASE)
