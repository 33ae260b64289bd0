from datetime import UTC, datetime, timedelta

import pytest
from icalendar import Calendar

from comms.models import Message
from incidents.models import Incident, Phase, Responder, TimelineEntry
from postmortems.errors import PostmortemError
from postmortems.invitations import invite, reschedule, send_invitations
from postmortems.models import Invitation, Postmortem
from roster.actors import Actor
from roster.models import Person
from tests.factories.incidents import make_assignment, make_incident, make_responder, make_role
from tests.factories.postmortems import make_postmortem
from tests.factories.roster import make_person

BY = Actor.system("tests")
REVIEW_AT = datetime(2026, 3, 31, 12, tzinfo=UTC)  # two days after the clocks changed in Berlin


@pytest.fixture
def incident(db: None) -> Incident:
    return make_incident(phase=Phase.RESTORED)


@pytest.fixture
def postmortem(incident: Incident) -> Postmortem:
    owner = make_person(slug="owner", time_zone="Europe/Berlin")
    return make_postmortem(incident, owner=owner, review_at=REVIEW_AT)


def invited_to(postmortem: Postmortem) -> dict[str, str]:
    rows = Invitation.objects.filter(postmortem=postmortem)
    return dict(rows.order_by("pk").values_list("person__slug", "expectation"))


def engaged(incident: Incident, slug: str, minutes: int, state: str = "released") -> Person:
    """Somebody who was engaged for that long."""
    person = make_person(slug=slug)
    begun_at = incident.detected_at
    ended_at = begun_at + timedelta(minutes=minutes)
    make_responder(incident, person, state=state, requested_at=begun_at, ended_at=ended_at)
    return person


def test_everyone_of_every_engagement_is_invited(postmortem: Postmortem, now: datetime) -> None:
    incident = postmortem.incident
    engaged(incident, "long", 45)
    engaged(incident, "short", 5)
    make_responder(incident, make_person(slug="here"), state=Responder.State.ACKNOWLEDGED)
    make_responder(incident, make_person(slug="silent"))
    make_responder(incident, make_person(slug="refused"), state=Responder.State.DECLINED)
    make_responder(incident, make_person(slug="withdrawn"), state=Responder.State.CANCELLED)

    send_invitations(postmortem, by=BY, at=now)

    assert invited_to(postmortem) == {
        "long": "expected",
        "short": "optional",
        "here": "expected",
        "silent": "optional",
        "owner": "expected",
    }


def test_released_and_asked_again_is_one_invitation_of_the_whole_time(
    postmortem: Postmortem, now: datetime
) -> None:
    person = engaged(postmortem.incident, "twice", 20)
    begun_at = now - timedelta(minutes=20)
    make_responder(
        postmortem.incident, person, state="released", requested_at=begun_at, ended_at=now
    )

    send_invitations(postmortem, by=BY, at=now)

    invitation = Invitation.objects.get(person=person)
    assert (invitation.expectation, invitation.contribution) == ("expected", "40 min engaged")


def test_holder_of_a_role_of_any_time_is_expected(postmortem: Postmortem, now: datetime) -> None:
    earlier = make_person(slug="earlier")
    role = make_role("scribe")
    make_assignment(postmortem.incident, role, earlier, ends_at=postmortem.incident.detected_at)

    send_invitations(postmortem, by=BY, at=now)

    assert invited_to(postmortem) == {"earlier": "expected", "owner": "expected"}


def test_sending_twice_tells_nobody_twice(postmortem: Postmortem, now: datetime) -> None:
    engaged(postmortem.incident, "bo", 45)
    send_invitations(postmortem, by=BY, at=now)

    assert send_invitations(postmortem, by=BY, at=now) == []

    assert Message.objects.count() == 2
    assert TimelineEntry.objects.filter(kind="invitations_sent").count() == 1


def test_sending_needs_a_time(incident: Incident, now: datetime) -> None:
    postmortem = make_postmortem(incident)

    with pytest.raises(PostmortemError, match="Set a time"):
        send_invitations(postmortem, by=BY, at=now)


def test_calendar_entry_is_a_request_in_the_owners_zone(
    postmortem: Postmortem, now: datetime
) -> None:
    send_invitations(postmortem, by=BY, at=now)

    [attachment] = Message.objects.get().attachments
    calendar = Calendar.from_ical(attachment["text"])
    [event] = calendar.walk("VEVENT")
    assert attachment["content_type"] == 'text/calendar; charset="utf-8"; method=REQUEST'
    assert calendar["METHOD"] == "REQUEST"
    assert event["UID"] == f"pm-{postmortem.number}@127.0.0.1"
    assert event["SEQUENCE"] == 0
    assert event["DTSTART"].params["TZID"] == "Europe/Berlin"
    assert event["DTSTART"].dt.strftime("%H:%M %z") == "14:00 +0200"
    assert event["DTEND"].dt - event["DTSTART"].dt == timedelta(minutes=60)
    assert event["ORGANIZER"] == "mailto:owner@example.com"


def test_calendar_entry_defines_its_zone(postmortem: Postmortem, now: datetime) -> None:
    send_invitations(postmortem, by=BY, at=now)

    calendar = Calendar.from_ical(Message.objects.get().attachments[0]["text"])
    [zone] = calendar.walk("VTIMEZONE")
    offset = REVIEW_AT.astimezone(zone.to_tz()).utcoffset()
    assert (zone["TZID"], offset) == ("Europe/Berlin", timedelta(hours=2))


def test_calendar_entry_lists_those_invited(postmortem: Postmortem, now: datetime) -> None:
    engaged(postmortem.incident, "bo", 5)

    send_invitations(postmortem, by=BY, at=now)

    text = Message.objects.first().attachments[0]["text"]
    [event] = Calendar.from_ical(text).walk("VEVENT")
    attendees = {str(entry): entry.params["ROLE"] for entry in event["ATTENDEE"]}
    assert attendees == {
        "mailto:bo@example.com": "OPT-PARTICIPANT",
        "mailto:owner@example.com": "REQ-PARTICIPANT",
    }


def test_moving_the_review_keeps_the_uid_and_raises_the_sequence(
    postmortem: Postmortem, now: datetime
) -> None:
    send_invitations(postmortem, by=BY, at=now)

    reschedule(postmortem, REVIEW_AT + timedelta(days=1), by=BY, at=now)

    events = [
        Calendar.from_ical(message.attachments[0]["text"]).walk("VEVENT")[0]
        for message in Message.objects.order_by("pk")
    ]
    assert [event["SEQUENCE"] for event in events] == [0, 1]
    assert len({event["UID"] for event in events}) == 1


def test_moving_the_review_asks_for_answers_again(postmortem: Postmortem, now: datetime) -> None:
    [invitation] = send_invitations(postmortem, by=BY, at=now)
    invitation.accept(by=BY, at=now)

    reschedule(postmortem, REVIEW_AT + timedelta(days=1), by=BY, at=now)

    invitation.refresh_from_db()
    assert (invitation.state, invitation.sequence) == ("invited", 1)


def test_moving_the_review_into_the_past_is_refused(postmortem: Postmortem, now: datetime) -> None:
    with pytest.raises(PostmortemError, match="still to come"):
        reschedule(postmortem, now, by=BY, at=now)


def test_moving_a_review_that_somebody_else_moved_is_refused(
    postmortem: Postmortem, now: datetime
) -> None:
    stale = Postmortem.objects.get(pk=postmortem.pk)
    reschedule(postmortem, REVIEW_AT + timedelta(days=1), by=BY, at=now)

    with pytest.raises(PostmortemError, match="meanwhile"):
        reschedule(stale, REVIEW_AT + timedelta(days=2), by=BY, at=now)


def test_person_without_address_is_invited_without_mail(
    postmortem: Postmortem, now: datetime
) -> None:
    silent = make_person(slug="bo", email="")
    make_responder(postmortem.incident, silent, state=Responder.State.ACKNOWLEDGED)

    send_invitations(postmortem, by=BY, at=now)

    assert "bo" in invited_to(postmortem)
    assert [message.recipient for message in Message.objects.all()] == ["owner@example.com"]


def test_inviting_somebody_twice_is_refused(postmortem: Postmortem, now: datetime) -> None:
    guest = make_person()
    invite(postmortem, guest, by=BY, at=now)

    with pytest.raises(PostmortemError, match="already invited"):
        invite(postmortem, guest, by=BY, at=now)


def test_nobody_is_dropped_without_a_reason(postmortem: Postmortem, now: datetime) -> None:
    [invitation] = send_invitations(postmortem, by=BY, at=now)

    with pytest.raises(PostmortemError, match="Say why"):
        invitation.excuse(reason=" ", by=BY, at=now)

    invitation.refresh_from_db()
    assert invitation.state == Invitation.State.INVITED


def test_excused_person_hears_nothing_of_a_new_time(postmortem: Postmortem, now: datetime) -> None:
    [invitation] = send_invitations(postmortem, by=BY, at=now)
    invitation.excuse(reason="Has left the company", by=BY, at=now)

    reschedule(postmortem, REVIEW_AT + timedelta(days=1), by=BY, at=now)

    assert Message.objects.count() == 1
