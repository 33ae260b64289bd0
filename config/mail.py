"""Mail for an installation that has no mail server yet: readable, in the log."""

import logging
from collections.abc import Sequence

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

logger = logging.getLogger("muster.mail")


class LogBackend(BaseEmailBackend):
    """Writes each message as it would be read, so that its links can be followed from the log."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        for message in email_messages:
            attached = "".join(
                f"\n    attached: {part[0] if isinstance(part, tuple) else part.get_filename()}"
                for part in message.attachments
            )
            body = str(message.body).strip().replace("\n", "\n    ")
            logger.info(
                "Mail to %s: %s\n    %s%s",
                ", ".join(message.recipients()),
                message.subject,
                body,
                attached,
            )
        return len(email_messages)
