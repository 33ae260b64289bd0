from datetime import datetime

import pytest

from comms.tasks import check_promises, send_email
from incidents.models import Phase
from roster.sweeps import SweepRun
from tests.comms.conftest import MailServer
from tests.factories.comms import make_message, make_promise
from tests.factories.incidents import make_incident

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


def test_sending_empties_the_outbox_and_keeps_a_record(mail_server: MailServer, now: datetime):
    for number in range(45):
        make_message(created_at=now, key=f"m-{number}")

    send_email()
    send_email()

    assert len(mail_server.mails) == 45
    assert SweepRun.objects.get(name="comms.send_email").handled == 45


def test_promises_are_checked(now: datetime):
    promise = make_promise(make_incident(phase=Phase.DIAGNOSING), promised_for=now)

    check_promises()

    promise.refresh_from_db()
    assert promise.state == "missed"
