"""Who has an incident, as its page says it; what it does to paging is in tests/paging."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client

from incidents.acknowledgement import expire_due, hold_of, snooze
from incidents.models import Acknowledgement, Incident
from roster.actors import Actor
from tests.factories.incidents import make_incident, make_service, make_severity
from tests.factories.roster import make_person, make_policy

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(db):
    return Actor.of_person(make_person(slug="ada"))


@pytest.fixture
def incident(db) -> Incident:
    severity = make_severity(2, acknowledgement_expires_minutes=30)
    service = make_service(policy=make_policy(make_person(slug="ben")))
    return make_incident(severity=severity, services=[service])


def shown(client: Client, incident: Incident) -> str:
    html = client.get(incident.get_absolute_url()).content.decode()
    return " ".join(html.split('id="panel-paging"')[1].split("</section>")[0].split())


def test_nobody_has_what_nobody_acknowledged(incident):
    assert hold_of(incident) is None


def test_whoever_acknowledged_has_it_until_it_expires(incident, ada, now):
    incident.acknowledge(by=ada, at=now)

    hold = hold_of(incident)

    assert (hold.by_name, hold.since) == ("Ada", now)
    assert (hold.expires_at, hold.lapsed_at) == (now + timedelta(minutes=30), None)


def test_sign_of_work_shows_before_the_sweep_has_seen_it(incident, ada, now):
    incident.acknowledge(by=ada, at=now)
    incident.note("Looking.", by=ada, at=now + timedelta(minutes=10))

    assert hold_of(incident).expires_at == now + timedelta(minutes=40)


def test_worse_severity_expires_by_its_own_time(incident, ada, now):
    incident.acknowledge(by=ada, at=now)
    worse = make_severity(1, acknowledgement_expires_minutes=5)

    incident.change_severity(worse, by=Actor.system("alerts"), at=now)

    assert Acknowledgement.objects.get().due_at == now + timedelta(minutes=5)


def test_only_one_stands_whoever_comes(incident, ada, now):
    incident.acknowledge(by=ada, at=now)
    snooze(incident, now + timedelta(hours=1), by=ada, at=now)
    ben = Actor.of_person(make_person(slug="cem"))
    snooze(incident, now + timedelta(hours=2), by=ben, at=now)

    assert Acknowledgement.objects.standing().get().by_name == "Cem"
    assert set(Acknowledgement.objects.exclude(end="").values_list("end", flat=True)) == {
        "replaced"
    }


def test_it_ends_with_the_incident(incident, ada, now):
    incident.acknowledge(by=ada, at=now)

    incident.dismiss(reason="A test.", by=ada, at=now)

    assert Acknowledgement.objects.get().end == "over"
    assert hold_of(incident) is None


def test_page_says_who_has_it(client, admin_user: User, clock, incident, ada, now):
    client.force_login(admin_user)
    incident.acknowledge(by=ada, at=now)

    words = shown(client, incident)

    assert "Ada" in words
    assert "Has it" in words
    assert "Still on it" in words


def test_page_says_that_it_is_snoozed(client, admin_user: User, clock, incident, ada, now):
    client.force_login(admin_user)
    snooze(incident, now + timedelta(hours=1), by=ada, at=now)

    words = shown(client, incident)

    assert "Snoozed" in words
    assert "Still on it" not in words


def test_page_says_that_it_has_lapsed_and_asks_for_somebody(
    client, admin_user: User, clock, incident, ada, now
):
    client.force_login(admin_user)
    incident.acknowledge(by=ada, at=now)
    expire_due(at=now + timedelta(minutes=30))

    words = shown(client, incident)

    assert "Lapsed" in words
    assert "I am on it" in words
    page = client.get(incident.get_absolute_url()).content.decode()
    assert "the last acknowledgement has lapsed" in page
