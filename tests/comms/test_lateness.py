from datetime import datetime, timedelta

import pytest

from comms.lateness import Late, late_pages, lateness, oldest_due_page, quantile
from comms.models import Message, MessageState, Priority
from comms.outbox import send_due
from tests.comms.conftest import MailServer
from tests.factories.comms import make_message, make_page_message
from tests.factories.incidents import make_page

pytestmark = pytest.mark.django_db

SECOND = timedelta(seconds=1)


def page_due(at: datetime, **fields: object) -> Message:
    return make_page_message(make_page(created_at=at), created_at=at, **fields)


def test_page_that_waits_half_a_minute_is_late(now: datetime):
    page_due(now)

    assert late_pages(at=now + 30 * SECOND) is None
    assert late_pages(at=now + 31 * SECOND) == Late(1, 31 * SECOND)
    assert str(late_pages(at=now + 31 * SECOND)) == "A page has waited 31 s to be sent."


def test_update_that_waits_is_no_late_page(now: datetime):
    make_message(created_at=now, priority=Priority.UPDATE)

    assert late_pages(at=now + 60 * SECOND) is None


def test_page_that_waits_for_its_stage_or_for_another_try_is_not_late(now: datetime):
    page_due(now, due_at=now + 120 * SECOND)
    page_due(now, due_at=now + 90 * SECOND, state=MessageState.FAILED)

    assert late_pages(at=now + 60 * SECOND) is None
    assert oldest_due_page(at=now + 60 * SECOND) == timedelta()


def test_oldest_due_page_is_the_one_that_waits_longest(now: datetime):
    page_due(now)
    page_due(now + 5 * SECOND)

    assert oldest_due_page(at=now + 7 * SECOND) == 7 * SECOND


def test_lateness_is_from_due_to_handed_over(mail_server: MailServer, now: datetime):
    page_due(now)
    send_due(at=now + 4 * SECOND)
    page_due(now, due_at=now + 60 * SECOND, give_up_at=now + timedelta(hours=6, seconds=60))
    send_due(at=now + 61 * SECOND)

    assert lateness(at=now + 61 * SECOND) == [SECOND, 4 * SECOND]
    assert lateness(at=now + timedelta(hours=2)) == []


def test_quantiles_are_of_what_there_is():
    times = [SECOND * number for number in range(1, 101)]

    assert quantile(times, 0.5) == 51 * SECOND
    assert quantile(times, 0.99) == 100 * SECOND
    assert quantile([], 0.99) == timedelta()
