from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from incidents.models import Incident, Phase
from postmortems.models import ActionItem, Postmortem
from tests.factories.incidents import make_incident
from tests.factories.postmortems import make_action_item, make_postmortem

READ = ("incidents.view_incident", "postmortems.view_postmortem")


@pytest.fixture
def incident(db: None) -> Incident:
    return make_incident(phase=Phase.RESTORED)


def do(incident: Incident, slug: str) -> str:
    return reverse("admin:incidents_incident_do", args=[incident.pk, slug])


def test_panel_names_postmortem_and_items(
    incident: Incident, user_with: Callable[..., User], client: Client
) -> None:
    client.force_login(user_with(*READ))
    postmortem = make_postmortem(incident)
    make_action_item(incident, title="Alert sooner")

    page = client.get(incident.get_absolute_url()).content.decode()

    assert postmortem.get_absolute_url() in page
    assert "Alert sooner" in page


def test_postmortem_is_opened_by_hand(
    incident: Incident, user_with: Callable[..., User], client: Client
) -> None:
    client.force_login(user_with(*READ, "postmortems.add_postmortem"))

    client.get(do(incident, "open-postmortem"))
    assert not Postmortem.objects.exists()
    client.post(do(incident, "open-postmortem"))

    assert Postmortem.objects.get().incident == incident


def test_action_item_is_added_during_the_incident(
    incident: Incident, user_with: Callable[..., User], client: Client
) -> None:
    client.force_login(user_with(*READ, "postmortems.add_actionitem"))

    client.post(do(incident, "add-action-item"), {"what": "Alert sooner", "kind": "detect"})

    assert ActionItem.objects.get().title == "Alert sooner"


@pytest.mark.parametrize("slug", ["open-postmortem", "add-action-item"])
def test_readers_may_do_neither(
    incident: Incident, user_with: Callable[..., User], client: Client, slug: str
) -> None:
    client.force_login(user_with(*READ))

    answer = client.post(do(incident, slug), {"what": "Alert sooner", "kind": "detect"})

    assert answer.status_code == 403
    assert not ActionItem.objects.exists()
    assert not Postmortem.objects.exists()
