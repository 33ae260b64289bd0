"""Mail by SMTP, from the mail server's side: real connections, real answers."""

import asyncio
import smtplib
from collections.abc import Iterator
from threading import Event, Thread
from typing import Any

import pytest
from django.db import OperationalError

from incidents import arrivals, intake_keys, mail_intake, mail_listener
from incidents.acceptance import outage
from incidents.models import Alert, AlertEvent, Integration
from incidents.processing import process_due
from tests.factories.incidents import make_integration, make_severity
from tests.incidents.damage import FIXTURES
from tests.incidents.test_concurrency import shared_database

MAILS = FIXTURES / "mail"
PROBLEM = (MAILS / "nagios_problem.eml").read_bytes()
SENDER = "nagios@monitor.example.com"

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("shared_database")]
__all__ = ["shared_database"]


@pytest.fixture
def mailbox(shared_database: None) -> Iterator[tuple[Integration, str]]:
    """An integration that takes mail, and its key."""
    intake_keys.forget_all()
    make_severity(3)
    yield make_integration(kind="mail")
    intake_keys.forget_all()
    outage.end()


@pytest.fixture
def smtp(shared_database: None) -> Iterator[smtplib.SMTP]:
    """A client connected to a listener of our own."""
    ready, ports = Event(), []
    loops: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def serve() -> None:
        loops.append((asyncio.get_running_loop(), stopping := asyncio.Event()))

        def started(port: int) -> None:
            ports.append(port)
            ready.set()

        await mail_listener.serve("127.0.0.1", 0, started=started, stopping=stopping)

    thread = Thread(target=asyncio.run, args=[serve()])
    thread.start()
    assert ready.wait(10)
    with smtplib.SMTP("127.0.0.1", ports[0], timeout=20) as client:
        yield client
    loop, stopping = loops[0]
    loop.call_soon_threadsafe(stopping.set)
    thread.join()


def refusal(send: Any) -> tuple[int, str]:
    with pytest.raises(smtplib.SMTPException) as error:
        send()
    answer = getattr(error.value, "recipients", None)
    code, said = next(iter(answer.values())) if answer else error.value.args[:2]
    return code, said.decode()


# --- By SMTP -------------------------------------------------------------------------------------


def test_mail_is_an_alert_in_the_end(mailbox, smtp, now):
    integration, key = mailbox

    assert smtp.sendmail(SENDER, [f"{key}@muster.example.com"], PROBLEM) == {}

    event = AlertEvent.objects.get()
    assert (event.integration, event.content_type) == (integration, "message/rfc822")
    process_due(at=event.due_at)
    assert Alert.objects.get().title == "** PROBLEM Service Alert: web-1/HTTP is CRITICAL **"


@pytest.mark.parametrize("write", ["{key}@x", "{upper}@x", "muster+{key}@x", "Muster+{upper}@x"])
def test_address_survives_what_mail_servers_do_to_it(write, mailbox, smtp):
    _, key = mailbox
    address = write.format(key=key, upper=key.upper())

    smtp.sendmail(SENDER, [address], PROBLEM)

    assert AlertEvent.objects.count() == 1


def test_key_is_crossed_out_of_what_is_kept(mailbox, smtp):
    _, key = mailbox
    mail = f"To: {key.upper()}@x\r\nReceived: from a for <{key}@x>\r\n".encode() + PROBLEM

    smtp.sendmail(SENDER, [f"{key}@x"], mail)

    kept = bytes(AlertEvent.objects.get().body)
    assert key.encode() not in kept.lower()
    assert f"{key[:6]}xxx".encode() in kept.lower()


def test_mail_to_two_integrations_is_an_event_of_each(mailbox, smtp):
    _, other = make_integration(kind="mail")

    smtp.sendmail(SENDER, [f"{mailbox[1]}@x", f"{other}@x"], PROBLEM)

    assert AlertEvent.objects.values("integration").distinct().count() == 2


def test_addresses_do_not_reach_the_log(mailbox, smtp, caplog):
    _, key = mailbox

    smtp.sendmail(SENDER, [f"{key}@x"], PROBLEM)

    assert key not in caplog.text


def test_address_of_nobody_is_refused(mailbox, smtp):
    code, said = refusal(lambda: smtp.sendmail(SENDER, ["nobody@x"], PROBLEM))

    assert (code, said[:5]) == (550, "5.1.1")
    assert not AlertEvent.objects.exists()


def test_key_of_another_kind_is_refused_with_the_reason(smtp):
    _, key = make_integration(kind="alertmanager")

    code, said = refusal(lambda: smtp.sendmail(SENDER, [f"{key}@x"], PROBLEM))

    assert code == 550
    assert "takes no mail" in said


def test_revoked_integration_is_refused(mailbox, smtp, now):
    integration, key = mailbox
    integration.revoke(at=now)

    code, said = refusal(lambda: smtp.sendmail(SENDER, [f"{key}@x"], PROBLEM))

    assert code == 550
    assert "revoked" in said


def test_what_is_no_mail_is_refused(mailbox, smtp):
    code, _ = refusal(lambda: smtp.sendmail(SENDER, [f"{mailbox[1]}@x"], b"\r\nText"))

    assert code == 554
    assert not AlertEvent.objects.exists()


def test_far_too_large_mail_is_refused(mailbox, smtp, monkeypatch):
    large = PROBLEM + b"x" * 70 + b"\r\n" * (mail_intake.MAIL_LIMIT // 2)

    code, _ = refusal(lambda: smtp.sendmail(SENDER, [f"{mailbox[1]}@x"], large))

    assert code == 552


def test_large_mail_is_kept_as_far_as_it_is_read(mailbox, smtp):
    large = PROBLEM + (b"x" * 70 + b"\r\n") * 10_000

    smtp.sendmail(SENDER, [f"{mailbox[1]}@x"], large)

    event = AlertEvent.objects.get()
    assert len(bytes(event.body)) == mail_intake.KEPT_LIMIT
    process_due(at=event.due_at)
    assert Alert.objects.exists()


def test_very_long_line_is_no_reason_to_refuse(mailbox, smtp):
    mail = PROBLEM + b"<td>" * 30_000 + b"\r\n"

    smtp.sendmail(SENDER, [f"{mailbox[1]}@x"], mail)

    assert AlertEvent.objects.count() == 1


def test_mail_is_to_be_sent_again_while_the_database_is_away(mailbox, smtp, monkeypatch):
    def fail(arrival: object) -> None:
        raise OperationalError("the server closed the connection")

    smtp.sendmail(SENDER, [f"{mailbox[1]}@x"], PROBLEM)
    monkeypatch.setattr(arrivals, "insert", fail)
    code, said = refusal(lambda: smtp.sendmail(SENDER, [f"{mailbox[1]}@x"], PROBLEM))
    monkeypatch.undo()

    assert (code, said[:5]) == (451, "4.3.0")
    smtp.sendmail(SENDER, [f"{mailbox[1]}@x"], PROBLEM)
    assert AlertEvent.objects.count() == 2


def test_none_is_stored_if_not_all_are(mailbox, smtp, monkeypatch):
    _, other = make_integration(kind="mail")
    insert, seen = arrivals.insert, []

    def fail_the_second_time(arrival: Any) -> None:
        seen.append(arrival)
        if len(seen) == 2:
            raise OperationalError("the server closed the connection")
        insert(arrival)

    monkeypatch.setattr(arrivals, "insert", fail_the_second_time)

    code, _ = refusal(lambda: smtp.sendmail(SENDER, [f"{mailbox[1]}@x", f"{other}@x"], PROBLEM))

    assert code == 451
    assert not AlertEvent.objects.exists()
