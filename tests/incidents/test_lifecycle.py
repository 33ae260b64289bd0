from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext

from incidents.lifecycle import detect
from incidents.models import Incident, IncidentError, Phase, PhaseError, Responder, TimelineEntry
from incidents.phases import ALLOWED_BACK_FROM, ALLOWED_FROM
from incidents.signals import incident_closing, paging_settled
from roster.actors import Actor
from tests.factories.incidents import (
    make_assignment,
    make_incident,
    make_responder,
    make_role,
    make_service,
    make_severity,
    make_severity_rule,
)
from tests.factories.roster import make_person, make_schedule

pytestmark = pytest.mark.django_db

RUTH = Actor(person=None, name="Ruth Adeyemi", via="admin")
OMAR = Actor(person=None, name="Omar Haddad", via="api")
# Its entries break a constraint, so what it does must not stay.
NAMELESS = Actor(person=None, name="", via="admin")

# How each phase is entered forwards, with nothing missing.
ENTER: dict[Phase, Callable[[Incident, Actor, datetime], None]] = {
    Phase.MOBILIZING: lambda incident, by, at: incident.declare(
        extent=None, degree=None, severity=incident.severity, by=by, at=at
    ),
    Phase.DIAGNOSING: lambda incident, by, at: incident.advance("diagnosing", by=by, at=at),
    Phase.RESTORING: lambda incident, by, at: incident.advance("restoring", by=by, at=at),
    Phase.RESTORED: lambda incident, by, at: incident.restore(by=by, at=at, summary="Rolled back"),
    Phase.LEARNING: lambda incident, by, at: incident.start_learning(by=by, at=at),
    Phase.CLOSED: lambda incident, by, at: incident.close(by=by, at=at, summary="A bad deploy"),
    Phase.DISMISSED: lambda incident, by, at: incident.dismiss(reason="A test", by=by, at=at),
}
KINDS = {
    Phase.MOBILIZING: "incident_declared",
    Phase.DIAGNOSING: "phase_changed",
    Phase.RESTORING: "phase_changed",
    Phase.RESTORED: "incident_restored",
    Phase.LEARNING: "phase_changed",
    Phase.CLOSED: "incident_closed",
    Phase.DISMISSED: "incident_dismissed",
}
LIVE_AND_DECLARED = (Phase.MOBILIZING, Phase.DIAGNOSING, Phase.RESTORING)
FORWARDS = [(old, new) for new, olds in ALLOWED_FROM.items() for old in sorted(olds)]
NOT_FORWARDS = [
    (old, new) for new, olds in ALLOWED_FROM.items() for old in Phase if old not in olds
]
BACKWARDS = [(old, new) for new, olds in ALLOWED_BACK_FROM.items() for old in sorted(olds)]
NOT_BACKWARDS = [
    (old, new) for new in Phase for old in Phase if old not in ALLOWED_BACK_FROM.get(new, ())
]


def kinds(incident: Incident) -> list[str]:
    entries = TimelineEntry.objects.filter(incident=incident).order_by("pk")
    return list(entries.values_list("kind", flat=True))


def stored(incident: Incident) -> Incident:
    return Incident.objects.get(pk=incident.pk)


def reopenable(phase: Phase, new: Phase) -> Incident:
    """An incident in `phase`; a dismissed one had been declared unless it goes back to detected."""
    was_declared = phase == Phase.DISMISSED and new != Phase.DETECTED
    return make_incident(phase=phase, declared=was_declared)


# --- detect ----------------------------------------------------------------


def test_detect_opens_incident_with_one_entry(now):
    service = make_service(name="Checkout")

    incident = detect(
        title="Errors",
        services=[service],
        severity=make_severity(2),
        source="monitoring",
        by=Actor.system("Alerts"),
        at=now,
    )

    assert (incident.phase, incident.detected_at) == ("detected", now)
    assert list(incident.services.all()) == [service]
    assert kinds(incident) == ["incident_detected"]


def test_detect_counts_references_up(now):
    common = {"services": [], "severity": make_severity(), "source": "customer"}

    first = detect(title="One", by=RUTH, at=now, **common)
    second = detect(title="Two", by=RUTH, at=now, **common)

    assert second.number == first.number + 1
    assert Incident.objects.get_by_reference(second.reference.lower()) == second


def test_detect_refuses_second_live_incident_of_a_group(now):
    make_incident(grouping_key="checkout", phase="restoring")

    with pytest.raises(IntegrityError):
        detect(
            title="Again",
            services=[],
            severity=make_severity(),
            source="monitoring",
            grouping_key="checkout",
            by=RUTH,
            at=now,
        )


def test_detect_allows_group_of_restored_incident(now):
    make_incident(grouping_key="checkout", phase="restored")

    again = make_incident(grouping_key="checkout")

    assert again.phase == "detected"


@pytest.mark.parametrize("reference", ["INC-x", "142", "PM-1", "INC-", "INC-٣", "INC-" + "9" * 30])
def test_get_by_reference_finds_nothing_for_nonsense(reference):
    with pytest.raises(Incident.DoesNotExist):
        Incident.objects.get_by_reference(reference)


# --- phases, forwards ----------------------------------------------------------------


@pytest.mark.parametrize(("old", "new"), FORWARDS)
def test_change_of_phase_is_stored_with_its_entry(old, new, now):
    incident = make_incident(phase=old)

    ENTER[new](incident, RUTH, now)

    assert incident.phase == stored(incident).phase == new
    entry = TimelineEntry.objects.get(incident=incident, kind=KINDS[new], data__new=new)
    assert entry.data["new"] == new
    assert (entry.actor_name, entry.at) == ("Ruth Adeyemi", now)


@pytest.mark.parametrize(("old", "new"), NOT_FORWARDS)
def test_change_of_phase_is_refused_from_elsewhere(old, new, now):
    incident = make_incident(phase=old)

    with pytest.raises(PhaseError) as refusal:
        ENTER[new](incident, RUTH, now)

    assert refusal.value.code == "phase_not_allowed"
    assert incident.reference in refusal.value.message
    assert stored(incident).phase == old
    assert kinds(incident) == []


@pytest.mark.parametrize(("old", "new"), FORWARDS)
def test_change_of_phase_fails_with_its_entry(old, new, now):
    incident = make_incident(phase=old)

    with pytest.raises(IntegrityError):
        ENTER[new](incident, NAMELESS, now)

    assert stored(incident).phase == old
    assert kinds(incident) == []


@pytest.mark.parametrize(("old", "new"), FORWARDS)
def test_change_of_phase_at_the_same_time_is_made_by_one(old, new, now):
    incident = make_incident(phase=old)
    as_omar_sees_it = stored(incident)
    ENTER[new](incident, RUTH, now)
    written = kinds(incident)

    with pytest.raises(PhaseError) as refusal:
        ENTER[new](as_omar_sees_it, OMAR, now)

    assert refusal.value.code == "changed_meanwhile"
    assert refusal.value.message == (
        f"Ruth Adeyemi has just moved {incident.reference} to {new.label}."
        " Reload the page to see it."
    )
    assert kinds(incident) == written


def test_refusal_says_to_reopen_what_is_closed(now):
    incident = make_incident(phase="closed", number=142)

    with pytest.raises(PhaseError) as refusal:
        incident.restore(by=RUTH, at=now, summary="Again")

    assert refusal.value.message == "INC-142 is already closed. Reopen it first."


def test_advance_goes_to_working_phases_only(now):
    with pytest.raises(PhaseError):
        make_incident(phase="restoring").advance("restored", by=RUTH, at=now)


# --- guards ----------------------------------------------------------------


def test_advance_wants_an_incident_manager_where_required(now):
    make_role("incident-manager", required_from=make_severity(3))
    incident = make_incident(phase="mobilizing", number=142, severity=make_severity(2))

    with pytest.raises(PhaseError) as refusal:
        incident.advance("diagnosing", by=RUTH, at=now)

    assert (refusal.value.code, refusal.value.message) == (
        "something_missing",
        "INC-142 has no incident manager. Assign one before moving to Diagnosing.",
    )
    assert stored(incident).phase == "mobilizing"


def test_advance_goes_on_with_a_reason(now):
    make_role("incident-manager", required_from=make_severity(3))
    incident = make_incident(phase="mobilizing", number=142)

    incident.advance("diagnosing", by=RUTH, at=now, override_reason="I am alone")

    entry = TimelineEntry.objects.get(incident=incident)
    assert entry.data == {
        "old": "mobilizing",
        "new": "diagnosing",
        "overridden": ["INC-142 has no incident manager. Assign one before moving to Diagnosing."],
        "override_reason": "I am alone",
    }


def test_advance_asks_nothing_of_a_mild_incident(now):
    make_role("incident-manager", required_from=make_severity(3))
    incident = make_incident(phase="mobilizing", severity=make_severity(4))

    incident.advance("diagnosing", by=RUTH, at=now)

    assert incident.phase == "diagnosing"


def test_advance_sees_the_manager_who_is_there(now):
    role = make_role("incident-manager", required_from=make_severity(3))
    incident = make_incident(phase="mobilizing")
    make_assignment(incident, role)

    incident.advance("diagnosing", by=RUTH, at=now)

    assert incident.phase == "diagnosing"


def test_restore_needs_a_summary(now):
    with pytest.raises(IncidentError) as refusal:
        make_incident(phase="restoring").restore(by=RUTH, at=now, summary="")

    assert refusal.value.fields == {"summary": ["Say in one line what restored service."]}


def test_restore_keeps_a_summary_written_before(now):
    incident = make_incident(phase="restoring", summary="Card payments failed")

    incident.restore(by=RUTH, at=now, summary="Rolled back")

    assert stored(incident).summary == "Card payments failed"
    assert TimelineEntry.objects.get(incident=incident).text == "Rolled back"


def test_close_of_a_mild_incident_takes_one_line(now):
    incident = make_incident(phase="mobilizing", severity=make_severity(4))

    incident.close(by=RUTH, at=now, summary="Disk was full; cleaned up")

    closed = stored(incident)
    assert (closed.phase, closed.restored_at, closed.closed_at) == ("closed", now, now)
    assert closed.summary == "Disk was full; cleaned up"
    assert kinds(incident) == ["incident_restored", "incident_closed"]


def test_close_of_a_live_major_incident_needs_a_reason(now):
    major = make_severity(1, is_major=True)
    incident = make_incident(phase="diagnosing", severity=major, number=142)

    with pytest.raises(PhaseError) as refusal:
        incident.close(by=RUTH, at=now, summary="Gone")

    assert refusal.value.message == (
        "INC-142 is SEV1 and has not been restored. Mark it as restored first."
    )
    assert kinds(incident) == []


def test_close_without_a_word_is_refused(now):
    incident = make_incident(phase="learning", number=142)

    with pytest.raises(PhaseError) as refusal:
        incident.close(by=RUTH, at=now)

    assert refusal.value.message == "INC-142 has no summary. Say in one line what happened."


def test_close_is_refused_by_another_app_until_overridden(now):
    def object_to_closing(incident, **kwargs):
        return f"{incident.reference} has no postmortem."

    incident = make_incident(phase="learning", number=142)
    incident_closing.connect(object_to_closing)
    try:
        with pytest.raises(PhaseError) as refusal:
            incident.close(by=RUTH, at=now, summary="Done")
        incident.close(by=RUTH, at=now, summary="Done", override_reason="Supplier's fault")
    finally:
        incident_closing.disconnect(object_to_closing)

    assert refusal.value.message == "INC-142 has no postmortem."
    entry = TimelineEntry.objects.get(incident=incident, kind="incident_closed")
    assert entry.data["override_reason"] == "Supplier's fault"


@pytest.mark.parametrize("phase", ["closed", "dismissed"])
def test_end_lets_everyone_go(phase, now):
    incident = make_incident(phase="restoring", summary="Known")
    engaged = make_responder(incident, state="acknowledged")
    asked = make_responder(incident)
    released = make_responder(incident, state="released")

    ENTER[Phase(phase)](incident, RUTH, now)

    states = Responder.objects.filter(incident=incident).order_by("pk").values_list("state")
    assert [state for (state,) in states] == ["released", "cancelled", "released"]
    gone = TimelineEntry.objects.filter(incident=incident, data__is_automatic=True).order_by("pk")
    assert [(entry.kind, entry.data["responder"]) for entry in gone] == [
        ("responder_released", engaged.pk),
        ("request_withdrawn", asked.pk),
    ]
    released.refresh_from_db()
    assert released.ended_at == incident.detected_at


# --- acknowledge ----------------------------------------------------------------


@pytest.mark.parametrize("phase", [Phase.DETECTED, *LIVE_AND_DECLARED])
def test_acknowledge_is_stored_with_its_entry(phase, now):
    incident = make_incident(phase=phase, acknowledged_at=None)

    incident.acknowledge(by=RUTH, at=now)

    assert (stored(incident).acknowledged_at, incident.acknowledged_by_name) == (
        now,
        "Ruth Adeyemi",
    )
    assert kinds(incident) == ["incident_acknowledged"]


def test_acknowledge_repeated_by_the_same_person_does_nothing(now):
    incident = make_incident()
    incident.acknowledge(by=RUTH, at=now)

    incident.acknowledge(by=RUTH, at=now + timedelta(minutes=1))

    assert stored(incident).acknowledged_at == now
    assert kinds(incident) == ["incident_acknowledged"]


def test_acknowledge_by_two_at_once_is_made_by_one(now):
    incident = make_incident(number=142)
    as_omar_sees_it = stored(incident)
    incident.acknowledge(by=RUTH, at=now)

    with pytest.raises(IncidentError) as refusal:
        as_omar_sees_it.acknowledge(by=OMAR, at=now)

    assert (refusal.value.code, refusal.value.message) == (
        "already_acknowledged",
        "INC-142 was already acknowledged by Ruth Adeyemi at 10:00 UTC.",
    )
    assert kinds(incident) == ["incident_acknowledged"]


def test_acknowledge_of_a_dismissed_incident_is_refused(now):
    incident = make_incident(phase="dismissed", number=142)

    with pytest.raises(PhaseError) as refusal:
        incident.acknowledge(by=RUTH, at=now)

    assert refusal.value.message == (
        "INC-142 is already dismissed. There is nothing to acknowledge."
    )


def test_acknowledge_names_the_first_responder(now):
    make_role("first-responder", is_single=False)
    person = make_person(name="Lena Vogt")
    incident = make_incident()

    incident.acknowledge(by=Actor.of_person(person), at=now)

    assert incident.role_assignments.current().get().person == person
    assert kinds(incident) == ["incident_acknowledged", "role_assigned"]


def test_acknowledge_settles_paging_in_its_transaction(now):
    heard = []

    def listen(**told):
        heard.append((told["incident"].pk, told["reason"]))

    incident = make_incident()
    paging_settled.connect(listen)
    try:
        incident.acknowledge(by=RUTH, at=now)
    finally:
        paging_settled.disconnect(listen)

    assert heard == [(incident.pk, "acknowledged by Ruth Adeyemi")]


# --- declare ----------------------------------------------------------------


def test_declare_takes_the_severity_of_the_matrix(now):
    extent, degree = make_severity_rule(make_severity(2))
    incident = make_incident(severity=make_severity(4))

    incident.declare(extent=extent, degree=degree, title="Checkout down", by=RUTH, at=now)

    declared = stored(incident)
    assert (declared.severity.slug, declared.severity_reason) == ("sev2", "")
    assert (declared.title, declared.declared_at) == ("Checkout down", now)
    assert (declared.acknowledged_at, declared.declared_by_name) == (now, "Ruth Adeyemi")


def test_declare_may_overrule_the_matrix_with_a_reason(now):
    extent, degree = make_severity_rule(make_severity(2))
    incident = make_incident()

    incident.declare(
        extent=extent,
        degree=degree,
        severity=make_severity(1),
        reason="It is the sale",
        by=RUTH,
        at=now,
    )

    entry = TimelineEntry.objects.get(incident=incident, kind="incident_declared")
    assert (entry.data["proposed"], entry.data["severity"]) == ("sev2", "sev1")
    assert (entry.text, stored(incident).severity_reason) == ("It is the sale", "It is the sale")


def test_declare_does_not_overrule_without_a_reason(now):
    extent, degree = make_severity_rule(make_severity(2))
    incident = make_incident()

    with pytest.raises(IncidentError) as refusal:
        incident.declare(extent=extent, degree=degree, severity=make_severity(1), by=RUTH, at=now)

    assert refusal.value.fields == {"reason": ["The matrix says SEV2. Say why it is SEV1."]}
    assert stored(incident).phase == "detected"


def test_declare_asks_for_a_severity_where_the_matrix_is_empty(now):
    with pytest.raises(IncidentError) as refusal:
        make_incident().declare(extent=None, degree=None, by=RUTH, at=now)

    assert list(refusal.value.fields) == ["severity"]


def test_declare_fills_required_roles_from_the_roster(now):
    on_call = make_person(name="Lena Vogt")
    needed_from = make_severity(3)
    make_role("incident-manager", required_from=needed_from, schedule=make_schedule(on_call))
    make_role("scribe", required_from=needed_from, position=2)
    incident = make_incident(severity=make_severity(2))

    ENTER[Phase.MOBILIZING](incident, RUTH, now)

    assert incident.manager() == on_call
    assert kinds(incident)[-2:] == ["role_assigned", "roles_unfilled"]
    unfilled = TimelineEntry.objects.get(incident=incident, kind="roles_unfilled")
    assert unfilled.data == {"roles": ["scribe"], "role_names": ["scribe"]}


def test_declare_costs_the_same_for_one_role_and_for_four(now):
    def queries_with(roles: int) -> int:
        incident = make_incident(severity=make_severity(2))
        for _ in range(roles):
            make_role(required_from=incident.severity, schedule=make_schedule(make_person()))
        with CaptureQueriesContext(connection) as queries:
            ENTER[Phase.MOBILIZING](incident, RUTH, now)
        return len(queries)

    assert queries_with(roles=1) == queries_with(roles=4)


# --- back-steps ------------------------------------------------------------------------------


@pytest.mark.parametrize(("old", "new"), BACKWARDS)
def test_reopen_goes_back_with_its_entry(old, new, now):
    incident = reopenable(old, new)

    incident.reopen(new, reason="It came back", by=RUTH, at=now)

    assert stored(incident).phase == new
    entry = TimelineEntry.objects.get(incident=incident)
    was_live = old in LIVE_AND_DECLARED
    assert entry.kind == ("phase_changed" if was_live else "incident_reopened")
    assert (entry.text, entry.data["old"], entry.data["is_back"]) == ("It came back", old, True)


@pytest.mark.parametrize(("old", "new"), NOT_BACKWARDS)
def test_reopen_is_refused_from_elsewhere(old, new, now):
    incident = make_incident(phase=old)

    with pytest.raises(PhaseError):
        incident.reopen(new, reason="Try", by=RUTH, at=now)

    assert stored(incident).phase == old
    assert kinds(incident) == []


def test_reopen_clears_milestones_and_keeps_them_in_the_entry(now):
    incident = make_incident(phase="closed", restored_at=now, closed_at=now)

    incident.reopen("diagnosing", reason="It came back", by=RUTH, at=now)

    reopened = stored(incident)
    assert (reopened.restored_at, reopened.closed_at) == (None, None)
    entry = TimelineEntry.objects.get(incident=incident)
    assert (entry.data["restored_at"], entry.data["closed_at"]) == (
        now.isoformat(),
        now.isoformat(),
    )


def test_reopen_leaves_the_alerts_to_whoever_gathers_them_now(now):
    incident = make_incident(phase="closed", grouping_key="checkout")
    make_incident(grouping_key="checkout")

    incident.reopen("diagnosing", reason="It came back", by=RUTH, at=now)

    assert stored(incident).grouping_key == ""


def test_reopen_of_a_dismissed_one_knows_whether_it_was_declared(now):
    incident = make_incident(phase="dismissed", number=142)

    with pytest.raises(PhaseError) as refusal:
        incident.reopen("diagnosing", reason="It was real", by=RUTH, at=now)

    assert refusal.value.message == "Reopen INC-142 as Detected."


def test_reopen_needs_a_reason(now):
    with pytest.raises(IncidentError) as refusal:
        make_incident(phase="restored").reopen("restoring", reason="", by=RUTH, at=now)

    assert list(refusal.value.fields) == ["reason"]


# --- severity ----------------------------------------------------------------


def test_change_severity_to_worse_fills_the_roles_it_adds(now):
    worse = make_severity(1)
    on_call = make_person()
    scribe = make_role("scribe", required_from=worse, schedule=make_schedule(on_call))
    incident = make_incident(phase="diagnosing", severity=make_severity(3))

    incident.change_severity(worse, by=RUTH, at=now)

    assert stored(incident).severity == worse
    assert incident.role_assignments.get(role=scribe).person == on_call
    assert kinds(incident) == ["severity_changed", "role_assigned"]


def test_change_severity_to_milder_needs_a_reason(now):
    incident = make_incident(phase="diagnosing", severity=make_severity(1))

    with pytest.raises(IncidentError) as refusal:
        incident.change_severity(make_severity(3), by=RUTH, at=now)

    assert refusal.value.fields == {"reason": ["Say why it is milder than SEV1."]}


def test_change_severity_to_the_same_does_nothing(now):
    incident = make_incident(phase="diagnosing")

    incident.change_severity(incident.severity, by=RUTH, at=now)

    assert kinds(incident) == []


def test_change_severity_at_the_same_time_is_made_by_one(now):
    incident = make_incident(phase="diagnosing", severity=make_severity(3))
    as_omar_sees_it = stored(incident)
    incident.change_severity(make_severity(1), by=RUTH, at=now)

    with pytest.raises(PhaseError) as refusal:
        as_omar_sees_it.change_severity(make_severity(2), by=OMAR, at=now)

    assert refusal.value.code == "changed_meanwhile"
    assert stored(incident).severity.slug == "sev1"


def test_change_severity_of_a_closed_incident_is_refused(now):
    with pytest.raises(PhaseError):
        make_incident(phase="closed").change_severity(make_severity(1), by=RUTH, at=now)
