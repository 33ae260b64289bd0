from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from incidents.models import Responder, ResponderError, TimelineEntry
from incidents.responders import (
    MAX_REMINDERS,
    release_all,
    remind_due,
    request_on_call,
    request_responder,
    request_team,
)
from roster.actors import Actor
from tests.factories.incidents import (
    make_incident,
    make_responder,
    make_service,
    make_severity,
)
from tests.factories.roster import make_person, make_policy, make_schedule, make_team

pytestmark = pytest.mark.django_db

RUTH = Actor(person=None, name="Ruth Adeyemi", via="admin")
OMAR = Actor(person=None, name="Omar Haddad", via="api")

State = Responder.State
CHANGES: dict[str, Callable[[Responder, Actor, datetime], None]] = {
    "acknowledge": lambda responder, by, at: responder.acknowledge(by=by, at=at),
    "decline": lambda responder, by, at: responder.decline(by=by, at=at, reason="Ill"),
    "ask_to_leave": lambda responder, by, at: responder.ask_to_leave(by=by, at=at),
    "release": lambda responder, by, at: responder.release(by=by, at=at, reason="Thanks"),
}
ALLOWED = [
    ("acknowledge", State.REQUESTED, State.ACKNOWLEDGED, "responder_acknowledged"),
    ("decline", State.REQUESTED, State.DECLINED, "responder_declined"),
    ("ask_to_leave", State.ACKNOWLEDGED, State.ACKNOWLEDGED, "responder_asked_to_leave"),
    ("release", State.ACKNOWLEDGED, State.RELEASED, "responder_released"),
    ("release", State.REQUESTED, State.CANCELLED, "request_withdrawn"),
]
REFUSED = [
    ("acknowledge", State.DECLINED),
    ("acknowledge", State.RELEASED),
    ("acknowledge", State.CANCELLED),
    ("decline", State.ACKNOWLEDGED),
    ("decline", State.DECLINED),
    ("decline", State.RELEASED),
    ("decline", State.CANCELLED),
    ("ask_to_leave", State.REQUESTED),
    ("ask_to_leave", State.DECLINED),
    ("ask_to_leave", State.RELEASED),
    ("ask_to_leave", State.CANCELLED),
    ("release", State.DECLINED),
    ("release", State.RELEASED),
    ("release", State.CANCELLED),
]


def kinds() -> list[str]:
    return list(TimelineEntry.objects.order_by("pk").values_list("kind", flat=True))


# --- one engagement -------------------------------------------------------------------------------


@pytest.mark.parametrize(("change", "old", "new", "kind"), ALLOWED)
def test_change_of_engagement_is_stored_with_its_entry(change, old, new, kind, now):
    responder = make_responder(state=old)

    CHANGES[change](responder, RUTH, now)

    assert responder.state == new
    responder.refresh_from_db()
    assert (responder.state, responder.is_open) == (new, responder.ended_at is None)
    entry = TimelineEntry.objects.get(incident=responder.incident)
    assert (entry.kind, entry.data["responder"]) == (kind, responder.pk)


@pytest.mark.parametrize(("change", "old"), REFUSED)
def test_change_of_engagement_is_refused_from_elsewhere(change, old, now):
    responder = make_responder(state=old)

    with pytest.raises(ResponderError) as refusal:
        CHANGES[change](responder, RUTH, now)

    assert responder.person.name in refusal.value.message
    assert Responder.objects.get(pk=responder.pk).state == old
    assert kinds() == []


@pytest.mark.parametrize(("change", "old", "new", "kind"), ALLOWED)
def test_change_of_engagement_fails_with_its_entry(change, old, new, kind, now):
    responder = make_responder(state=old)
    responder.incident.pk = None  # there is no such incident to record it on

    with pytest.raises(ValueError, match="incident"):
        CHANGES[change](responder, RUTH, now)

    assert Responder.objects.get(pk=responder.pk).state == old


def test_decline_loses_against_acknowledge_at_the_same_time(now):
    incident = make_incident(phase="mobilizing", number=142)
    responder = make_responder(incident, make_person(name="Lena Vogt"))
    as_seen_elsewhere = Responder.objects.get(pk=responder.pk)
    responder.acknowledge(by=RUTH, at=now)

    with pytest.raises(ResponderError) as refusal:
        as_seen_elsewhere.decline(by=RUTH, at=now)

    assert refusal.value.message == "Lena Vogt is engaged in INC-142; to go, ask to leave."


@pytest.mark.parametrize("change", ["acknowledge", "ask_to_leave"])
def test_change_repeated_does_nothing(change, now):
    responder = make_responder(
        state=State.ACKNOWLEDGED if change == "ask_to_leave" else "requested"
    )
    CHANGES[change](responder, RUTH, now)

    CHANGES[change](responder, RUTH, now + timedelta(minutes=1))

    assert len(kinds()) == 1


def test_release_is_by_somebody_with_a_reason(now):
    responder = make_responder(state=State.ACKNOWLEDGED)

    responder.release(by=OMAR, at=now, reason="It is the network")

    responder.refresh_from_db()
    assert (responder.released_by_name, responder.release_reason, responder.ended_at) == (
        "Omar Haddad",
        "It is the network",
        now,
    )


# --- asking ---------------------------------------------------------------------------------------


def test_request_is_stored_with_its_entry_and_first_reminder(now):
    incident = make_incident(
        phase="mobilizing", severity=make_severity(1, request_repeat_minutes=3)
    )
    lena = make_person(name="Lena Vogt")

    responder = request_responder(
        incident, lena, purpose="consult", message="Is it the firewall?", by=RUTH, at=now
    )

    assert (responder.state, responder.due_at) == ("requested", now + timedelta(minutes=3))
    entry = TimelineEntry.objects.get(incident=incident)
    assert (entry.kind, entry.text) == ("responder_requested", "Is it the firewall?")
    assert entry.data == {
        "responder": responder.pk,
        "person": "Lena Vogt",
        "person_id": lena.pk,
        "purpose": "consult",
    }


@pytest.mark.parametrize("state", [State.RELEASED, State.DECLINED, State.CANCELLED])
def test_request_again_is_another_engagement(state, now):
    before = make_responder(state=state)

    again = request_responder(before.incident, before.person, by=RUTH, at=now)

    assert again.pk != before.pk
    assert Responder.objects.get(pk=before.pk).state == state


@pytest.mark.parametrize(
    ("state", "words"),
    [(State.REQUESTED, "asked for"), (State.ACKNOWLEDGED, "engaged in")],
)
def test_request_of_who_is_there_already_is_refused(state, words, now):
    incident = make_incident(phase="mobilizing", number=142)
    there = make_responder(incident, make_person(name="Lena Vogt"), state=state)

    with pytest.raises(ResponderError) as refusal:
        request_responder(incident, there.person, by=OMAR, at=now)

    assert refusal.value.message == f"Lena Vogt is already {words} INC-142."
    assert Responder.objects.count() == 1


def test_request_on_a_closed_incident_is_refused(now):
    incident = make_incident(phase="closed", number=142)

    with pytest.raises(ResponderError) as refusal:
        request_responder(incident, make_person(), by=RUTH, at=now)

    assert refusal.value.message == ("INC-142 is already closed. Reopen it to add responders.")


def test_request_of_somebody_who_left_is_refused(now):
    incident = make_incident(phase="mobilizing")

    with pytest.raises(ResponderError):
        request_responder(incident, make_person(is_active=False), by=RUTH, at=now)


def test_request_team_asks_each_member_who_is_not_there(now):
    lena, omar, left = make_person(name="A"), make_person(name="B"), make_person(is_active=False)
    there = make_person()
    incident = make_incident(phase="mobilizing")
    make_responder(incident, there)

    asked = request_team(incident, make_team(members=[omar, lena, left, there]), by=RUTH, at=now)

    assert [responder.person for responder in asked] == [lena, omar]
    assert kinds() == ["responder_requested", "responder_requested"]


def test_request_team_of_nobody_new_says_so(now):
    incident = make_incident(phase="mobilizing")

    with pytest.raises(ResponderError) as refusal:
        request_team(incident, make_team(name="Network"), by=RUTH, at=now)

    assert refusal.value.message == (
        "Network has nobody who is not asked or engaged already. Ask a person by name."
    )


def test_request_on_call_asks_the_first_step_with_somebody(now):
    lena = make_person()
    policy = make_policy(make_schedule(), make_schedule(lena), make_person())
    incident = make_incident(phase="mobilizing")

    asked = request_on_call(incident, make_service(policy=policy), by=RUTH, at=now)

    assert [responder.person for responder in asked] == [lena]


def test_request_on_call_falls_back_to_the_policy_of_the_team(now):
    lena = make_person()
    service = make_service(owner_team=make_team(default_policy=make_policy(lena)))

    asked = request_on_call(make_incident(phase="mobilizing"), service, by=RUTH, at=now)

    assert [responder.person for responder in asked] == [lena]


def test_request_on_call_without_a_policy_says_so(now):
    with pytest.raises(ResponderError) as refusal:
        request_on_call(
            make_incident(phase="mobilizing"), make_service(name="Search"), by=RUTH, at=now
        )

    assert refusal.value.message == (
        "Search has no escalation policy. Ask a person or a team instead."
    )


def test_release_all_keeps_whom_it_is_told_to(now):
    incident = make_incident(phase="restoring")
    kept = make_responder(incident, state=State.ACKNOWLEDGED)
    goes = make_responder(incident, state=State.ACKNOWLEDGED)
    make_responder(incident, state=State.DECLINED)

    released = release_all(incident, by=RUTH, at=now, reason="Thank you", keep=[kept])

    assert released == [goes]
    assert list(incident.responders.open()) == [kept]


# --- reminding ------------------------------------------------------------------------------------


def test_remind_repeats_a_request_nobody_answered(now):
    incident = make_incident(
        phase="mobilizing", severity=make_severity(1, request_repeat_minutes=3)
    )
    responder = make_responder(incident, due_at=now)

    handled = remind_due(at=now)

    responder.refresh_from_db()
    assert (handled, responder.reminders_sent) == (1, 1)
    assert responder.due_at == now + timedelta(minutes=3)
    entry = TimelineEntry.objects.get(incident=incident)
    assert (entry.kind, entry.data["reminders"]) == ("responder_reminded", 1)


def test_remind_run_twice_reminds_once(now):
    make_responder(due_at=now)

    assert [remind_due(at=now), remind_due(at=now)] == [1, 0]
    assert kinds() == ["responder_reminded"]


def test_remind_leaves_those_who_answered_meanwhile(now):
    responder = make_responder(due_at=now)
    responder.acknowledge(by=RUTH, at=now)

    assert remind_due(at=now) == 0
    assert kinds() == ["responder_acknowledged"]


def test_remind_gives_up_once_and_says_so(now):
    responder = make_responder(due_at=now)

    for minutes in range(0, 200, 10):
        remind_due(at=now + timedelta(minutes=minutes))

    responder.refresh_from_db()
    assert (responder.state, responder.due_at) == (State.REQUESTED, None)
    assert kinds() == ["responder_reminded"] * MAX_REMINDERS + ["responder_unanswered"]


def test_remind_takes_up_what_a_dead_worker_left(now):
    make_responder(due_at=now, lease_token="0" * 32, leased_until=now + timedelta(seconds=10))

    assert [remind_due(at=now), remind_due(at=now + timedelta(minutes=1))] == [0, 1]
