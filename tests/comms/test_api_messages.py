"""What a provider may tell us afterwards, and who may speak for it."""

from collections.abc import Callable
from datetime import datetime

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from comms.models import Message, MessageState
from incidents.models import TimelineEntry
from tests.factories.api import client_of, refusal
from tests.factories.comms import make_message, make_page_message
from tests.factories.incidents import make_incident, make_page
from tests.factories.roster import make_contact_method, make_person

pytestmark = pytest.mark.django_db

type UserWith = Callable[..., User]


@pytest.fixture
def provider(user_with: UserWith) -> APIClient:
    return client_of(user_with("comms.retry_message", username="provider"))


def sent_page(at: datetime, **fields: object) -> Message:
    person = make_person()
    make_contact_method(person, address="first@example.com")
    make_contact_method(person, address="second@example.com")
    page = make_page(make_incident(**fields), person, created_at=at)
    return make_page_message(
        page, created_at=at, recipient="first@example.com", state=MessageState.SENT, sent_at=at,
        due_at=None,
    )  # fmt: skip


def address(message: Message) -> str:
    return f"/api/v1/messages/{message.key}/undelivered"


def test_what_came_back_is_tried_by_another_way(provider: APIClient, now: datetime):
    message = sent_page(now, is_private=True)

    answer = provider.post(address(message), {"reason": "Handset is off."})

    assert (answer.status_code, answer.json()) == (200, {"key": message.key, "state": "dead"})
    assert Message.objects.get(state=MessageState.QUEUED).recipient == "second@example.com"
    entry = TimelineEntry.objects.get(kind="message_undelivered")
    assert (entry.actor_name, entry.via, entry.data["error"]) == (
        "provider",
        "api",
        "Handset is off.",
    )


def test_saying_it_again_changes_nothing(provider: APIClient, now: datetime):
    message = sent_page(now)
    provider.post(address(message), {})

    assert provider.post(address(message), {}).status_code == 200
    assert TimelineEntry.objects.filter(kind="message_undelivered").count() == 1


def test_message_that_was_not_sent_cannot_come_back(provider: APIClient, now: datetime):
    message = make_message(created_at=now)

    assert refusal(provider.post(address(message), {})) == (409, "message_not_sent", [])


def test_unknown_message_is_not_found(provider: APIClient):
    answer = provider.post("/api/v1/messages/page-1-profile/undelivered", {})

    assert refusal(answer) == (404, "not_found", [])


def test_it_needs_a_token_with_the_right(user_with: UserWith, now: datetime):
    message = sent_page(now)

    assert refusal(APIClient().post(address(message), {}))[0] == 401
    assert refusal(client_of(user_with("comms.view_message")).post(address(message), {}))[0] == 403
    assert not TimelineEntry.objects.exists()
