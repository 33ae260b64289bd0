"""Whoever reported is kept informed; those on call for it hear that nobody leads."""

from datetime import timedelta

import pytest

from comms.models import Message
from incidents import announcements, leads, reports
from incidents.reports import Reporter, Said
from roster.actors import Actor
from tests.factories.incidents import make_incident, make_role, make_service, make_severity
from tests.factories.roster import make_person, make_schedule

pytestmark = pytest.mark.django_db
BEN = Reporter("Ben", "ben@example.com")


def announced(at):
    while announcements.announce_due(at=at):
        pass


def told(address: str) -> list[str]:
    rows = Message.objects.filter(recipient=address).order_by("pk")
    return [row.body.rstrip().rpartition("\n")[2] for row in rows]


def test_reporter_hears_that_it_is_taken_and_that_it_works_again(now):
    make_severity()
    report = reports.take(Said("Invoices fail", service=make_service()), BEN, at=now)
    announced(now)
    ada = Actor.of_person(make_person(slug="ada"))

    report.incident.acknowledge(by=ada, at=now)
    announced(now)

    assert told("ben@example.com") == [
        f"It is being worked on as {report.incident.reference}.",
        "Somebody has taken it and is looking into it.",
    ]


def test_reporter_without_an_address_is_told_nothing(now):
    make_severity()
    reports.take(Said("Invoices fail", service=make_service()), Reporter("Ben"), at=now)

    announced(now)

    assert not Message.objects.exists()


def test_reporter_learns_nothing_of_a_private_incident_but_its_number(now):
    make_severity()
    secret = make_incident(title="Break-in at the vault", is_private=True)
    reports.take(Said("Odd log-in"), BEN, at=now, incident=secret)

    announced(now)

    (message,) = Message.objects.all()
    assert "vault" not in message.subject + message.body + message.html


def test_those_on_call_for_it_hear_that_nobody_leads(now):
    ivy, imo = make_person(slug="ivy"), make_person(slug="imo")
    make_role("incident-manager", schedule=make_schedule(ivy))
    make_role("imoc", schedule=make_schedule(imo))
    make_incident(
        phase="mobilizing", declared_at=now, severity=make_severity(1, lead_within_minutes=5)
    )

    leads.alarm_due(at=now + timedelta(minutes=5))
    announced(now + timedelta(minutes=5))

    messages = Message.objects.order_by("person__name")
    assert [message.person.name for message in messages] == ["Imo", "Ivy"]
    assert "nobody leads it" in messages[0].subject
