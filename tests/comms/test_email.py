import pytest
from django.conf import settings as django_settings
from pytest_django.fixtures import Settings

from comms.channels import ChannelError, email
from comms.models import Message
from roster.models import Channel
from tests.comms.conftest import MailServer

pytestmark = pytest.mark.usefixtures("mail_server")


def mail_to(recipient: str, *, key: str = "update-7-abc", **fields: object) -> Message:
    return Message(
        key=key,
        channel=Channel.EMAIL,
        recipient=recipient,
        subject="INC-142 Checkout: Ausfälle",
        body="Plain words.",
        html="<p>Plain words.</p>",
        **fields,
    )


def send(*messages: Message) -> None:
    with email.open() as sender:
        for message in messages:
            sender.send(message)


def test_mail_arrives_as_text_and_html_with_its_key_as_message_id(mail_server: MailServer):
    send(mail_to("ines@example.com"))

    [mail] = mail_server.mails
    assert mail["To"] == "ines@example.com"
    assert mail["From"] == django_settings.DEFAULT_FROM_EMAIL
    assert mail["Subject"] == "INC-142 Checkout: Ausfälle"
    assert mail["Message-ID"] == "<update-7-abc@127.0.0.1>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_body(("plain",)).get_content().strip() == "Plain words."
    assert mail.get_body(("html",)).get_content().strip() == "<p>Plain words.</p>"


def test_invitation_keeps_the_method_of_its_calendar(mail_server: MailServer):
    calendar = {
        "name": "invite.ics",
        "content_type": "text/calendar; method=REQUEST; charset=utf-8",
        "text": "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nEND:VCALENDAR\r\n",
    }

    send(mail_to("ines@example.com", attachments=[calendar]))

    [attachment] = mail_server.mails[0].iter_attachments()
    assert attachment.get_content_type() == "text/calendar"
    assert attachment.get_param("method") == "REQUEST"
    assert attachment.get_filename() == "invite.ics"
    assert "METHOD:REQUEST" in attachment.get_content()


def test_one_connection_serves_a_batch(mail_server: MailServer):
    send(*[mail_to(f"person-{number}@example.com", key=f"m-{number}") for number in range(5)])

    assert len(mail_server.mails) == 5
    assert mail_server.connections == 1


@pytest.mark.parametrize(
    ("answer", "permanent"),
    [
        ("450 4.2.0 greylisted, try again later", False),
        ("452 4.2.2 mailbox full", False),
        ("550 5.1.1 no such user", True),
    ],
)
def test_refused_address_is_permanent_only_if_the_server_says_so(
    mail_server: MailServer, answer: str, permanent: bool
):
    mail_server.refuse_recipient["gone@example.com"] = answer

    with pytest.raises(ChannelError, match=answer[:3]) as caught:
        send(mail_to("gone@example.com"))

    assert caught.value.permanent is permanent
    assert not caught.value.is_down


@pytest.mark.parametrize(
    ("answer", "permanent"), [("451 local error", False), ("554 rejected as spam", True)]
)
def test_refused_mail_is_permanent_only_if_the_server_says_so(
    mail_server: MailServer, answer: str, permanent: bool
):
    mail_server.refuse_data = answer

    with pytest.raises(ChannelError, match=answer) as caught:
        send(mail_to("ines@example.com"))

    assert caught.value.permanent is permanent


def test_refused_address_does_not_stop_the_rest_of_the_batch(mail_server: MailServer):
    mail_server.refuse_recipient["gone@example.com"] = "550 no such user"

    with email.open() as sender:
        with pytest.raises(ChannelError):
            sender.send(mail_to("gone@example.com", key="first"))
        sender.send(mail_to("ines@example.com", key="second"))

    assert [mail["To"] for mail in mail_server.mails] == ["ines@example.com"]
    assert mail_server.connections == 1


def test_connection_lost_before_the_answer_leaves_the_outcome_unknown(mail_server: MailServer):
    mail_server.hang_up = True

    with email.open() as sender:
        with pytest.raises(ChannelError) as caught:
            sender.send(mail_to("ines@example.com", key="first"))
        mail_server.hang_up = False
        sender.send(mail_to("ines@example.com", key="second"))

    assert caught.value.outcome_unknown
    assert not caught.value.permanent
    assert [mail["Message-ID"] for mail in mail_server.mails] == ["<second@127.0.0.1>"]


def test_server_that_cannot_be_reached_is_down_and_not_the_message_s_fault(
    settings: Settings,
):
    settings.EMAIL_PORT = 1  # nothing listens there

    with pytest.raises(ChannelError, match="cannot be reached") as caught:
        send(mail_to("ines@example.com"))

    assert caught.value.is_down
    assert not caught.value.permanent


def test_address_that_cannot_be_written_is_permanent(mail_server: MailServer):
    with pytest.raises(ChannelError, match="cannot be written") as caught:
        send(mail_to("ines@example.com\nBcc: all@example.com"))

    assert caught.value.permanent
    assert mail_server.mails == []
