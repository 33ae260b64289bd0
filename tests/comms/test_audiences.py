import pytest
from django.core.exceptions import ValidationError

from comms.audiences import concerned, recipients
from comms.models import Audience, AudienceKind
from incidents.models import Incident, Phase
from tests.factories.comms import make_audience
from tests.factories.incidents import (
    make_incident,
    make_page,
    make_responder,
    make_service,
    make_severity,
)
from tests.factories.roster import make_person, make_team

pytestmark = pytest.mark.django_db


def addresses(incident: Incident, *audiences: Audience) -> list[str]:
    return [address.recipient for address in recipients(audiences, incident=incident)]


def test_people_teams_and_addresses_are_told_each_once():
    ines = make_person(email="ines@example.com")
    jonas = make_person(email="jonas@example.com")
    both = make_audience(ines, addresses="list@example.com\nINES@example.com")
    both.teams.add(make_team(members=[ines, jonas]))
    again = make_audience(jonas, addresses="list@example.com")

    assert addresses(make_incident(), both, again) == [
        "ines@example.com",
        "jonas@example.com",
        "list@example.com",
    ]


def test_people_who_left_or_have_no_address_are_left_out():
    audience = make_audience(make_person(is_active=False), make_person(email=""))

    assert addresses(make_incident(), audience) == []


@pytest.mark.parametrize("fields", [{"is_private": True}, {"kind": Incident.Kind.DRILL}])
def test_private_incident_and_drill_reach_only_those_who_take_part(fields: dict[str, object]):
    incident = make_incident(phase=Phase.MOBILIZING, **fields)
    responder = make_responder(incident, make_person(email="responder@example.com")).person
    paged = make_page(incident, make_person(email="paged@example.com")).person
    stranger = make_person(email="stranger@example.com")
    audience = make_audience(responder, paged, stranger, addresses="everyone@example.com")

    assert addresses(incident, audience) == ["responder@example.com", "paged@example.com"]


def test_audience_without_rules_concerns_every_incident():
    audience = make_audience()

    assert concerned(make_incident(), kind=AudienceKind.INTERNAL) == [audience]


def test_audience_of_the_other_kind_or_inactive_is_not_concerned():
    make_audience(kind=AudienceKind.EXTERNAL)
    make_audience(is_active=False)

    assert concerned(make_incident(), kind=AudienceKind.INTERNAL) == []


@pytest.mark.parametrize(("rank", "is_told"), [(1, True), (2, True), (3, False)])
def test_audience_is_concerned_from_its_severity_on(rank: int, is_told: bool):
    make_audience(min_severity=make_severity(2))
    incident = make_incident(severity=make_severity(rank))

    assert bool(concerned(incident, kind=AudienceKind.INTERNAL)) is is_told


def test_audience_of_services_is_concerned_once_when_any_of_them_is():
    checkout, search, billing = make_service(), make_service(), make_service()
    audience = make_audience()
    audience.services.set([checkout, billing])

    assert concerned(make_incident(services=[search]), kind=AudienceKind.INTERNAL) == []
    touched = make_incident(services=[checkout, billing, search])
    assert concerned(touched, kind=AudienceKind.INTERNAL) == [audience]


def test_address_that_is_none_is_named_with_its_line():
    audience = make_audience()
    audience.addresses = "list@example.com\nnot an address"

    with pytest.raises(ValidationError, match="Line 2: “not an address” is not a mail address"):
        audience.full_clean()
