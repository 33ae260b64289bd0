from collections.abc import Callable
from datetime import datetime

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from comms.models import Message, MessageState, Template, UpdateState
from incidents.models import Phase
from tests.factories.comms import (
    make_audience,
    make_message,
    make_promise,
    make_template,
    make_update,
)
from tests.factories.incidents import make_incident
from tests.factories.roster import make_person

pytestmark = pytest.mark.django_db

UserWith = Callable[..., User]


@pytest.fixture
def log_in(user_with: UserWith, client: Client) -> Callable[..., Client]:
    def log_in(*permissions: str) -> Client:
        client.force_login(user_with(*permissions))
        return client

    return log_in


def dead_message(now: datetime, **fields: object) -> Message:
    return make_message(
        created_at=now, state=MessageState.DEAD, due_at=None, last_error="550 no", **fields
    )


# --- Lists -------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["template", "audience", "update", "promise", "message"])
@pytest.mark.parametrize("rows", [1, 3])
def test_list_is_a_constant_number_of_queries(
    log_in: Callable[..., Client],
    django_assert_max_num_queries: Callable[..., object],
    now: datetime,
    model: str,
    rows: int,
):
    incident = make_incident(phase=Phase.DIAGNOSING)
    for kind in ["internal", "external", "internal"][:rows]:
        make_template()
        make_audience()
        make_update(incident)
        make_promise(make_incident(phase=Phase.DIAGNOSING), kind=kind)
        make_message(created_at=now, incident=incident, person=make_person())
    client = log_in(f"comms.view_{model}")

    with django_assert_max_num_queries(8):
        response = client.get(reverse(f"admin:comms_{model}_changelist"), {"q": "c"})

    assert response.status_code == 200


@pytest.mark.parametrize("model", ["update", "promise", "message"])
def test_record_is_shown_and_cannot_be_changed(
    log_in: Callable[..., Client], now: datetime, model: str
):
    incident = make_incident(phase=Phase.DIAGNOSING)
    row = {
        "update": make_update(incident),
        "promise": make_promise(incident),
        "message": make_message(created_at=now, incident=incident),
    }[model]
    client = log_in(f"comms.view_{model}", f"comms.change_{model}", f"comms.delete_{model}")
    address = reverse(f"admin:comms_{model}_change", args=[row.pk])

    assert client.get(address).status_code == 200
    assert client.post(address, {"subject": "x"}).status_code == 403
    assert client.get(reverse(f"admin:comms_{model}_add")).status_code == 403
    assert client.post(reverse(f"admin:comms_{model}_delete", args=[row.pk])).status_code == 403


def test_message_of_a_private_incident_is_nowhere(log_in: Callable[..., Client], now: datetime):
    secret = make_incident(is_private=True)
    message = dead_message(now, incident=secret, subject="Secret breach")
    client = log_in("comms.view_message", "comms.retry_message")

    listed = client.get(reverse("admin:comms_message_changelist"))
    opened = client.get(reverse("admin:comms_message_change", args=[message.pk]), follow=True)
    retried = client.post(reverse("admin:comms_message_retry", args=[message.pk]))

    assert "Secret breach" not in listed.content.decode()
    assert "Secret breach" not in opened.content.decode()
    assert retried.status_code == 404


def test_address_of_a_person_shows_only_with_the_right_to_contact_methods(
    log_in: Callable[..., Client], user_with: UserWith, now: datetime
):
    message = make_message(created_at=now, person=make_person(), recipient="tgram://secret")
    address = reverse("admin:comms_message_change", args=[message.pk])
    client = log_in("comms.view_message")

    assert "tgram://secret" not in client.get(address).content.decode()

    client.force_login(
        user_with("comms.view_message", "roster.view_contactmethod", username="other")
    )
    assert "tgram://secret" in client.get(address).content.decode()


# --- Buttons -----------------------------------------------------------------------------------


def test_retry_button_works_by_post_and_with_permission_only(
    log_in: Callable[..., Client], user_with: UserWith, now: datetime
):
    message = dead_message(now)
    address = reverse("admin:comms_message_retry", args=[message.pk])
    client = log_in("comms.view_message", "comms.retry_message")

    assert client.get(address).status_code == 405
    message.refresh_from_db()
    assert message.state == MessageState.DEAD

    assert client.post(address, {"next": "/admin/"}).headers["Location"] == "/admin/"
    message.refresh_from_db()
    assert message.state == MessageState.QUEUED

    client.force_login(user_with("comms.view_message", username="viewer"))
    assert client.post(address).status_code == 403


def test_retry_does_not_send_people_elsewhere(log_in: Callable[..., Client], now: datetime):
    message = dead_message(now)
    client = log_in("comms.view_message", "comms.retry_message")

    response = client.post(
        reverse("admin:comms_message_retry", args=[message.pk]), {"next": "https://evil.example/"}
    )

    assert response.headers["Location"] == reverse("admin:comms_message_change", args=[message.pk])


def test_retrying_many_reports_those_that_had_not_failed(
    log_in: Callable[..., Client], now: datetime
):
    dead, queued = dead_message(now), make_message(created_at=now, subject="Still waiting")
    client = log_in("comms.view_message", "comms.retry_message")

    response = client.post(
        reverse("admin:comms_message_changelist"),
        {"action": "retry", "_selected_action": [dead.pk, queued.pk]},
        follow=True,
    )

    text = response.content.decode()
    assert "1 will be tried again now." in text
    assert "has not failed" in text


def test_bulk_retry_is_not_offered_without_permission(log_in: Callable[..., Client], now: datetime):
    dead = dead_message(now)
    client = log_in("comms.view_message")

    client.post(
        reverse("admin:comms_message_changelist"),
        {"action": "retry", "_selected_action": [dead.pk]},
    )

    dead.refresh_from_db()
    assert dead.state == MessageState.DEAD


def test_draft_is_approved_and_sent_by_those_who_may(log_in: Callable[..., Client]):
    incident = make_incident(phase=Phase.DIAGNOSING)
    audience = make_audience(make_person(), requires_approval=True)
    update = make_update(incident, audiences=[audience])
    client = log_in("comms.view_update", "comms.approve_update", "comms.send_update")

    client.post(reverse("admin:comms_update_approve", args=[update.pk]))
    client.post(reverse("admin:comms_update_send", args=[update.pk]))

    update.refresh_from_db()
    assert update.state == UpdateState.SENT


@pytest.mark.parametrize("button", ["approve", "send"])
def test_draft_stays_a_draft_for_those_who_may_not(log_in: Callable[..., Client], button: str):
    update = make_update(make_incident(), kind="external")
    client = log_in("comms.view_update", "comms.send_update")
    address = reverse(f"admin:comms_update_{button}", args=[update.pk])

    assert client.get(address).status_code == 405
    assert client.post(address).status_code == 403
    update.refresh_from_db()
    assert update.state == UpdateState.DRAFT


# --- Templates ---------------------------------------------------------------------------------


def test_mistake_in_a_template_is_named_on_its_field_with_its_line(
    log_in: Callable[..., Client],
):
    client = log_in("comms.add_template", "comms.view_template")

    response = client.post(
        reverse("admin:comms_template_add"),
        {
            "name": "Update",
            "slug": "update",
            "purpose": "update",
            "audience_kind": "internal",
            "subject": "{{ incident.reference }}",
            "body": "Hello\n{{ incident.titel }}",
            "is_active": "on",
        },
    )

    assert response.context["errors"] == [
        ["Line 2: Unknown variable “incident.titel”. Did you mean “incident.title”?"]
    ]
    assert not Template.objects.exists()


def test_preview_shows_the_sample_and_a_real_incident(log_in: Callable[..., Client]):
    template = make_template(subject="Now: {{ incident.title }}", body="x")
    incident = make_incident(title="Search is down")
    client = log_in("comms.view_template")
    address = reverse("admin:comms_template_preview", args=[template.pk])

    assert "Now: Checkout answers with errors" in client.get(address).content.decode()

    words = {"reference": incident.reference, "subject": template.subject, "body": "x"}
    assert "Now: Search is down" in client.post(address, words).content.decode()


def test_preview_does_not_show_an_incident_one_may_not_see(log_in: Callable[..., Client]):
    template = make_template()
    secret = make_incident(title="Secret breach", is_private=True)
    client = log_in("comms.view_template")

    response = client.post(
        reverse("admin:comms_template_preview", args=[template.pk]),
        {"reference": secret.reference, "subject": "x", "body": "{{ incident.title }}"},
    )

    assert "Secret breach" not in response.content.decode()
    assert response.context["form"].errors["reference"] == [
        f"There is no incident {secret.reference} that you may see."
    ]


def test_preview_needs_permission(log_in: Callable[..., Client]):
    template = make_template()
    client = log_in()

    response = client.get(reverse("admin:comms_template_preview", args=[template.pk]))

    assert response.status_code == 403
