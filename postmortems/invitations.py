"""Inviting to the review everyone who took part, and telling them when it moves (R022, R023)."""

from dataclasses import replace
from datetime import datetime

from django.db import transaction

from comms.facts import context, moment
from comms.models import Message, Priority, Purpose
from comms.outbox import About, Address, compose, enqueue
from comms.wording import written
from postmortems.calendar_entry import review_request
from postmortems.contributions import contributions
from postmortems.errors import PostmortemError
from postmortems.kinds import Kind
from postmortems.link_purposes import ACCEPT
from postmortems.models import Invitation, Postmortem
from postmortems.models.invitations import Expectation, InvitationQuerySet
from postmortems.opening import zone_of
from roster.actors import Actor
from roster.links import make_url
from roster.models import Channel, Person

CALENDAR_TYPE = 'text/calendar; charset="utf-8"; method=REQUEST'


def send_invitations(postmortem: Postmortem, *, by: Actor, at: datetime) -> list[Invitation]:
    """Invite everyone who took part and is not invited yet; answers whom.

    Safe to repeat: somebody already invited hears nothing new. Needs a time for the review.
    """
    if postmortem.review_at is None:
        raise PostmortemError(
            "no_review_time", f"Set a time for the review of {postmortem.reference} first."
        )
    with transaction.atomic():
        added = _add_missing(postmortem, at=at)
        if added:
            _send(postmortem, added, at=at)
            names = [invitation.person.name for invitation in added]
            postmortem.record(Kind.INVITATIONS_SENT, by=by, at=at, people=names)
    return added


def invite(postmortem: Postmortem, person: Person, *, by: Actor, at: datetime) -> Invitation:
    """Ask somebody to the review who did not take part in the incident."""
    with transaction.atomic():
        invitation, is_new = Invitation.objects.get_or_create(
            postmortem=postmortem,
            person=person,
            defaults={"invited_at": at, "contribution": f"invited by {by.name}"},
        )
        if not is_new:
            raise PostmortemError("already_invited", f"{person.name} is already invited.")
        if postmortem.review_at:
            _send(postmortem, [invitation], at=at)
        postmortem.record(Kind.INVITATIONS_SENT, by=by, at=at, people=[person.name])
    return invitation


def reschedule(postmortem: Postmortem, review_at: datetime, *, by: Actor, at: datetime) -> None:
    """Move the review, and tell everyone invited; their calendars move the entry they have.

    Answers given for the old time are asked for again. Moving it to where it is does nothing.
    """
    if postmortem.review_at == review_at:
        return
    if review_at <= at:
        message = "Choose a time that is still to come."
        raise PostmortemError("review_in_the_past", message, {"review_at": [message]})
    old = postmortem.review_at
    with transaction.atomic():
        untouched = Postmortem.objects.filter(
            pk=postmortem.pk, review_sequence=postmortem.review_sequence
        )
        sequence = postmortem.review_sequence + 1
        if not untouched.update(review_at=review_at, review_sequence=sequence):
            raise PostmortemError(
                "changed_meanwhile", "Somebody moved this review meanwhile. Look at it again."
            )
        postmortem.review_at, postmortem.review_sequence = review_at, sequence
        standing = _standing(postmortem)
        standing.update(state=Invitation.State.INVITED, reason="", answered_at=None)
        _send(postmortem, list(standing.select_related("person")), at=at)
        postmortem.record(
            Kind.REVIEW_MOVED, by=by, at=at, old=moment(old) or "not set", new=moment(review_at)
        )


def _standing(postmortem: Postmortem) -> InvitationQuerySet:
    return Invitation.objects.standing().filter(postmortem=postmortem)


def _add_missing(postmortem: Postmortem, *, at: datetime) -> list[Invitation]:
    invited = set(postmortem.invitations.values_list("person_id", flat=True))
    missing = {
        found.person.pk: Invitation(
            postmortem=postmortem,
            person=found.person,
            expectation=(Expectation.EXPECTED if found.is_significant else Expectation.OPTIONAL),
            contribution=str(found)[:300],
            invited_at=at,
        )
        for found in contributions(postmortem.incident, at=at)
        if found.person.pk not in invited
    }
    owner = postmortem.owner
    if owner and owner.pk not in invited:
        own = missing.setdefault(
            owner.pk, Invitation(postmortem=postmortem, person=owner, invited_at=at)
        )
        own.expectation = Expectation.EXPECTED
        own.contribution = own.contribution or "owns the postmortem"
    return Invitation.objects.bulk_create(list(missing.values()))


def _send(postmortem: Postmortem, invitations: list[Invitation], *, at: datetime) -> None:
    """Queue a mail with the calendar entry for each; people without an address get none."""
    everyone = list(_standing(postmortem).select_related("person"))
    calendar = review_request(postmortem, everyone, zone=zone_of(postmortem.owner), at=at)
    enqueue(
        _message(postmortem, invitation, calendar, at=at)
        for invitation in invitations
        if invitation.person.email and invitation.person.is_active
    )
    Invitation.objects.filter(pk__in=[row.pk for row in invitations]).update(
        sequence=postmortem.review_sequence
    )


def _message(
    postmortem: Postmortem, invitation: Invitation, calendar: str, *, at: datetime
) -> Message:
    person, incident = invitation.person, postmortem.incident
    facts = context(
        incident,
        at=at,
        zone=person.time_zone,
        person={"name": person.name},
        postmortem=_facts(postmortem, invitation),
    )
    content = written(Purpose.INVITATION, facts, incident=incident, channel=Channel.EMAIL)
    entry = {"name": "review.ics", "content_type": CALENDAR_TYPE, "text": calendar}
    to = Address(Channel.EMAIL, person.email, person=person)
    return compose(
        replace(content, attachments=(entry,)),
        to,
        key=f"invitation-{invitation.pk}-{postmortem.review_sequence}-{to.slug}",
        priority=Priority.DIGEST,
        about=About(incident=incident),
        at=at,
    )


def _facts(postmortem: Postmortem, invitation: Invitation) -> dict[str, object]:
    due_on = postmortem.due_on
    return {
        "reference": postmortem.reference,
        "title": postmortem.incident.title,
        "url": postmortem.url,
        "owner": postmortem.owner.name if postmortem.owner else "",
        "due_on": f"{due_on.day} {due_on:%b %Y}" if due_on else "",
        "review_at": moment(postmortem.review_at, invitation.person.time_zone),
        "review_minutes": postmortem.review_minutes,
        "expectation": invitation.expectation,
        "respond_url": make_url(ACCEPT, invitation.pk, invitation.person),
    }
