"""What the links in messages do, as a phone meets them."""

import re
from datetime import datetime
from urllib.parse import urlsplit

import pytest
from django.test import Client

from incidents.models import Responder
from roster.actors import Actor
from roster.links import make_url
from tests.factories.roster import make_person, make_policy
from tests.incidents.paging import ADMIN, Paging

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(db):
    return make_person(slug="ada")


@pytest.fixture
def paging(ada, now):
    paging = Paging(make_policy(ada, make_person(slug="ben")), at=now)
    paging.fire()
    return paging


@pytest.fixture
def responder(paging, ada):
    return Responder.objects.create(
        incident=paging.incident,
        person=ada,
        message="The queue grows.",
        requested_by_name="Ruth",
        requested_at=paging.at,
        due_at=paging.at,
    )


def address(purpose: str, subject: object, person) -> str:
    return urlsplit(make_url(purpose, subject.pk, person)).path


def page_text(response) -> str:
    return re.sub(r"<[^>]*>|\s+", " ", response.content.decode().split("<main>")[1])


def test_acknowledge_shows_what_it_is_about_and_changes_nothing(client: Client, paging, ada):
    response = client.get(address("page.acknowledge", paging.page_of(ada), ada))

    text = page_text(response)
    assert "INC-1: Alert a" in text
    assert "SEV1" in text
    assert "Checkout" in text
    assert "I cannot take it" in text
    assert paging.page_of(ada).state == "pending"


def test_acknowledge_takes_the_incident(client, paging, ada):
    link = address("page.acknowledge", paging.page_of(ada), ada)

    response = client.post(link)

    assert "You have INC-1 now. Nobody else is paged for it." in page_text(response)
    assert paging.page_of(ada).acknowledged_via == "link"
    assert paging.incident.acknowledged_by == ada
    assert "You have INC-1. There is nothing more to confirm." in page_text(client.get(link))


def test_acknowledge_after_somebody_else_says_who(client, paging, ada):
    paging.incident.acknowledge(by=ADMIN, at=paging.at)

    response = client.get(address("page.acknowledge", paging.page_of(ada), ada))

    assert "Administrator has INC-1 already. There is nothing to do." in page_text(response)


def test_acknowledge_after_the_incident_resolved_says_so(client, paging, ada):
    paging.at = paging.at.replace(minute=1)
    paging.resolve()

    response = client.post(address("page.acknowledge", paging.page_of(ada), ada))

    assert "INC-1 is over. There is nothing to do." in page_text(response)


def test_decline_passes_on_with_the_reason(client, paging, ada):
    link = address("page.decline", paging.page_of(ada), ada)
    assert "Why not?" in page_text(client.get(link))

    response = client.post(link, {"reason": "On a plane."})
    paging.at = max(paging.at, paging.escalation.due_at)
    paging.tick()

    assert "INC-1 is passed on to the next person." in page_text(response)
    assert paging.entry("page_declined").text == "On a plane."
    assert paging.paged() == ["Ada", "Ben"]


def test_decline_needs_no_reason(client, paging, ada):
    client.post(address("page.decline", paging.page_of(ada), ada))

    assert paging.page_of(ada).state == "declined"


def test_page_offers_every_answer(client, paging, ada):
    text = page_text(client.get(address("page.acknowledge", paging.page_of(ada), ada)))

    for label in ("I cannot take it", "Call in the next level", "Snooze it"):
        assert label in text


def test_escalate_calls_in_the_next_level_and_keeps_ones_page(client, paging, ada):
    link = address("page.escalate", paging.page_of(ada), ada)
    assert "Call in the next level" in page_text(client.get(link))
    assert paging.story()[-1] != "escalated"

    response = client.post(link, {"reason": "The database is gone."})
    paging.at = max(paging.at, paging.escalation.due_at)
    paging.tick()

    assert "The next level is paged for INC-1 now." in page_text(response)
    assert paging.entry("escalated").text == "The database is gone."
    assert paging.paged() == ["Ada", "Ben"]
    assert paging.page_of(ada).state == "pending"


def test_escalate_still_works_once_one_has_it(client, paging, ada):
    client.post(address("page.acknowledge", paging.page_of(ada), ada))

    response = client.post(address("page.escalate", paging.page_of(ada), ada))

    assert "You keep it until they take it." in page_text(response)


def test_escalate_after_somebody_else_took_it_says_who(client, paging, ada):
    paging.incident.acknowledge(by=ADMIN, at=paging.at)

    text = page_text(client.get(address("page.escalate", paging.page_of(ada), ada)))

    assert "Administrator has INC-1 already." in text


def test_snooze_acknowledges_until_then(client, paging, ada):
    link = address("page.snooze", paging.page_of(ada), ada)
    assert "For how long?" in page_text(client.get(link))

    response = client.post(link, {"minutes": "60"})

    assert "You have INC-1, snoozed until" in page_text(response)
    assert paging.incident.acknowledged_by == ada
    assert paging.page_of(ada).state == "acknowledged"


def test_snooze_of_what_is_declared_is_refused_in_words(client, paging, ada):
    severity = paging.incident.severity
    paging.incident.declare(
        extent=None,
        degree=None,
        severity=severity,
        reason="Seen.",
        by=Actor.of_person(ada),
        at=paging.at,
    )

    response = client.post(address("page.snooze", paging.page_of(ada), ada), {"minutes": "15"})

    assert response.status_code == 409
    assert "Only what nobody has declared is snoozed." in page_text(response)


def test_responder_comes(client, responder, ada):
    link = address("responder.acknowledge", responder, ada)
    text = page_text(client.get(link))
    assert "The queue grows." in text
    assert "Ruth" in text

    client.post(link)

    responder.refresh_from_db()
    assert responder.state == "acknowledged"
    assert "You are a responder of INC-1." in page_text(client.get(link))


def test_responder_declines(client, responder, ada):
    client.post(address("responder.decline", responder, ada), {"reason": "On holiday."})

    responder.refresh_from_db()
    assert (responder.state, responder.decline_reason) == ("declined", "On holiday.")


def test_responder_asks_to_leave_and_stays_until_released(client, responder, ada, now: datetime):
    client.post(address("responder.acknowledge", responder, ada))
    link = address("responder.leave", responder, ada)

    response = client.post(link)

    assert "Stay until you are released." in page_text(response)
    responder.refresh_from_db()
    assert responder.state == "acknowledged"
    assert responder.wants_to_leave_at is not None
    assert "You have asked to leave." in page_text(client.get(link))

    responder.release(by=ADMIN, at=responder.wants_to_leave_at)
    assert "You were released from INC-1. Thank you." in page_text(client.get(link))


def test_responder_withdrawn_is_told(client, responder, ada, now):
    responder.release(by=ADMIN, at=now)

    response = client.get(address("responder.acknowledge", responder, ada))

    assert "Your help with INC-1 is no longer needed." in page_text(response)
