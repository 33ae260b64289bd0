from datetime import timedelta

import pytest

from incidents.models import Incident, IncidentError, TimelineEntry
from roster.actors import Actor
from tests.factories.incidents import make_incident, make_service

pytestmark = pytest.mark.django_db

RUTH = Actor(person=None, name="Ruth Adeyemi", via="admin")
OMAR = Actor(person=None, name="Omar Haddad", via="api")


def stored(incident: Incident) -> Incident:
    return Incident.objects.get(pk=incident.pk)


# --- note -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", ["detected", "restoring", "closed", "dismissed"])
def test_note_is_written_at_any_phase(phase, now):
    incident = make_incident(phase=phase)

    incident.note("The queue is growing", by=RUTH, at=now)

    entry = TimelineEntry.objects.get(incident=incident)
    assert (entry.kind, entry.text, entry.at) == ("note_added", "The queue is growing", now)


def test_note_keeps_apart_when_it_happened_and_when_it_was_written(now):
    earlier = now - timedelta(minutes=20)

    entry = make_incident().note("A deploy went out", by=RUTH, at=now, happened_at=earlier)

    assert (entry.at, entry.recorded_at) == (earlier, now)


@pytest.mark.parametrize(
    ("text", "minutes", "field"), [("  ", 0, "text"), ("Soon", 5, "happened_at")]
)
def test_note_refuses_nothing_and_the_future(text, minutes, field, now):
    with pytest.raises(IncidentError) as refusal:
        make_incident().note(text, by=RUTH, at=now, happened_at=now + timedelta(minutes=minutes))

    assert list(refusal.value.fields) == [field]
    assert not TimelineEntry.objects.exists()


# --- edit -----------------------------------------------------------------------------------------


def test_edit_records_old_and_new_in_one_entry(now):
    incident = make_incident(title="Errors", services=[make_service(name="Checkout")])

    incident.edit(
        title="Checkout errors",
        customer_impact="Nobody can pay",
        summary="",
        services=[make_service(name="Payments")],
        by=RUTH,
        at=now,
    )

    assert stored(incident).title == "Checkout errors"
    entry = TimelineEntry.objects.get(incident=incident)
    assert entry.data == {
        "fields": ["title", "customer impact", "services"],
        "changes": {
            "title": ["Errors", "Checkout errors"],
            "customer_impact": ["", "Nobody can pay"],
            "services": [["Checkout"], ["Payments"]],
        },
    }


def test_edit_of_nothing_new_writes_nothing(now):
    incident = make_incident(title="Errors")

    incident.edit(title="Errors", services=[], by=RUTH, at=now)

    assert not TimelineEntry.objects.exists()


def test_edit_of_the_same_column_at_once_is_made_by_one(now):
    incident = make_incident(number=142)
    as_omar_sees_it = stored(incident)
    incident.edit(summary="Disk full", by=RUTH, at=now)

    with pytest.raises(IncidentError) as refusal:
        as_omar_sees_it.edit(summary="Network down", by=OMAR, at=now)

    assert refusal.value.message == (
        "Somebody else has just changed INC-142. Reload the page to see it."
    )
    assert stored(incident).summary == "Disk full"


def test_edit_of_different_columns_at_once_is_made_by_both(now):
    incident = make_incident()
    as_omar_sees_it = stored(incident)
    incident.edit(summary="Disk full", by=RUTH, at=now)

    as_omar_sees_it.edit(workaround="Retry", by=OMAR, at=now)

    both = stored(incident)
    assert (both.summary, both.workaround) == ("Disk full", "Retry")


def test_edit_sets_milestone_with_the_first_confirmed_cause(now):
    incident = make_incident()

    incident.edit(confirmed_cause="Full disk", by=RUTH, at=now)
    incident.edit(confirmed_cause="Full inode table", by=RUTH, at=now + timedelta(hours=1))

    assert stored(incident).cause_found_at == now


def test_edit_does_not_reach_state(now):
    with pytest.raises(TypeError):
        make_incident().edit(phase="closed", by=RUTH, at=now)


def test_edit_keeps_a_title(now):
    with pytest.raises(IncidentError) as refusal:
        make_incident().edit(title="", by=RUTH, at=now)

    assert refusal.value.fields == {"title": ["An incident needs a title."]}


# --- milestones -----------------------------------------------------------------------------------


def test_correct_milestone_points_at_the_entry_that_was_wrong(now):
    incident = make_incident(phase="restoring")
    incident.restore(by=RUTH, at=now, summary="Rolled back")
    moment = now - timedelta(minutes=10)

    incident.correct_milestone("restored_at", moment, reason="See the graph", by=OMAR, at=now)

    assert stored(incident).restored_at == moment
    wrong, correction = TimelineEntry.objects.filter(incident=incident).order_by("pk")
    assert (correction.corrects, correction.text) == (wrong, "See the graph")
    assert correction.data == {
        "milestone": "restored_at",
        "milestone_name": "restored at",
        "old": now.isoformat(),
        "new": moment.isoformat(),
    }


def test_correct_milestone_may_set_when_impact_began(now):
    incident = make_incident()

    incident.correct_milestone("impact_began_at", now, reason="First complaint", by=RUTH, at=now)

    assert stored(incident).impact_began_at == now


@pytest.mark.parametrize(
    ("name", "minutes", "reason", "field"),
    [
        ("restored_at", 0, "Sure", "name"),
        ("born_at", 0, "Sure", "name"),
        ("detected_at", 0, "", "reason"),
        ("detected_at", 1, "Sure", "moment"),
    ],
)
def test_correct_milestone_refuses(name, minutes, reason, field, now):
    incident = make_incident()
    moment = now + timedelta(minutes=minutes)

    with pytest.raises(IncidentError) as refusal:
        incident.correct_milestone(name, moment, reason=reason, by=RUTH, at=now)

    assert list(refusal.value.fields) == [field]
    assert not TimelineEntry.objects.exists()


@pytest.mark.parametrize(
    ("name", "minutes"), [("restored_at", -61), ("impact_began_at", 1), ("closed_at", -1)]
)
def test_correct_milestone_keeps_moments_in_order(name, minutes, now):
    began = now - timedelta(hours=1)
    incident = make_incident(phase="closed", impact_began_at=began, restored_at=now, closed_at=now)
    moment = now + timedelta(minutes=minutes)

    with pytest.raises(IncidentError) as refusal:
        incident.correct_milestone(name, moment, reason="Sure", by=RUTH, at=now + timedelta(days=1))

    assert list(refusal.value.fields) == ["moment"]
