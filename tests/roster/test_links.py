"""The links are exercised with a purpose of the tests' own: renaming a team."""

from datetime import datetime, timedelta
from urllib.parse import urlsplit

import pytest
import time_machine
from django import forms
from django.test import Client

from roster import links
from roster.errors import DomainError
from roster.models import Person, Team
from tests.factories.roster import make_person, make_team

pytestmark = pytest.mark.django_db


class Rename(links.LinkPurpose[Team]):
    name = "team.rename"
    lifetime = timedelta(hours=1)
    button = "Rename it"

    def load(self, pk: int) -> Team | None:
        return Team.objects.filter(pk=pk).first()

    def title(self, subject: Team) -> str:
        return f"Rename {subject.name}?"

    def context(self, subject: Team, person: Person) -> dict[str, object]:
        return {"facts": [("Kind", subject.kind)], "links": [("Not now", "https://example.com/")]}

    def done(self, subject: Team) -> str | None:
        return "It has been renamed." if subject.name.startswith("Renamed") else None

    def perform(self, subject: Team, person: Person, *, at: datetime) -> str:
        subject.name = f"Renamed by {person.name}"
        subject.save()
        return "Thank you."


class ReasonForm(forms.Form):
    reason = forms.CharField()


class ExplainRename(links.LinkPurpose[Team]):
    name = "team.explain"
    lifetime = timedelta(hours=1)
    form = ReasonForm

    def load(self, pk: int) -> Team | None:
        return Team.objects.filter(pk=pk).first()

    def title(self, subject: Team) -> str:
        return f"Why {subject.name}?"

    def perform(self, subject: Team, person: Person, *, at: datetime, reason: str) -> str:
        if reason == "none":
            raise DomainError("no_reason", "That is no reason.")
        return f"Because {reason}."


@pytest.fixture(autouse=True)
def purposes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "_purposes", {})
    links.register_purpose(Rename())
    links.register_purpose(ExplainRename())


@pytest.fixture
def team() -> Team:
    return make_team(name="Payments")


@pytest.fixture
def ana() -> Person:
    return make_person(slug="ana", name="Ana")


def path_of(name: str, team: Team, person: Person) -> str:
    return urlsplit(links.make_url(name, team.pk, person)).path


def test_url_is_absolute_and_short(team: Team, ana: Person) -> None:
    url = links.make_url("team.rename", team.pk, ana)

    assert url.startswith("http://127.0.0.1:8000/a/team.rename:")
    assert len(url) < 120


def test_get_shows_the_page_and_changes_nothing(client: Client, team: Team, ana: Person) -> None:
    response = client.get(path_of("team.rename", team, ana))

    assert "Rename Payments?" in response.text
    assert "Rename it" in response.text
    assert response["Referrer-Policy"] == "no-referrer"
    assert "no-store" in response["Cache-Control"]
    team.refresh_from_db()
    assert team.name == "Payments"


def test_head_changes_nothing(client: Client, team: Team, ana: Person) -> None:
    assert client.head(path_of("team.rename", team, ana)).status_code == 200

    team.refresh_from_db()
    assert team.name == "Payments"


def test_post_performs_once_without_login_or_csrf_token(team: Team, ana: Person) -> None:
    client = Client(enforce_csrf_checks=True)
    path = path_of("team.rename", team, ana)

    first, second = client.post(path), client.post(path)

    assert "Thank you." in first.text
    assert "It has been renamed." in second.text
    assert "Rename it" not in second.text
    team.refresh_from_db()
    assert team.name == "Renamed by Ana"


def test_post_with_a_form_asks_for_what_is_missing(client: Client, team: Team, ana: Person) -> None:
    response = client.post(path_of("team.explain", team, ana))

    assert "This field is required." in response.text


def test_post_with_a_form_hands_its_answers_on(client: Client, team: Team, ana: Person) -> None:
    path = path_of("team.explain", team, ana)

    assert "Because it rains." in client.post(path, {"reason": "it rains"}).text


def test_refusal_is_shown_as_its_sentence(client: Client, team: Team, ana: Person) -> None:
    response = client.post(path_of("team.explain", team, ana), {"reason": "none"})

    assert response.status_code == 409
    assert "That is no reason." in response.text


def test_expired_link_is_gone(client: Client, team: Team, ana: Person, now: datetime) -> None:
    with time_machine.travel(now, tick=False) as clock:
        path = path_of("team.rename", team, ana)
        clock.shift(timedelta(hours=1, seconds=1))

        response = client.post(path)

    assert response.status_code == 410
    assert "This link has expired." in response.text
    team.refresh_from_db()
    assert team.name == "Payments"


@pytest.mark.parametrize("path", ["/a/nonsense/", "/a/team.rename:1-1:abc:def/", "/a/:/"])
def test_tampered_link_leads_nowhere(client: Client, path: str) -> None:
    response = client.post(path)

    assert response.status_code == 404
    assert "does not lead anywhere" in response.text


def test_link_for_another_person_does_not_verify(client: Client, team: Team, ana: Person) -> None:
    stranger = make_person()
    path = path_of("team.rename", team, ana)

    changed = path.replace(f":{team.pk}-{ana.pk}:", f":{team.pk}-{stranger.pk}:")

    assert client.post(changed).status_code == 404


def test_link_of_one_purpose_does_not_serve_another(
    client: Client, team: Team, ana: Person
) -> None:
    path = path_of("team.explain", team, ana)

    response = client.post(path.replace("team.explain", "team.rename"))

    assert response.status_code == 404
    team.refresh_from_db()
    assert team.name == "Payments"


def test_link_of_a_person_made_inactive_leads_nowhere(
    client: Client, team: Team, ana: Person
) -> None:
    path = path_of("team.rename", team, ana)
    ana.is_active = False
    ana.save()

    assert client.get(path).status_code == 404


def test_link_to_a_subject_that_is_gone_leads_nowhere(
    client: Client, team: Team, ana: Person
) -> None:
    path = path_of("team.rename", team, ana)
    team.delete()

    assert client.get(path).status_code == 404
