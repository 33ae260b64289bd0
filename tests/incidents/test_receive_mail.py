"""Mail by a pipe: what the mail server is told by the exit code."""

import os
from collections.abc import Iterator

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError

from incidents import arrivals, intake_keys, mail_intake
from incidents.acceptance import outage
from incidents.management.commands import receive_mail
from incidents.models import AlertEvent
from tests.factories.incidents import make_integration
from tests.incidents.damage import FIXTURES

PROBLEM = (FIXTURES / "mail" / "nagios_problem.eml").read_bytes()

pytestmark = pytest.mark.django_db


@pytest.fixture
def key() -> Iterator[str]:
    """Of an integration that takes mail."""
    intake_keys.forget_all()
    yield make_integration(kind="mail")[1]
    intake_keys.forget_all()
    outage.end()


def test_piped_mail_is_taken(key):
    assert receive_mail.deliver(PROBLEM, f"{key}@x") == (os.EX_OK, "")
    assert AlertEvent.objects.count() == 1


@pytest.mark.parametrize("name", ["X-Original-To", "Delivered-To"])
def test_piped_mail_says_itself_for_whom_it_is(name, key, monkeypatch):
    for variable in receive_mail.VARIABLES:
        monkeypatch.delenv(variable, raising=False)

    code, _ = receive_mail.deliver(f"{name}: <{key}@x>\r\n".encode() + PROBLEM, "")

    assert code == os.EX_OK


def test_piped_mail_is_for_whom_the_mail_server_says(key, monkeypatch):
    monkeypatch.setenv("ORIGINAL_RECIPIENT", f"{key}@x")

    assert receive_mail.deliver(PROBLEM, "")[0] == os.EX_OK


@pytest.mark.parametrize(
    ("mail", "to", "code"),
    [
        (PROBLEM, "nobody@x", os.EX_NOUSER),
        (PROBLEM, "", os.EX_DATAERR),
        (b"x" * (mail_intake.MAIL_LIMIT + 1), "nobody@x", os.EX_DATAERR),
    ],
)
def test_piped_mail_that_is_refused_is_returned(mail, to, code, key):
    assert receive_mail.deliver(mail, to)[0] == code


@pytest.mark.parametrize("error", [OperationalError("away"), RuntimeError("unforeseen")])
def test_piped_mail_is_kept_by_the_mail_server_whatever_goes_wrong(error, key, monkeypatch):
    def fail(arrival: object) -> None:
        raise error

    monkeypatch.setattr(arrivals, "insert", fail)

    assert receive_mail.deliver(PROBLEM, f"{key}@x")[0] == os.EX_TEMPFAIL


@pytest.mark.parametrize("address", ["2525", "localhost", "127.0.0.1:mail", "127.0.0.1:99999"])
def test_address_to_listen_on_is_checked(address):
    with pytest.raises(CommandError, match=r"127\.0\.0\.1:2525"):
        call_command("receive_mail", listen=address)
