from datetime import datetime, timedelta

import pytest

from incidents.page_load import pages_received
from roster.burden import PageCall, burden_of
from roster.models import Urgency
from tests.factories.incidents import make_incident, make_page
from tests.factories.roster import make_person

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def test_urgent_pages_of_the_period_are_received(now: datetime) -> None:
    ana, bo = make_person(), make_person()
    for at in (now - HOUR, now, now + HOUR):
        make_page(person=ana, created_at=at)
    make_page(person=ana, created_at=now, urgency=Urgency.LOW)
    make_page(person=bo, created_at=now)

    assert list(pages_received([ana.pk], now, now + HOUR)) == [PageCall(ana.pk, now)]


def test_pages_of_private_incidents_count_in_a_burden(now: datetime) -> None:
    ana = make_person(time_zone="UTC")
    make_page(make_incident(is_private=True), ana, created_at=now)

    found = burden_of([ana], now, now + HOUR)[ana.pk]

    assert (found.pages, found.off_hours_pages) == (1, 0)
