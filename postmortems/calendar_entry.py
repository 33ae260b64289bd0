"""The calendar entry of a review: one event whose UID stays while its time may change."""

from datetime import UTC, datetime, timedelta
from email.utils import parseaddr
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from django.conf import settings
from icalendar import Calendar, Event, vCalAddress, vText

from postmortems.models import Invitation, Postmortem
from postmortems.models.invitations import Expectation, InvitationState
from roster.models import Person

PARTICIPATION = {
    InvitationState.INVITED: "NEEDS-ACTION",
    InvitationState.ACCEPTED: "ACCEPTED",
    InvitationState.DECLINED: "DECLINED",
}
ROLE = {Expectation.EXPECTED: "REQ-PARTICIPANT", Expectation.OPTIONAL: "OPT-PARTICIPANT"}
ADDRESS_OF_NOBODY = "invalid:nomail"  # RFC 6638 §7.1: an attendee who has no address


def review_request(
    postmortem: Postmortem, invitations: list[Invitation], *, zone: ZoneInfo, at: datetime
) -> str:
    """An iTIP REQUEST (RFC 5546 §3.2.2) for the review, its times in `zone` with a VTIMEZONE.

    UID and SEQUENCE let a calendar program move an event that it already has. `at` becomes the
    DTSTAMP. The postmortem's `review_at`, `incident` and `owner` must be set or loaded.
    """
    calendar = Calendar()
    calendar.add("prodid", "-//Muster//Postmortem reviews//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "REQUEST")
    calendar.add_component(_event(postmortem, invitations, zone=zone, at=at))
    calendar.add_missing_timezones()
    return calendar.to_ical().decode()


def uid_of(postmortem: Postmortem) -> str:
    return f"{postmortem.reference.lower()}@{urlsplit(settings.PUBLIC_URL).hostname}"


def _event(
    postmortem: Postmortem, invitations: list[Invitation], *, zone: ZoneInfo, at: datetime
) -> Event:
    if postmortem.review_at is None:
        raise ValueError("A review without a time has no calendar entry.")
    ends_at = postmortem.review_at + timedelta(minutes=postmortem.review_minutes)
    event = Event()
    event.add("uid", uid_of(postmortem))
    event.add("sequence", postmortem.review_sequence)
    event.add("dtstamp", at.astimezone(UTC))
    event.add("dtstart", postmortem.review_at.astimezone(zone))
    event.add("dtend", ends_at.astimezone(zone))
    event.add("summary", f"Postmortem review: {postmortem.incident}")
    event.add("description", f"{postmortem.reference}: {postmortem.url}")
    event.add("url", postmortem.url)
    if postmortem.review_place:
        event.add("location", postmortem.review_place)
    event.add("status", "CONFIRMED")
    event["organizer"] = _organizer(postmortem.owner)
    for invitation in invitations:
        event.add("attendee", _attendee(invitation), encode=False)
    return event


def _organizer(owner: Person | None) -> vCalAddress:
    """The owner; without one, or without an address, the address that Muster sends from."""
    if owner and owner.email:
        return _address(owner.email, owner.name)
    _, address = parseaddr(settings.DEFAULT_FROM_EMAIL)
    return _address(address, owner.name if owner else "Muster")


def _attendee(invitation: Invitation) -> vCalAddress:
    person = invitation.person
    attendee = _address(person.email, person.name)
    attendee.params["role"] = vText(ROLE[Expectation(invitation.expectation)])
    attendee.params["partstat"] = vText(PARTICIPATION[InvitationState(invitation.state)])
    # Answers go through the links in the mail: nobody reads a calendar reply sent to us.
    attendee.params["rsvp"] = vText("FALSE")
    return attendee


def _address(email: str, name: str) -> vCalAddress:
    address = vCalAddress(f"mailto:{email}" if email else ADDRESS_OF_NOBODY)
    address.params["cn"] = vText(name)
    return address
