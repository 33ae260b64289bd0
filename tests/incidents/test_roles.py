from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from incidents.models import RoleAssignment, TimelineEntry
from incidents.roles import RoleError, assign_role, end_role, fill_roles_from_roster, role_board
from roster.actors import Actor
from tests.factories.incidents import make_assignment, make_incident, make_role, make_severity
from tests.factories.roster import make_person, make_schedule

pytestmark = pytest.mark.django_db

RUTH = Actor(person=None, name="Ruth Adeyemi", via="admin")


def test_assign_role_is_stored_with_its_entry(now):
    incident, role = make_incident(), make_role("incident-manager")
    lena = make_person(name="Lena Vogt")

    assignment = assign_role(incident, role, lena, by=RUTH, at=now, note="You know it best")

    assert incident.manager() == lena
    assert (assignment.starts_at, assignment.assigned_by_name) == (now, "Ruth Adeyemi")
    entry = TimelineEntry.objects.get(incident=incident)
    assert (entry.kind, entry.text) == ("role_assigned", "You know it best")
    assert entry.data == {
        "role": "incident-manager",
        "role_name": "incident manager",
        "person": "Lena Vogt",
        "person_id": lena.pk,
        "previous": None,
    }


def test_assign_single_role_hands_it_over(now):
    incident, role = make_incident(), make_role("incident-manager")
    first = make_assignment(incident, role, make_person(name="Lena Vogt"))
    omar = make_person()

    assign_role(incident, role, omar, by=RUTH, at=now)

    first.refresh_from_db()
    assert first.ends_at == now
    assert incident.manager() == omar
    assert TimelineEntry.objects.get(incident=incident).data["previous"] == "Lena Vogt"


def test_assign_role_with_many_holders_adds_one(now):
    incident, role = make_incident(), make_role("tech-lead", is_single=False)
    make_assignment(incident, role)

    assign_role(incident, role, make_person(), by=RUTH, at=now)

    assert incident.role_assignments.current().count() == 2


def test_assign_role_to_its_holder_does_nothing(now):
    incident, role = make_incident(), make_role("scribe")
    held = make_assignment(incident, role)

    again = assign_role(incident, role, held.person, by=RUTH, at=now)

    assert again == held
    assert not TimelineEntry.objects.exists()


def test_assign_role_refuses_a_closed_incident(now):
    incident = make_incident(phase="closed", number=142)

    with pytest.raises(RoleError) as refusal:
        assign_role(incident, make_role(), make_person(), by=RUTH, at=now)

    assert refusal.value.message == "INC-142 is closed. Reopen it to change its roles."


def test_assign_role_sees_that_the_incident_was_closed_meanwhile(now):
    incident = make_incident(phase="learning")
    as_another_sees_it = type(incident).objects.get(pk=incident.pk)
    incident.close(by=RUTH, at=now, summary="Done")

    with pytest.raises(RoleError):
        assign_role(as_another_sees_it, make_role(), make_person(), by=RUTH, at=now)


def test_assign_role_refuses_a_person_who_left(now):
    with pytest.raises(RoleError) as refusal:
        assign_role(
            make_incident(),
            make_role(),
            make_person(name="Lena Vogt", is_active=False),
            by=RUTH,
            at=now,
        )

    assert refusal.value.message == "Lena Vogt is no longer active."


def test_end_role_is_stored_with_its_entry(now):
    incident = make_incident()
    assignment = make_assignment(incident, make_role("scribe"))

    end_role(assignment, by=RUTH, at=now)

    assert not incident.role_assignments.current().exists()
    assert incident.role_assignments.held_at(now - timedelta(seconds=1)).get() == assignment
    assert TimelineEntry.objects.get(incident=incident).kind == "role_ended"


def test_end_role_twice_is_refused(now):
    assignment = make_assignment(
        make_incident(), make_role("scribe"), make_person(name="Lena Vogt")
    )
    as_another_sees_it = RoleAssignment.objects.get(pk=assignment.pk)
    end_role(assignment, by=RUTH, at=now)

    with pytest.raises(RoleError) as refusal:
        end_role(as_another_sees_it, by=RUTH, at=now)

    assert refusal.value.message == "Lena Vogt is no longer scribe."


def test_end_role_keeps_an_owner_unless_told_why_not(now):
    incident = make_incident(number=142)
    assignment = make_assignment(incident, make_role("incident-manager"))

    with pytest.raises(RoleError) as refusal:
        end_role(assignment, by=RUTH, at=now)
    end_role(assignment, by=RUTH, at=now, override_reason="Fell ill")

    assert refusal.value.message == (
        "INC-142 would have no incident manager. Assign the next one instead."
    )
    assert TimelineEntry.objects.get(incident=incident).data["override_reason"] == "Fell ill"


def test_fill_roles_takes_whoever_is_on_call(now):
    severity = make_severity(2)
    lena, omar, held_by = make_person(), make_person(), make_person()
    manager = make_role(
        "incident-manager", required_from=severity, schedule=make_schedule(lena), position=1
    )
    scribe = make_role("scribe", required_from=severity, schedule=make_schedule(omar), position=2)
    make_role("support-lead", required_from=make_severity(1), schedule=make_schedule(lena))
    make_role("internal-liaison", schedule=make_schedule(lena))
    incident = make_incident(phase="mobilizing", severity=severity)
    make_assignment(incident, scribe, held_by)

    filled = fill_roles_from_roster(incident, by=RUTH, at=now)

    assert [(each.role, each.person) for each in filled] == [(manager, lena)]
    assert incident.role_assignments.get(role=scribe).person == held_by
    entry = TimelineEntry.objects.get(incident=incident)
    assert (entry.kind, entry.data["from_roster"]) == ("role_assigned", True)


def test_fill_roles_says_which_nobody_covers(now):
    severity = make_severity(1)
    make_role("incident-manager", required_from=severity, schedule=make_schedule(), position=1)
    make_role("scribe", required_from=severity, position=2)
    incident = make_incident(phase="mobilizing", severity=severity)

    filled = fill_roles_from_roster(incident, by=RUTH, at=now)

    assert filled == []
    entry = TimelineEntry.objects.get(incident=incident)
    assert (entry.kind, entry.data["roles"]) == ("roles_unfilled", ["incident-manager", "scribe"])


def test_fill_roles_run_twice_fills_once(now):
    severity = make_severity(2)
    make_role("scribe", required_from=severity, schedule=make_schedule(make_person()))
    incident = make_incident(phase="mobilizing", severity=severity)
    fill_roles_from_roster(incident, by=RUTH, at=now)

    assert fill_roles_from_roster(incident, by=RUTH, at=now) == []
    assert TimelineEntry.objects.count() == 1


def test_fill_roles_costs_the_same_for_one_and_for_four(now):
    severity = make_severity(2)
    incident = make_incident(phase="mobilizing", severity=severity)

    def queries_with_new_roles(number: int) -> int:
        for _ in range(number):
            make_role(required_from=severity, schedule=make_schedule(make_person()))
        with CaptureQueriesContext(connection) as queries:
            fill_roles_from_roster(incident, by=RUTH, at=now)
        return len(queries)

    assert queries_with_new_roles(1) == queries_with_new_roles(4)


def test_role_board_shows_what_is_held_and_what_is_missing(now, django_assert_num_queries):
    severity = make_severity(2)
    optional = make_role("internal-liaison", position=1)
    missing = make_role("scribe", required_from=severity, position=2)
    held = make_role("incident-manager", required_from=severity, position=3)
    incident = make_incident(severity=severity)
    assignment = make_assignment(incident, held)
    make_assignment(incident, missing, ends_at=now)

    with django_assert_num_queries(2):
        board = role_board(incident)

    assert [(slot.role, slot.holders, slot.is_missing) for slot in board] == [
        (missing, [], True),
        (held, [assignment], False),
        (optional, [], False),
    ]
