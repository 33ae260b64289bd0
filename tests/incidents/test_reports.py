"""What people report: into an incident at once, or into the triage queue."""

from datetime import timedelta

import pytest

from incidents import processing, reports
from incidents.intake import Envelope
from incidents.intake import report as adapter
from incidents.models import Incident, Page, Report, TimelineEntry
from incidents.reports import Reporter, Said
from roster.actors import Actor
from roster.errors import DomainError
from tests.factories.incidents import (
    make_event,
    make_incident,
    make_integration,
    make_service,
    make_severity,
)
from tests.factories.roster import make_person, make_policy

pytestmark = pytest.mark.django_db

BEN = Reporter("Ben", "ben@example.com")
TRIAGE = Actor.system("triage")


@pytest.fixture
def service(db):
    for rank in range(1, 6):
        make_severity(rank)
    return make_service(policy=make_policy(make_person(slug="ada")))


def customer(service, title, **more):
    return Said(title=title, source="customer", service=service, may_affect_customers=True, **more)


def test_colleague_who_says_it_is_broken_opens_an_incident_that_pages(service, now):
    report = reports.take(Said("Invoices fail", service=service), BEN, at=now)

    incident = report.incident
    assert (incident.title, incident.phase, incident.source) == (
        "Invoices fail",
        "detected",
        "individual",
    )
    assert incident.escalations.running().exists()


def test_first_guess_is_worse_if_customers_notice(service, now):
    quiet = reports.take(Said("Odd log", service=service), BEN, at=now)
    loud = reports.take(Said("All down", service=service, may_affect_customers=True), BEN, at=now)

    assert (quiet.incident.severity.rank, loud.incident.severity.rank) == (3, 2)
    assert (quiet.incident.may_affect_customers, loud.incident.may_affect_customers) == (
        False,
        True,
    )


def test_one_customer_waits_for_triage(service, now):
    report = reports.take(customer(service, "No invoice"), BEN, at=now)

    assert list(Report.objects.waiting()) == [report]
    assert not Incident.objects.exists()


def test_third_customer_within_the_hour_opens_an_incident_with_all(service, now):
    for number in range(3):
        at = now + timedelta(minutes=20 * number)
        reports.take(customer(service, f"No invoice {number}", customers=2), BEN, at=at)

    incident = Incident.objects.get()
    assert (incident.title, incident.source) == ("No invoice 0", "customer")
    assert reports.customers_of(incident) == (3, 6)


def test_customers_hours_apart_open_nothing(service, now):
    for number in range(4):
        at = now + timedelta(minutes=31 * number)
        reports.take(customer(service, f"No invoice {number}"), BEN, at=at)

    assert not Incident.objects.exists()


def test_customers_of_other_services_are_not_alike(service, now):
    reports.take(customer(service, "No invoice"), BEN, at=now)
    reports.take(customer(service, "No invoice again"), BEN, at=now)
    reports.take(customer(make_service(), "Slow"), BEN, at=now)

    assert not Incident.objects.exists()


def test_customer_joins_the_one_live_incident_of_the_service(service, now):
    incident = make_incident(services=[service])

    report = reports.take(customer(service, "No invoice"), BEN, at=now)

    assert report.incident == incident
    entry = TimelineEntry.objects.get(incident=incident, kind="report_attached")
    assert entry.data["reporter"] == "Ben"


def test_customer_joins_no_private_incident(service, now):
    make_incident(services=[service], is_private=True)

    assert reports.take(customer(service, "No invoice"), BEN, at=now).incident is None


def test_same_words_within_minutes_are_one_report(service, now):
    said = Said("Invoices fail", service=service)

    first = reports.take(said, BEN, at=now)
    again = reports.take(said, BEN, at=now + timedelta(seconds=2))

    assert first == again
    assert Incident.objects.count() == 1


def test_report_without_a_service_reaches_the_fallback(now):
    make_severity()

    report = reports.take(Said("Something smells"), BEN, at=now)

    assert report.incident.escalations.running().get().policy is None


def test_report_without_a_title_is_refused(now):
    with pytest.raises(DomainError) as refusal:
        reports.take(Said("  "), BEN, at=now)

    assert "title" in refusal.value.fields
    assert not Report.objects.exists()


def test_chosen_incident_is_joined_and_pages_nobody_anew(service, now):
    incident = make_incident(services=[service])

    report = reports.take(Said("Same here", service=service), BEN, at=now, incident=incident)

    assert report.incident == incident
    assert not Page.objects.exists()
    assert not incident.escalations.exists()


def test_ended_incident_is_not_joined(service, now):
    incident = make_incident(phase="closed")

    with pytest.raises(DomainError) as refusal:
        reports.take(Said("Same here"), BEN, at=now, incident=incident)

    assert refusal.value.code == "incident_ended"
    assert not Report.objects.exists()


def test_report_is_decided_once(service, now):
    report = reports.take(customer(service, "No invoice"), BEN, at=now)
    reports.dismiss(report, reason="Their own network", by=TRIAGE, at=now)

    with pytest.raises(DomainError) as refusal:
        reports.attach(report, make_incident(), by=TRIAGE, at=now)

    assert refusal.value.message == f"{report.reference} is decided on. Reload the page."


def test_dismissal_needs_a_reason(service, now):
    report = reports.take(customer(service, "No invoice"), BEN, at=now)

    with pytest.raises(DomainError) as refusal:
        reports.dismiss(report, reason="", by=TRIAGE, at=now)

    assert "reason" in refusal.value.fields


def test_help_desk_is_taken_for_the_integrations_service_if_it_names_none(service, now):
    integration, _ = make_integration(kind="report", service=service)
    body = b'{"title": "No invoice", "service": "nothing-like-it", "customers": "many"}'

    received = adapter.read(Envelope(body)).reports
    (report,) = reports.take_all(integration, received, at=now)

    assert (report.service, report.source, report.customers) == (service, "customer", 0)
    assert report.reporter_name == "Help desk"


def test_what_a_help_desk_posts_is_a_report(service, now):
    integration, _ = make_integration(kind="report", service=service)
    body = b'{"title": "No invoice", "source": "individual", "reporter": "Support"}'
    event = make_event(integration=integration, body=body, received_at=now)

    processing.process_due(at=now)

    event.refresh_from_db()
    assert (event.state, event.outcome) == ("processed", "1 report")
    assert Report.objects.get().incident.title == "No invoice"
