from datetime import UTC, datetime, timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from incidents.assembly import assemble, proposals
from incidents.handlers import affected_components, handlers_of
from incidents.models import Incident, Responder, ResponderError
from roster.actors import Actor
from roster.models import Person
from tests.factories.incidents import make_incident, make_responder, make_service
from tests.factories.roster import make_person, make_policy, make_schedule, make_team

pytestmark = pytest.mark.django_db

RUTH = Actor(person=None, name="Ruth Adeyemi", via="admin")


def names(handlers: list) -> list[tuple[str, str]]:
    return [(each.person.name, each.why) for each in handlers]


def test_first_is_whom_the_policy_would_page_with_the_end_of_the_shift(now: datetime) -> None:
    primary = make_schedule(make_person(name="Ana"), make_person(), name="Primary")
    service = make_service(policy=make_policy(primary))

    [answer] = handlers_of([service], at=now)

    assert names(answer.first) == [("Ana", "Primary")]
    assert answer.first[0].until == datetime(2026, 3, 9, 9, tzinfo=UTC)


def test_first_passes_over_a_step_that_leads_to_nobody(now: datetime) -> None:
    service = make_service(policy=make_policy(make_schedule(), make_person(name="Bo")))

    [answer] = handlers_of([service], at=now)

    assert names(answer.first) == [("Bo", "named in the policy")]


def test_specialists_are_on_call_for_the_component_itself(now: datetime) -> None:
    service = make_service()
    service.schedules.add(
        make_schedule(make_person(name="Dee"), name="Databases"),
        make_schedule(make_person(), name="Retired", is_active=False),
    )

    [answer] = handlers_of([service], at=now)

    assert names(answer.specialists) == [("Dee", "Databases")]


def test_one_level_up_is_the_superior_and_the_lead_of_the_team(now: datetime) -> None:
    boss, lead = make_person(name="Boss"), make_person(name="Lead")
    ana = make_person(name="Ana", reports_to=boss)
    team = make_team(name="Payments", lead=lead)
    service = make_service(policy=make_policy(ana), owner_team=team)

    [answer] = handlers_of([service], at=now)

    assert names(answer.above) == [("Boss", "Ana reports to them"), ("Lead", "lead of Payments")]


def test_service_without_policy_or_rotation_leads_to_its_team_only(now: datetime) -> None:
    service = make_service(owner_team=make_team(lead=make_person(name="Lead"), name="Payments"))

    [answer] = handlers_of([service], at=now)

    assert (answer.policy, answer.everyone) == (None, [])
    assert names(answer.above) == [("Lead", "lead of Payments")]


@pytest.mark.parametrize("count", [1, 4])
def test_queries_do_not_grow_with_services(
    count: int, now: datetime, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    services = []
    for _ in range(count):
        service = make_service(policy=make_policy(make_schedule(make_person(), make_person())))
        service.schedules.add(make_schedule(make_person()))
        services.append(service)

    with django_assert_num_queries(14):
        handlers_of(services, at=now)


def test_affected_components_go_all_the_way_down_and_survive_a_circle() -> None:
    shop, payments, database = (make_service(name=name) for name in ("Shop", "Payments", "DB"))
    shop.depends_on.add(payments)
    payments.depends_on.add(database)
    database.depends_on.add(shop)

    assert affected_components([shop]) == [shop, payments, database]


# --- assembling a team ---------------------------------------------------------------------------


def incident_of_shop_and_database() -> tuple[Incident, Person, Person]:
    ana, dee = make_person(name="Ana"), make_person(name="Dee")
    shop = make_service(name="Shop", policy=make_policy(make_schedule(ana, name="Shop on-call")))
    database = make_service(name="DB", policy=make_policy(make_schedule(dee, name="DB on-call")))
    shop.depends_on.add(database)
    incident = make_incident()
    incident.services.add(shop)
    return incident, ana, dee


def test_proposals_name_the_affected_service_and_what_it_depends_on(now: datetime) -> None:
    incident, _, _ = incident_of_shop_and_database()

    found = [
        (each.person.name, each.area, each.is_dependency) for each in proposals(incident, at=now)
    ]

    assert found == [("Ana", "Shop", False), ("Dee", "DB", True)]


def test_proposals_leave_out_who_is_engaged(now: datetime) -> None:
    incident, ana, _ = incident_of_shop_and_database()
    make_responder(incident, ana)

    assert [each.person.name for each in proposals(incident, at=now)] == ["Dee"]


def test_assembling_asks_each_with_an_area_of_their_own(now: datetime) -> None:
    incident, _, _ = incident_of_shop_and_database()

    assemble(incident, proposals(incident, at=now), message="Join the call", by=RUTH, at=now)

    rows = incident.responders.order_by("pk").values_list("person__name", "area", "message")
    assert list(rows) == [("Ana", "Shop", "Join the call"), ("Dee", "DB", "Join the call")]


def test_assembling_passes_over_who_was_asked_meanwhile(now: datetime) -> None:
    incident, ana, _ = incident_of_shop_and_database()
    chosen = proposals(incident, at=now)
    make_responder(incident, ana)

    asked = assemble(incident, chosen, by=RUTH, at=now + timedelta(minutes=1))

    assert [responder.person.name for responder in asked] == ["Dee"]


def test_assembling_nobody_is_refused(now: datetime) -> None:
    incident, _, _ = incident_of_shop_and_database()

    with pytest.raises(ResponderError, match="Choose somebody"):
        assemble(incident, [], by=RUTH, at=now)
    assert not Responder.objects.exists()
