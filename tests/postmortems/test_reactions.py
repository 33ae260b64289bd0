from collections.abc import Callable
from datetime import datetime

import pytest

from comms.models import Message
from incidents.models import Incident, Phase, PhaseError, Responder, TimelineEntry
from postmortems.models import Invitation, Postmortem
from postmortems.reactions import on_entry
from roster.actors import Actor
from tests.factories.incidents import (
    make_assignment,
    make_incident,
    make_responder,
    make_role,
    make_severity,
)
from tests.factories.postmortems import make_postmortem
from tests.factories.roster import make_person

BY = Actor.system("tests")


@pytest.fixture
def serious(db: None) -> Incident:
    """A SEV1 that is being restored, with somebody in charge."""
    severity = make_severity(1, postmortem_required=True, postmortem_due_days=5)
    incident = make_incident(phase=Phase.RESTORING, severity=severity)
    make_assignment(incident, make_role("incident-manager"), make_person(slug="manager"))
    return incident


def test_restoring_opens_the_postmortem_that_the_severity_demands(
    serious: Incident, now: datetime, announce: Callable[..., None]
) -> None:
    serious.restore(by=BY, at=now, summary="Took it back.")

    announce()

    postmortem = Postmortem.objects.get()
    assert (postmortem.incident, postmortem.owner.slug) == (serious, "manager")


def test_restoring_invites_responders_released_before(
    serious: Incident, now: datetime, announce: Callable[..., None]
) -> None:
    helper = make_person(slug="helper")
    make_responder(serious, helper, state=Responder.State.RELEASED)
    serious.restore(by=BY, at=now, summary="Took it back.")

    announce()

    invited = Invitation.objects.values_list("person__slug", flat=True)
    mailed = Message.objects.filter(key__startswith="invitation-")
    assert set(invited) == {"helper", "manager"}
    assert set(mailed.values_list("person__slug", flat=True)) == {"helper", "manager"}


def test_restoring_a_mild_incident_opens_nothing(
    db: None, now: datetime, announce: Callable[..., None]
) -> None:
    incident = make_incident(phase=Phase.RESTORING, severity=make_severity(4))
    incident.restore(by=BY, at=now, summary="Took it back.")

    announce()

    assert not Postmortem.objects.exists()


def test_hearing_of_an_entry_twice_changes_nothing(
    serious: Incident, now: datetime, announce: Callable[..., None]
) -> None:
    serious.restore(by=BY, at=now, summary="Took it back.")
    announce()
    before = (TimelineEntry.objects.count(), Message.objects.count())

    on_entry(TimelineEntry, entry=TimelineEntry.objects.get(kind="incident_restored"))

    assert (TimelineEntry.objects.count(), Message.objects.count()) == before


def test_severity_raised_after_restoring_opens_one(
    serious: Incident, now: datetime, announce: Callable[..., None]
) -> None:
    incident = make_incident(phase=Phase.RESTORED, severity=make_severity(4))
    incident.change_severity(serious.severity, reason="Data was lost.", by=BY, at=now)

    announce()

    assert Postmortem.objects.get().incident == incident


def test_reopening_deletes_nothing_and_says_so_once(
    serious: Incident, now: datetime, announce: Callable[..., None]
) -> None:
    serious.restore(by=BY, at=now, summary="Took it back.")
    announce()
    serious.reopen(Phase.RESTORING, reason="It came back.", by=BY, at=now)
    announce()

    on_entry(TimelineEntry, entry=TimelineEntry.objects.get(kind="incident_reopened"))

    assert Postmortem.objects.count() == 1
    assert TimelineEntry.objects.filter(kind="postmortem_noted").count() == 1


def test_restored_again_invites_who_joined_since(
    serious: Incident, now: datetime, announce: Callable[..., None]
) -> None:
    serious.restore(by=BY, at=now, summary="Took it back.")
    announce()
    serious.reopen(Phase.RESTORING, reason="It came back.", by=BY, at=now)
    make_responder(serious, make_person(slug="late"), state=Responder.State.ACKNOWLEDGED)
    serious.restore(by=BY, at=now, summary="Took it back again.")

    announce()

    assert Invitation.objects.filter(person__slug="late").exists()
    assert Message.objects.filter(key__startswith="invitation-").count() == 2


@pytest.mark.parametrize("state", ["draft", "in_review"])
def test_closing_waits_for_an_unapproved_postmortem(
    serious: Incident, now: datetime, state: str
) -> None:
    postmortem = make_postmortem(serious, state=state)

    with pytest.raises(PhaseError, match=f"{postmortem.reference} is not approved yet"):
        serious.close(by=BY, at=now, summary="Over.")


def test_closing_without_postmortem_needs_a_reason(serious: Incident, now: datetime) -> None:
    reason = "Same fault as yesterday; its postmortem covers both."

    serious.close(by=BY, at=now, summary="Over.", override_reason=reason)

    assert serious.phase == Phase.CLOSED


def test_closing_with_an_approved_postmortem_asks_nothing(db: None, now: datetime) -> None:
    severity = make_severity(2, postmortem_required=True, postmortem_due_days=5)
    incident = make_incident(phase=Phase.LEARNING, severity=severity)
    make_postmortem(incident, state="approved")

    incident.close(by=BY, at=now, summary="Over.")

    assert incident.phase == Phase.CLOSED
