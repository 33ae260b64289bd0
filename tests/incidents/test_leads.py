"""An incident that nobody leads is an alarm of its own (R155)."""

from datetime import timedelta

import pytest

from incidents import leads
from tests.factories.incidents import make_assignment, make_incident, make_role, make_severity

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture
def incident(now):
    return make_incident(
        phase="mobilizing", declared_at=now, severity=make_severity(1, lead_within_minutes=5)
    )


def test_alarm_comes_when_it_is_due_and_not_before(incident, now):
    assert leads.alarm_due(at=now + 4 * MINUTE) == 0
    assert leads.alarm_due(at=now + 5 * MINUTE) == 1
    assert leads.alarm_due(at=now + 6 * MINUTE) == 0


def test_alarm_is_repeated_three_times_at_most(incident, now):
    raised = [leads.alarm_due(at=now + minutes * MINUTE) for minutes in range(5, 60)]

    assert sum(raised) == 3
    entries = incident.timeline.of_kinds("lead_missing").order_by("pk")
    assert [entry.data["minutes"] for entry in entries] == [5, 10, 15]


def test_incident_with_a_manager_needs_no_alarm(incident, now):
    make_assignment(incident, make_role("incident-manager"))

    assert leads.alarm_due(at=now + 60 * MINUTE) == 0


@pytest.mark.parametrize("phase", ["detected", "restored", "closed"])
def test_only_declared_live_incidents_need_a_lead(phase, now):
    make_incident(phase=phase, severity=make_severity(1, lead_within_minutes=5))

    assert leads.alarm_due(at=now + 60 * MINUTE) == 0


def test_severity_that_demands_no_lead_has_no_alarm(now):
    make_incident(phase="mobilizing", declared_at=now, severity=make_severity(4))

    assert leads.alarm_due(at=now + 60 * MINUTE) == 0
