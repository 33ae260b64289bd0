"""How a first responder ends their part."""

import pytest

from incidents import first_line
from incidents.models import IncidentError, ResponderError
from roster.actors import Actor
from tests.factories.incidents import make_incident, make_severity
from tests.factories.roster import make_person, make_team

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(db):
    return make_person(slug="ada")


def test_solved_alone_is_declared_restored_and_closed_in_one_go(ada, now):
    incident = make_incident(severity=make_severity(4, is_major=False))

    first_line.resolve(incident, summary="Restarted it", by=Actor.of_person(ada), at=now)

    incident.refresh_from_db()
    assert (incident.phase, incident.summary) == ("closed", "Restarted it")
    assert incident.timeline.of_kinds("resolved_at_first_line").count() == 1
    assert incident.restored_at == incident.declared_at == now


def test_major_incident_asks_for_the_whole_process(ada, now):
    incident = make_incident(severity=make_severity(1, is_major=True))

    with pytest.raises(IncidentError) as refusal:
        first_line.resolve(incident, summary="Restarted it", by=Actor.of_person(ada), at=now)

    assert refusal.value.code == "major"
    incident.refresh_from_db()
    assert incident.phase == "detected"


def test_what_was_done_must_be_said(ada, now):
    incident = make_incident(severity=make_severity(4, is_major=False))

    with pytest.raises(IncidentError) as refusal:
        first_line.resolve(incident, summary="", by=Actor.of_person(ada), at=now)

    assert "summary" in refusal.value.fields


def test_who_passes_it_on_stays_in_support_until_released(ada, now):
    ben = make_person(slug="ben")
    incident = make_incident()
    team = make_team(members=[ben])

    first_line.escalate_to_team(incident, team, by=Actor.of_person(ada), at=now)

    stays, asked = incident.responders.order_by("pk")
    assert (stays.person, stays.purpose, stays.state) == (ada, "support", "acknowledged")
    assert (asked.person, asked.state) == (ben, "requested")


def test_who_is_engaged_already_is_not_engaged_twice(ada, now):
    incident, by = make_incident(), Actor.of_person(ada)
    first_line.escalate_to_team(incident, make_team(members=[make_person()]), by=by, at=now)

    first_line.escalate_to_team(incident, make_team(members=[make_person()]), by=by, at=now)

    assert incident.responders.filter(person=ada).count() == 1


def test_empty_team_takes_nothing_over(ada, now):
    incident = make_incident()

    with pytest.raises(ResponderError):
        first_line.escalate_to_team(incident, make_team(), by=Actor.of_person(ada), at=now)

    assert not incident.timeline.exists()
    assert not incident.responders.exists()
