"""Many workers at one outbox, on the databases that production uses."""

from collections import Counter
from datetime import datetime

import pytest

from comms.models import Message, MessageState
from comms.outbox import send_due
from tests.comms.conftest import MailServer
from tests.factories.comms import make_message
from tests.incidents.test_concurrency import in_threads, shared_database

__all__ = ["shared_database"]  # a fixture

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("shared_database")]

DUE = 200


def test_many_workers_hand_each_message_over_once(mail_server: MailServer, now: datetime):
    for number in range(DUE):
        make_message(created_at=now, key=f"m-{number}", recipient=f"p{number}@example.com")

    def work() -> None:
        while send_due(at=now):
            pass

    in_threads(*[work] * 4)

    assert set(Message.objects.values_list("state", flat=True)) == {MessageState.SENT}
    received = Counter(mail["To"] for mail in mail_server.mails)
    assert received == {f"p{number}@example.com": 1 for number in range(DUE)}
