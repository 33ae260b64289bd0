from datetime import UTC, date, datetime, time, timedelta

import pytest

from incidents.models import Page, Role
from incidents.role_coverage import who_answered_pages
from roster import coverage
from roster.models import Coverage, CoverageFinding, FindingKind, Layer, Person
from tests.factories.incidents import make_incident, make_role
from tests.factories.qualifications import make_grant, make_qualification
from tests.factories.roster import make_contact_method, make_layer, make_person, make_schedule

pytestmark = pytest.mark.django_db


def make_reachable(slug: str) -> Person:
    person = make_person(slug=slug)
    make_contact_method(person)
    return person


def found() -> list[str]:
    rows = CoverageFinding.objects.standing().filter(kind=FindingKind.ROLE_UNCOVERED)
    return list(rows.order_by("pk").values_list("text", flat=True))


def test_role_that_nobody_asks_to_cover_is_no_finding(now: datetime) -> None:
    make_role(is_round_the_clock=False)

    coverage.prove(at=now)

    assert found() == []


def test_role_without_schedule_is_found(now: datetime) -> None:
    make_role(name="IMOC", is_round_the_clock=True)

    coverage.prove(at=now)

    assert found() == ["IMOC must be covered round the clock, and no schedule covers it."]


def test_role_with_a_schedule_out_of_use_is_found(now: datetime) -> None:
    schedule = make_schedule(name="Managers", is_active=False)
    make_role(name="IMOC", is_round_the_clock=True, schedule=schedule)

    coverage.prove(at=now)

    assert found() == ["IMOC is covered by Managers, which is inactive."]


def test_role_needs_all_hours_whatever_its_schedule_asks_for(now: datetime) -> None:
    schedule = make_schedule(name="Managers", coverage=Coverage.NONE)
    layer = make_layer(schedule, make_reachable("ana"), make_reachable("bo"), unit=Layer.Unit.DAY)
    for day in range(7):
        layer.windows.create(opens_on=day, opens_at=time(8), closes_on=day, closes_at=time(20))
    make_role(name="IMOC", is_round_the_clock=True, schedule=schedule)

    coverage.prove(at=now)

    [finding] = CoverageFinding.objects.filter(kind=FindingKind.ROLE_UNCOVERED)
    assert finding.text.startswith("Nobody covers IMOC: nobody is on call for Managers.")
    assert finding.starts_at == datetime(2026, 3, 2, 20, tzinfo=UTC)
    assert finding.schedule == schedule


def test_gap_of_a_schedule_that_is_always_covered_is_told_once(now: datetime) -> None:
    schedule = make_schedule(name="Managers")
    make_role(is_round_the_clock=True, schedule=schedule)

    coverage.prove(at=now)

    assert found() == []
    assert CoverageFinding.objects.get().kind == FindingKind.GAP


def test_role_without_trained_people_is_found(now: datetime) -> None:
    training = make_qualification(name="Incident manager")
    ana, bo = make_reachable("ana"), make_reachable("bo")
    schedule = make_schedule(ana, bo, name="Managers")
    make_role(name="IMOC", is_round_the_clock=True, schedule=schedule, qualification=training)

    coverage.prove(at=now)
    nobody = found()
    make_grant(ana, training, granted_on=date(2026, 1, 1))
    coverage.prove(at=now + timedelta(minutes=1))

    assert nobody == ["Nobody on Managers holds “Incident manager” for IMOC."]
    assert found() == []
    untrained = CoverageFinding.objects.standing().get(kind=FindingKind.UNQUALIFIED)
    assert untrained.person == bo


def test_answered_page_counts_as_practice(now: datetime) -> None:
    answered, waiting = make_person(), make_person()
    incident = make_incident()
    common = {
        "incident": incident,
        "step_position": 1,
        "pass_number": 1,
        "created_at": now,
    }
    Page.objects.create(
        person=answered,
        state=Page.State.ACKNOWLEDGED,
        acknowledged_at=now,
        ended_at=now,
        **common,
    )
    Page.objects.create(person=waiting, **common)

    assert who_answered_pages([answered.pk, waiting.pk]) == {answered.pk}


def test_shipped_roles_that_never_rest(reference_data: None) -> None:
    asked = Role.objects.filter(is_round_the_clock=True).values_list("slug", flat=True)

    assert set(asked) == {"incident-manager", "imoc", "communications-manager"}
