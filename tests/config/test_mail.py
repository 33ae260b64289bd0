"""Without a mail server, mail can be read in the log, links and all."""

import logging

from django.core.mail import EmailMultiAlternatives

from config.mail import LogBackend


def test_mail_is_logged_as_it_would_be_read(caplog):
    address = "http://127.0.0.1:8000/a/" + "x" * 120 + "/"
    message = EmailMultiAlternatives(
        "INC-1 Checkout errors", f"Acknowledge:\n{address}\n", "from@example.com", ["ana@b.c"]
    )
    message.attach("review.ics", "BEGIN:VCALENDAR", "text/calendar")

    with caplog.at_level(logging.INFO, "muster.mail"):
        sent = LogBackend().send_messages([message])

    assert sent == 1
    assert caplog.messages == [
        "Mail to ana@b.c: INC-1 Checkout errors\n"
        "    Acknowledge:\n"
        f"    {address}\n"
        "    attached: review.ics"
    ]
