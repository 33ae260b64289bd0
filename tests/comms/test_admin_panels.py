from collections.abc import Callable
from datetime import datetime

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from comms.models import MessageState, Update, UpdateState
from incidents.models import Incident, Phase
from tests.factories.comms import make_audience, make_message, make_promise, make_update
from tests.factories.incidents import make_assignment, make_incident, make_role
from tests.factories.roster import make_person

pytestmark = pytest.mark.django_db

UserWith = Callable[..., User]


@pytest.fixture
def incident() -> Incident:
    return make_incident(phase=Phase.DIAGNOSING, title="Checkout errors")


def do(incident: Incident, slug: str) -> str:
    return reverse("admin:incidents_incident_do", args=[incident.pk, slug])


def test_incident_page_shows_updates_promises_and_what_did_not_arrive(
    incident: Incident, user_with: UserWith, client: Client, now: datetime
):
    make_update(incident, subject="We are on it", state=UpdateState.SENT, sent_at=now)
    make_update(incident, subject="Nearly there")
    make_promise(incident, promised_for=now)
    make_message(
        created_at=now,
        incident=incident,
        state=MessageState.DEAD,
        due_at=None,
        recipient="gone@example.com",
    )
    client.force_login(user_with("incidents.view_incident", "comms.retry_message"))

    page = client.get(incident.get_absolute_url()).content.decode()

    for words in (
        "We are on it",
        "Nearly there",
        "Draft",
        "Next internal update due",
        "Not delivered to gone@example.com",
        "Try again",
    ):
        assert words in page


@pytest.mark.usefixtures("clock")
def test_update_is_sent_from_the_incident_page(
    incident: Incident, user_with: UserWith, client: Client
):
    audience = make_audience(make_person())
    client.force_login(user_with("incidents.view_incident", "comms.send_update"))

    form = client.get(do(incident, "update"))
    assert "Checkout errors" in form.content.decode()
    assert not Update.objects.exists()

    words = {"subject": "Down", "body": "Orders fail.", "audiences": [audience.pk]}
    response = client.post(do(incident, "update"), words, follow=True)

    assert "Sent to 1 recipients." in response.content.decode()
    assert Update.objects.get().state == UpdateState.SENT


def test_refused_update_keeps_what_was_typed(
    incident: Incident, user_with: UserWith, client: Client
):
    audience = make_audience(kind="external", name="Customers")
    client.force_login(user_with("incidents.view_incident", "comms.send_external_update"))

    response = client.post(
        do(incident, "update-external"),
        {"subject": "Down", "body": "Half a page of careful words.", "audiences": [audience.pk]},
    )

    page = response.content.decode()
    assert response.status_code == 422
    assert "Half a page of careful words." in page
    assert "Say when the next update comes, or that this is the last." in page


def test_only_those_who_may_speak_to_customers_get_the_form(
    incident: Incident, user_with: UserWith, client: Client
):
    user = user_with("incidents.view_incident", "comms.send_update")
    client.force_login(user)

    assert client.get(do(incident, "update-external")).status_code == 403
    assert client.post(do(incident, "update-external"), {"subject": "x"}).status_code == 403

    make_assignment(incident, make_role("customer-liaison"), make_person(user=user))
    assert client.get(do(incident, "update-external")).status_code == 200
