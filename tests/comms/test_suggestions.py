from datetime import datetime

import pytest

from incidents.models import Incident, Phase
from incidents.next_step import next_step
from tests.factories.comms import make_promise, make_update
from tests.factories.incidents import make_assignment, make_incident, make_role, make_severity

pytestmark = pytest.mark.django_db


def declared_incident(**fields: object) -> Incident:
    severity = make_severity(2, internal_update_minutes=30)
    incident = make_incident(**{"phase": Phase.DIAGNOSING, "severity": severity, **fields})
    make_assignment(incident, make_role("incident-manager"))
    return incident


def test_first_update_comes_before_moving_on():
    step = next_step(declared_incident())

    assert step is not None
    assert (step.code, step.label) == ("update", "Post the first update")


def test_overdue_update_comes_before_all_else(now: datetime):
    incident = declared_incident()
    make_promise(incident, kind="external", promised_for=now, state="missed")

    step = next_step(incident)

    assert step is not None
    assert (step.code, step.label) == ("update-external", "Send the overdue external update")


def test_nothing_is_suggested_once_people_were_told(now: datetime):
    incident = declared_incident()
    make_update(incident, state="sent", sent_at=now)

    step = next_step(incident)

    assert step is not None
    assert step.code == "advance"


def test_severity_that_asks_for_no_updates_gets_no_suggestion():
    step = next_step(declared_incident(severity=make_severity(4)))

    assert step is not None
    assert step.code == "advance"
