from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from postmortems.models import Invitation, Postmortem
from roster.links import make_url
from tests.factories.postmortems import make_invitation, make_postmortem


@pytest.fixture
def invitation(db: None) -> Invitation:
    return make_invitation(make_postmortem(review_at=timezone.now() + timedelta(days=1)))


@pytest.fixture
def link(invitation: Invitation, settings) -> Callable[[str], str]:
    def link(purpose: str) -> str:
        url = make_url(purpose, invitation.pk, invitation.person)
        return url.removeprefix(settings.PUBLIC_URL)

    return link


@pytest.mark.parametrize("purpose", ["postmortem.accept", "postmortem.decline"])
def test_opening_the_link_changes_nothing(
    invitation: Invitation, client: Client, link, purpose: str
) -> None:
    response = client.get(link(purpose))

    assert invitation.postmortem.incident.title in response.content.decode()
    assert Invitation.objects.get().state == Invitation.State.INVITED


def test_accepting_works_without_a_login(invitation: Invitation, client: Client, link) -> None:
    client.post(link("postmortem.accept"))

    assert Invitation.objects.get().state == Invitation.State.ACCEPTED


def test_declining_keeps_the_reason(invitation: Invitation, client: Client, link) -> None:
    client.post(link("postmortem.decline"), {"reason": "On leave"})

    declined = Invitation.objects.get()
    assert (declined.state, declined.reason) == (Invitation.State.DECLINED, "On leave")


def test_answer_can_be_changed(invitation: Invitation, client: Client, link) -> None:
    client.post(link("postmortem.decline"))

    client.post(link("postmortem.accept"))

    assert Invitation.objects.get().state == Invitation.State.ACCEPTED


def test_excused_person_is_told_so(invitation: Invitation, client: Client, link) -> None:
    Invitation.objects.update(state=Invitation.State.EXCUSED, reason="You are on leave.")

    response = client.get(link("postmortem.accept"))

    assert "You need not come: You are on leave." in response.content.decode()
    assert Postmortem.objects.count() == 1
