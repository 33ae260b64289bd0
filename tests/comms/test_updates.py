from datetime import datetime, timedelta

import pytest
from django.db import IntegrityError

from comms.models import AudienceKind, Message, Promise, PromiseState, Update, UpdateState
from comms.updates import Draft, UpdateError, approve, draft_update, send_update
from incidents.models import Incident, Phase, TimelineEntry
from roster.actors import Actor
from tests.factories.comms import make_audience, make_promise, make_update
from tests.factories.incidents import make_incident, make_severity
from tests.factories.roster import make_person

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
SYSTEM = Actor.system("tests")


def live_incident(**severity: object) -> Incident:
    return make_incident(phase=Phase.DIAGNOSING, severity=make_severity(2, **severity))


def kinds(incident: Incident) -> list[str]:
    return list(TimelineEntry.objects.filter(incident=incident).values_list("kind", flat=True))


# --- Drafting ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"subject": " "}, "subject", "Write a subject."),
        ({"body": ""}, "body", "Write what happened, or choose a template."),
        ({"audiences": []}, "audiences", "Choose who is told."),
        (
            {"next_due_at": None},
            "next_due_at",
            "Say when the next update comes, or that this is the last.",
        ),
        (
            {"is_last": True},
            "is_last",
            "The last update cannot promise another. Choose one of the two.",
        ),
    ],
)
def test_external_draft_that_is_not_complete_is_refused_on_its_field(
    now: datetime, changes: dict[str, object], field: str, sentence: str
):
    values: dict[str, object] = {
        "subject": "Checkout",
        "body": "Slow",
        "audiences": [make_audience(kind=AudienceKind.EXTERNAL)],
        "next_due_at": now + HOUR,
    }
    draft = Draft(**{**values, **changes})

    with pytest.raises(UpdateError) as caught:
        draft_update(live_incident(), kind=AudienceKind.EXTERNAL, draft=draft, by=SYSTEM, at=now)

    assert caught.value.fields == {field: [sentence]}
    assert not Update.objects.exists()


def test_promise_in_the_past_is_refused(now: datetime):
    draft = Draft("Checkout", "Slow", [make_audience()], next_due_at=now)

    with pytest.raises(UpdateError) as caught:
        draft_update(live_incident(), kind=AudienceKind.INTERNAL, draft=draft, by=SYSTEM, at=now)

    assert list(caught.value.fields) == ["next_due_at"]


def test_audience_of_the_other_kind_is_refused(now: datetime):
    customers = make_audience(kind=AudienceKind.EXTERNAL, name="Customers")
    draft = Draft("Checkout", "Slow", [customers])

    with pytest.raises(UpdateError, match="Customers: not for internal updates"):
        draft_update(live_incident(), kind=AudienceKind.INTERNAL, draft=draft, by=SYSTEM, at=now)


def test_internal_draft_promises_what_the_severity_asks_for(now: datetime):
    incident = live_incident(internal_update_minutes=30)
    draft = Draft("Checkout", "Slow", [make_audience()])

    update = draft_update(incident, kind=AudienceKind.INTERNAL, draft=draft, by=SYSTEM, at=now)

    assert update.next_update_due_at == now + timedelta(minutes=30)


# --- Sending -----------------------------------------------------------------------------------


def test_sent_update_is_one_message_for_each_address_and_one_entry(now: datetime):
    incident = live_incident()
    ines = make_person(email="ines@example.com")
    team, executives = make_audience(ines), make_audience(ines, addresses="board@example.com")
    update = make_update(incident, audiences=[team, executives], body="Orders fail.")

    assert send_update(update, by=SYSTEM, at=now) == 2

    assert update.state == UpdateState.SENT
    messages = Message.objects.order_by("recipient")
    assert [message.recipient for message in messages] == ["board@example.com", "ines@example.com"]
    assert messages[0].body.startswith("Orders fail.")
    assert messages[0].html
    [entry] = TimelineEntry.objects.filter(incident=incident)
    assert entry.kind == "update_sent"
    assert entry.data["recipients"] == 2
    assert sorted(entry.data["audiences"]) == sorted([team.name, executives.name])


def test_sending_again_is_refused(now: datetime):
    update = make_update(live_incident(), audiences=[make_audience(make_person())])
    send_update(update, by=SYSTEM, at=now)

    with pytest.raises(UpdateError, match="was sent already"):
        send_update(update, by=SYSTEM, at=now)

    assert Message.objects.count() == 1


def test_update_that_reaches_nobody_is_refused(now: datetime):
    update = make_update(live_incident(), audiences=[make_audience()])

    with pytest.raises(UpdateError, match="Nobody in these audiences"):
        send_update(update, by=SYSTEM, at=now)

    update.refresh_from_db()
    assert update.state == UpdateState.DRAFT


def test_what_customers_read_says_when_the_next_comes(now: datetime):
    customers = make_audience(kind=AudienceKind.EXTERNAL, addresses="c@example.com")
    update = make_update(
        live_incident(),
        kind=AudienceKind.EXTERNAL,
        audiences=[customers],
        next_update_due_at=now + HOUR,
    )

    send_update(update, by=SYSTEM, at=now)

    assert Message.objects.get().body == (
        "We are looking into it.\n\nNext update by 2 Mar 2026, 11:00 UTC."
    )


def test_last_update_says_so(now: datetime):
    customers = make_audience(kind=AudienceKind.EXTERNAL, addresses="c@example.com")
    update = make_update(
        live_incident(), kind=AudienceKind.EXTERNAL, audiences=[customers], is_last=True
    )

    send_update(update, by=SYSTEM, at=now)

    assert Message.objects.get().body.endswith("This is the last update on this incident.")


def test_sent_external_update_without_a_next_is_refused_by_the_database(now: datetime):
    with pytest.raises(IntegrityError, match="update_external_says_when_next"):
        make_update(
            live_incident(), kind=AudienceKind.EXTERNAL, state=UpdateState.SENT, sent_at=now
        )


# --- Approval ----------------------------------------------------------------------------------


def test_wary_audience_is_not_told_without_approval(now: datetime):
    audience = make_audience(make_person(), requires_approval=True)
    update = make_update(live_incident(), audiences=[audience])

    with pytest.raises(UpdateError, match="a second person approves"):
        send_update(update, by=SYSTEM, at=now)


def test_approved_update_is_sent(now: datetime):
    incident = live_incident()
    audience = make_audience(make_person(), requires_approval=True)
    update = make_update(incident, audiences=[audience])

    approve(update, by=Actor.of_person(make_person(name="Ines Okafor")), at=now)
    send_update(update, by=SYSTEM, at=now)

    update.refresh_from_db()
    assert (update.state, update.approved_by_name) == (UpdateState.SENT, "Ines Okafor")
    assert kinds(incident) == ["update_approved", "update_sent"]


def test_nobody_approves_their_own_update(now: datetime):
    ruth = make_person()
    update = make_update(live_incident(), author=ruth, author_name=ruth.name)

    with pytest.raises(UpdateError, match="Ask somebody else"):
        approve(update, by=Actor.of_person(ruth), at=now)


def test_approving_twice_is_refused(now: datetime):
    update = make_update(live_incident())
    approve(update, by=SYSTEM, at=now)

    with pytest.raises(UpdateError, match="approved or sent already"):
        approve(update, by=SYSTEM, at=now)


# --- The promise an update carries -------------------------------------------------------------


def test_update_keeps_the_open_promise_and_makes_the_next(now: datetime):
    incident = live_incident()
    earlier = make_promise(incident, promised_for=now + timedelta(minutes=1))
    update = make_update(
        incident, audiences=[make_audience(make_person())], next_update_due_at=now + HOUR
    )

    send_update(update, by=SYSTEM, at=now)

    earlier.refresh_from_db()
    assert (earlier.state, earlier.ended_at, earlier.due_at) == (PromiseState.KEPT, now, None)
    made = Promise.objects.get(made_by_update=update)
    assert (made.promised_for, made.state) == (now + HOUR, PromiseState.OPEN)
    assert made.due_at == now + timedelta(minutes=55)
    assert kinds(incident) == ["update_sent", "promise_kept", "promise_made"]


def test_late_update_ends_the_promise_as_missed(now: datetime):
    incident = live_incident()
    late = make_promise(incident, promised_for=now - timedelta(seconds=1))
    update = make_update(incident, audiences=[make_audience(make_person())])

    send_update(update, by=SYSTEM, at=now)

    late.refresh_from_db()
    assert (late.state, late.ended_at) == (PromiseState.MISSED, now)
    assert kinds(incident) == ["update_sent", "promise_missed"]


def test_external_update_leaves_the_internal_promise_alone(now: datetime):
    incident = live_incident()
    internal = make_promise(incident, promised_for=now + HOUR)
    customers = make_audience(kind=AudienceKind.EXTERNAL, addresses="c@example.com")
    update = make_update(incident, kind=AudienceKind.EXTERNAL, audiences=[customers], is_last=True)

    send_update(update, by=SYSTEM, at=now)

    internal.refresh_from_db()
    assert internal.state == PromiseState.OPEN
