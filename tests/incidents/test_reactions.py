from collections.abc import Callable
from datetime import datetime

import pytest

from incidents.models import Escalation, Incident, Page
from roster.actors import Actor
from tests.factories.incidents import make_escalation, make_incident, make_page

pytestmark = pytest.mark.django_db

RUTH = Actor(person=None, name="Ruth Adeyemi", via="admin")
SETTLING: dict[str, tuple[str, str, Callable[[Incident, datetime], None]]] = {
    "acknowledge": (
        "detected",
        "acknowledged",
        lambda incident, at: incident.acknowledge(by=RUTH, at=at),
    ),
    "declare": (
        "detected",
        "acknowledged",
        lambda incident, at: incident.declare(
            extent=None, degree=None, severity=incident.severity, by=RUTH, at=at
        ),
    ),
    "dismiss": (
        "detected",
        "stopped",
        lambda incident, at: incident.dismiss(reason="A test", by=RUTH, at=at),
    ),
    "close": (
        "restoring",
        "stopped",
        lambda incident, at: incident.close(summary="Gone", by=RUTH, at=at),
    ),
}


@pytest.mark.parametrize("change", SETTLING)
def test_paging_stops_with_the_change_that_settles_it(change, now):
    phase, state, settle = SETTLING[change]
    incident = make_incident(phase=phase)
    escalation = make_escalation(incident)
    page = make_page(incident, escalation=escalation)

    settle(incident, now)

    assert Escalation.objects.get(pk=escalation.pk).state == state
    assert Page.objects.get(pk=page.pk).state == "stopped"
    assert incident.timeline.filter(kind="escalation_stopped").count() == 1
