"""What maintenance covers, whom it keeps from being paged, and what follows when it ends."""

from datetime import datetime, timedelta

import pytest
from django.core.exceptions import ValidationError

from incidents import maintenance
from incidents.maintenance import Windows, muting_until, occurrence
from incidents.models import Alert, Escalation, Incident, MaintenanceWindow
from roster.actors import Actor
from roster.errors import DomainError
from tests.factories.incidents import (
    make_alert,
    make_escalation,
    make_incident,
    make_integration,
    make_service,
)
from tests.factories.maintenance import STARTS_AT, make_maintenance

pytestmark = pytest.mark.django_db

RUTH = Actor.system("Ruth Adeyemi")
DAILY = {"repeats": MaintenanceWindow.Repeats.DAILY}
TAG = {"mode": MaintenanceWindow.Mode.TAG}


def after(**span: float) -> datetime:
    return STARTS_AT + timedelta(**span)


# --- When it is on ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "is_on"),
    [
        (after(seconds=-1), False),
        (after(), True),
        (after(hours=1, minutes=59), True),
        (after(hours=2), False),
        (after(days=1, hours=1), False),
    ],
)
def test_window_planned_once_is_on_from_start_to_end(at, is_on):
    assert (occurrence(make_maintenance(), at) is not None) is is_on


def test_occurrence_is_told_whole():
    window = make_maintenance(**DAILY)

    assert occurrence(window, after(days=3, hours=1)) == (after(days=3), after(days=3, hours=2))


@pytest.mark.parametrize(
    ("at", "change"),
    [
        (after(hours=-5), after()),
        (after(), after(hours=2)),
        (after(hours=2), after(days=1)),
        (after(days=1, hours=1), after(days=1, hours=2)),
    ],
)
def test_next_change_is_its_next_start_or_end(at, change):
    assert maintenance.next_change(make_maintenance(**DAILY), at) == change


def test_nothing_changes_once_it_is_over():
    assert maintenance.next_change(make_maintenance(), after(hours=2)) is None


def test_upcoming_begins_with_the_one_that_is_on():
    found = maintenance.upcoming(make_maintenance(**DAILY), after(hours=1), 2)

    assert [start for start, _ in found] == [after(), after(days=1)]


# --- What it covers ---------------------------------------------------------------------------


def test_window_covers_its_services_while_it_is_on():
    service, other = make_service(), make_service()
    window = make_maintenance(service)

    on = Windows.at(after(hours=1))

    assert (on.covering(service, {}), on.covering(other, {})) == (window, None)
    assert on.ends == {window: after(hours=2)}
    assert Windows.at(after(hours=2)).covering(service, {}) is None


@pytest.mark.parametrize(
    ("labels", "is_covered"),
    [
        ({"env": "prod", "region": "eu"}, True),
        ({"env": "prod", "region": "eu", "pod": "a"}, True),
        ({"env": "prod"}, False),
        ({"env": "prod", "region": "us"}, False),
        ({}, False),
    ],
)
def test_labels_narrow_it_to_alerts_that_have_all_of_them(labels, is_covered):
    service = make_service()
    make_maintenance(service, labels={"env": "prod", "region": "eu"})

    assert (Windows.at(after(hours=1)).covering(service, labels) is not None) is is_covered


def test_window_that_mutes_goes_before_one_that_tags():
    service = make_service()
    make_maintenance(service, **TAG)
    mutes = make_maintenance(service)

    assert Windows.at(after(hours=1)).covering(service, {}) == mutes


@pytest.mark.parametrize("count", [1, 3])
def test_windows_are_read_with_two_queries(count, django_assert_num_queries):
    for _ in range(count):
        make_maintenance()

    with django_assert_num_queries(2):
        Windows.at(after(hours=1))


# --- Incidents that wait ----------------------------------------------------------------------


def an_incident(*services, **fields) -> Incident:
    fields.setdefault("source", Incident.Source.MONITORING)
    return make_incident(services=services, **fields)


def muted(*incidents: Incident) -> dict[int, datetime]:
    return muting_until([incident.pk for incident in incidents], after(hours=1))


def test_incident_of_a_service_in_maintenance_waits_for_its_end():
    service = make_service()
    make_maintenance(service)
    covered, other = an_incident(service), an_incident(make_service())

    assert muted(covered, other) == {covered.pk: after(hours=2)}


def test_incident_waits_only_while_all_its_services_are_in_maintenance():
    service, other = make_service(), make_service()
    make_maintenance(service)
    incident = an_incident(service, other)
    assert muted(incident) == {}

    make_maintenance(other, ends_at=after(hours=1, minutes=30))
    assert muted(incident) == {incident.pk: after(hours=1, minutes=30)}


def test_incident_waits_on_while_one_window_takes_over_from_another():
    service = make_service()
    make_maintenance(service)
    make_maintenance(service, starts_at=after(hours=2))
    incident = an_incident(service)

    assert muted(incident) == {incident.pk: after(hours=4)}


def test_maintenance_that_never_ends_is_not_followed_for_ever():
    service = make_service()
    make_maintenance(service, ends_at=after(days=1), **DAILY)
    incident = an_incident(service)

    assert muted(incident) == {incident.pk: after(days=maintenance.TAKE_OVERS)}


def test_tagging_and_reports_of_people_do_not_wait():
    tagged, muted_service = make_service(), make_service()
    make_maintenance(tagged, **TAG)
    make_maintenance(muted_service)
    reported = an_incident(muted_service, source=Incident.Source.INDIVIDUAL)

    assert muted(an_incident(tagged), reported, an_incident()) == {}


def test_narrowed_window_mutes_an_incident_whose_alerts_all_have_its_labels():
    service = make_service()
    make_maintenance(service, labels={"env": "test"})
    incident = an_incident(service)
    assert muted(incident) == {}

    make_alert(incident, labels={"env": "test"})
    assert muted(incident) == {incident.pk: after(hours=2)}

    make_alert(incident, labels={"env": "prod"}, state=Alert.State.RESOLVED)
    assert muted(incident) == {incident.pk: after(hours=2)}

    make_alert(incident, labels={"env": "prod"})
    assert muted(incident) == {}


@pytest.mark.parametrize("count", [1, 5])
def test_incidents_are_asked_about_in_four_queries(count, django_assert_num_queries):
    service = make_service()
    make_maintenance(service, labels={"env": "test"})
    incidents = [an_incident(service) for _ in range(count)]

    with django_assert_num_queries(4):
        muted(*incidents)


# --- Ending it --------------------------------------------------------------------------------


def a_muted_alert(window: MaintenanceWindow, **fields) -> Alert:
    integration, _ = make_integration(service=window.services.get())
    fields = {"look_again_at": after(hours=2), "maintenance": window} | fields
    return Alert.objects.create(
        integration=integration,
        dedup_key="key",
        title="Down",
        service=integration.service,
        started_at=STARTS_AT,
        first_seen_at=STARTS_AT,
        last_seen_at=STARTS_AT,
        **fields,
    )


def test_window_ended_now_is_off_and_says_who_did_it():
    window = make_maintenance()

    maintenance.end_now(window, by=RUTH, at=after(hours=1))

    window.refresh_from_db()
    assert (window.ended_at, window.ended_by_name) == (after(hours=1), "Ruth Adeyemi")
    assert occurrence(window, after(hours=1)) is None
    assert occurrence(window, after(minutes=59)) == (after(), after(hours=1))


def test_repeating_window_ended_now_comes_back_as_planned():
    window = make_maintenance(**DAILY)

    maintenance.end_now(window, by=RUTH, at=after(hours=1))

    window.refresh_from_db()
    assert (window.cut_by_name, window.ended_at) == ("Ruth Adeyemi", None)
    assert maintenance.upcoming(window, after(), 2) == [
        (after(), after(hours=1)),
        (after(days=1), after(days=1, hours=2)),
    ]


def test_ending_has_its_firing_alerts_looked_at_again():
    window = make_maintenance()
    firing = a_muted_alert(window)
    elsewhere = a_muted_alert(make_maintenance())

    maintenance.end_now(window, by=RUTH, at=after(hours=1))

    assert list(Alert.objects.to_look_at(after(hours=1))) == [firing]
    elsewhere.refresh_from_db()
    assert elsewhere.look_again_at == after(hours=2)


def test_ending_makes_escalations_due_that_waited_for_it_and_no_others():
    service = make_service()
    window = make_maintenance(service)
    waits = make_escalation(an_incident(service), due_at=after(hours=2))
    next_step = make_escalation(an_incident(service), due_at=after(hours=1, minutes=5))
    uncovered = make_escalation(an_incident(make_service()), due_at=after(hours=2))

    maintenance.end_now(window, by=RUTH, at=after(hours=1))

    due = dict(Escalation.objects.values_list("pk", "due_at"))
    assert due == {
        waits.pk: after(hours=1),
        next_step.pk: after(hours=1, minutes=5),
        uncovered.pk: after(hours=2),
    }


@pytest.mark.parametrize("at", [after(hours=-1), after(hours=3)])
def test_what_is_not_on_cannot_be_ended(at):
    with pytest.raises(DomainError) as refused:
        maintenance.end_now(make_maintenance(), by=RUTH, at=at)

    assert refused.value.code == "not_on"


def test_second_person_to_end_it_is_told():
    window = make_maintenance()
    stale = MaintenanceWindow.objects.get(pk=window.pk)
    maintenance.end_now(window, by=RUTH, at=after(hours=1))

    with pytest.raises(DomainError, match="Somebody else has just ended"):
        maintenance.end_now(stale, by=RUTH, at=after(hours=1, minutes=1))


def test_cancelled_window_does_not_come():
    window = make_maintenance(**DAILY)

    maintenance.cancel(window, by=RUTH, at=after(hours=3))

    assert maintenance.next_change(window, after(hours=3)) is None
    assert occurrence(window, after(days=1, hours=1)) is None
    assert Windows.at(after(days=1, hours=1)).ends == {}


def test_what_is_over_cannot_be_cancelled():
    with pytest.raises(DomainError) as refused:
        maintenance.cancel(make_maintenance(), by=RUTH, at=after(hours=3))

    assert refused.value.code == "already_over"


# --- What makes no sense ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "field", "says"),
    [
        ({"repeats": "weekly", "weekdays": [1]}, "weekdays", "on a Monday: choose Monday"),
        ({"repeats": "daily", "weekdays": [0]}, "weekdays", "Only what repeats every week"),
        ({"repeats": "weekly", "weekdays": [7]}, "weekdays", "from 0, Monday, to 6"),
        ({"repeats_until": "2026-03-09"}, "repeats_until", "Only what repeats"),
        (
            {"repeats": "daily", "repeats_until": "2026-03-01"},
            "repeats_until",
            "before the first time",
        ),
        ({"repeats": "daily", "ends_at": after(hours=25)}, "ends_at", "before it is over"),
        ({"ends_at": after(hours=-1)}, "__all__", "It ends after it starts."),
    ],
)
def test_plan_that_makes_no_sense_is_refused_on_its_field(fields, field, says):
    window = MaintenanceWindow(
        name="Upgrade",
        time_zone="UTC",
        created_by_name="Ruth",
        created_at=STARTS_AT,
        **{"starts_at": STARTS_AT, "ends_at": after(hours=2)} | fields,
    )

    with pytest.raises(ValidationError) as refused:
        window.full_clean()

    assert says in str(refused.value.message_dict[field])
