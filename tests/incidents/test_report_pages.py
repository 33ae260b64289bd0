"""The report form, the triage queue, and the API of reports."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from incidents import reports
from incidents.models import Incident, Report
from incidents.reports import Reporter, Said
from roster.models import ApiToken
from tests.factories.incidents import (
    make_incident,
    make_integration,
    make_service,
    make_severity,
)
from tests.factories.roster import make_person

pytestmark = pytest.mark.django_db
UserWith = Callable[..., User]
TYPED = {"title": "Invoices fail", "source": "individual"}
STRANGER = TYPED | {"name": "Ben", "email": "ben@example.com"}


@pytest.fixture(autouse=True)
def _severities(db: None) -> None:
    for rank in range(1, 4):
        make_severity(rank)


@pytest.fixture
def address() -> str:
    _, key = make_integration(kind="report")
    return f"/report/{key}/"


def waiting(**fields: Any) -> Report:
    said = Said("No invoice", source="customer", service=make_service(), **fields)
    return reports.take(said, Reporter("Ben"), at=timezone.now())


# --- Form ---------------------------------------------------------------------------------------


def test_anybody_with_the_address_reports_without_logging_in(client: Client, address: str) -> None:
    response = client.post(address, STRANGER, follow=True)

    report = Report.objects.get()
    assert (report.reporter_name, report.reporter_email) == ("Ben", "ben@example.com")
    html = response.content.decode()
    assert f"Your report {report.reference} is with {report.incident.reference}." in html
    assert "no-store" in response["Cache-Control"]


def test_reloading_the_answer_reports_nothing_again(client: Client, address: str) -> None:
    response = client.post(address, STRANGER)

    assert response.status_code == 302
    client.get(response["Location"])
    client.get(response["Location"])
    assert Report.objects.count() == 1


def test_wrong_key_opens_no_form(client: Client) -> None:
    _, key = make_integration(kind="alertmanager")

    assert client.get("/report/guess/").status_code == 404
    assert client.get(f"/report/{key}/").status_code == 404


def test_revoked_address_takes_nothing(client: Client) -> None:
    integration, key = make_integration(kind="report")
    integration.revoke(at=timezone.now())

    assert client.post(f"/report/{key}/", STRANGER).status_code == 404
    assert not Report.objects.exists()


def test_whoever_is_logged_in_reports_under_their_own_name(
    client: Client, user_with: UserWith
) -> None:
    user = user_with()
    person = make_person(slug="ada", user=user)
    client.force_login(user)

    client.post("/report/", TYPED)

    report = Report.objects.get()
    assert (report.reporter, report.reporter_email) == (person, person.email)


def test_form_without_an_address_asks_for_a_login(client: Client) -> None:
    assert client.get("/report/")["Location"].startswith("/admin/login/")


def test_missing_words_are_told_beside_their_field_and_the_rest_is_kept(
    client: Client, address: str
) -> None:
    response = client.post(address, STRANGER | {"title": "", "text": "It says 500"})

    html = response.content.decode()
    assert "This field is required." in html
    assert "It says 500" in html
    assert not Report.objects.exists()


def test_form_asks_once_whether_it_is_what_is_known(client: Client, address: str) -> None:
    service = make_service()
    known = make_incident(title="Billing is down", services=[service])
    typed = STRANGER | {"service": service.pk}

    asked = client.post(address, typed).content.decode()
    assert f"{known.reference}: Billing is down" in asked
    assert not Report.objects.exists()
    client.post(address, typed | {"same_as": known.reference})

    assert Report.objects.get().incident == known
    assert Incident.objects.count() == 1


def test_something_else_than_what_is_known_opens_an_incident(client: Client, address: str) -> None:
    service = make_service()
    make_incident(services=[service])

    client.post(address, STRANGER | {"service": service.pk, "same_as": "none"})

    assert Incident.objects.count() == 2


def test_form_tells_no_stranger_of_private_incidents(client: Client, address: str) -> None:
    service = make_service()
    secret = make_incident(title="Break-in", services=[service], is_private=True)

    typed = STRANGER | {"service": service.pk, "same_as": secret.reference}
    response = client.post(address, typed, follow=True)

    assert "Break-in" not in response.content.decode()
    assert Report.objects.get().incident != secret


def test_status_of_another_report_is_not_guessed(client: Client, address: str) -> None:
    report = waiting()

    assert client.get(f"{address}?sent={report.pk}").status_code == 404


def test_address_that_got_out_is_bounded(client: Client) -> None:
    integration, key = make_integration(kind="report")
    at = timezone.now() - timedelta(minutes=30)
    for number in range(120):
        reports.take(
            Said(f"Spam {number}", source="customer"),
            Reporter("Spam"),
            at=at,
            integration=integration,
        )

    response = client.post(f"/report/{key}/", STRANGER)

    assert "no more are taken here" in response.content.decode()
    assert not Report.objects.filter(title="Invoices fail").exists()


# --- Triage -------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [1, 4])
def test_queue_shows_what_nobody_decided_on_in_constant_queries(
    rows: int, client: Client, admin_user: User, django_assert_num_queries: Any
) -> None:
    for number in range(rows):
        make_incident(title=f"Undecided {number}", services=[make_service()])
        waiting()
    make_incident(title="Decided", phase="diagnosing")
    client.force_login(admin_user)

    with django_assert_num_queries(7):
        html = client.get(reverse("admin:incidents_triage")).content.decode()

    assert "Undecided 0" in html
    assert "No invoice" in html
    assert "Decided<" not in html


def test_queue_leaves_out_private_incidents(client: Client, user_with: UserWith) -> None:
    make_incident(title="Break-in", is_private=True)
    client.force_login(user_with("incidents.view_report", "incidents.view_incident"))

    assert "Break-in" not in client.get(reverse("admin:incidents_triage")).content.decode()


def test_report_becomes_an_incident_with_those_alike(client: Client, admin_user: User) -> None:
    report = waiting()
    said = Said("Also no invoice", source="customer", service=report.service)
    reports.take(said, Reporter("Cleo"), at=timezone.now())
    client.force_login(admin_user)
    url = reverse("admin:incidents_report_decide", args=[report.pk])

    client.get(url)
    assert not Incident.objects.exists()
    client.post(url, {"decision": "open", "with_alike": "on"})

    assert Incident.objects.get().reports.count() == 2


def test_report_is_attached_to_an_incident(client: Client, admin_user: User) -> None:
    report, incident = waiting(), make_incident()
    client.force_login(admin_user)

    url = reverse("admin:incidents_report_decide", args=[report.pk])
    client.post(url, {"decision": "attach", "incident": incident.pk})

    assert incident.reports.get() == report


def test_dismissal_without_a_reason_is_told_on_its_field(client: Client, admin_user: User) -> None:
    report = waiting()
    client.force_login(admin_user)
    url = reverse("admin:incidents_report_decide", args=[report.pk])

    assert "This field is required." in client.post(url, {"decision": "dismiss"}).content.decode()
    client.post(url, {"decision": "dismiss", "reason": "Their own network"})

    report.refresh_from_db()
    assert report.dismiss_reason == "Their own network"


def test_nobody_decides_without_permission(client: Client, user_with: UserWith) -> None:
    report = waiting()
    client.force_login(user_with("incidents.view_report"))

    url = reverse("admin:incidents_report_decide", args=[report.pk])
    assert client.post(url, {"decision": "dismiss", "reason": "No"}).status_code == 403
    assert Report.objects.waiting().exists()


# --- API ----------------------------------------------------------------------------------------


@pytest.fixture
def api(client: Client, user_with: UserWith) -> Callable[..., Any]:
    def call(method: str, path: str, *permissions: str, **body: Any) -> Any:
        user = user_with(*permissions)
        _, token = ApiToken.issue(user=user, name="Script", at=timezone.now())
        return getattr(client, method)(
            f"/api/v1/reports/{path}",
            body or None,
            content_type="application/json",
            headers={"Authorization": f"Bearer {token}"},
        )

    return call


def test_api_takes_a_report(api: Callable[..., Any]) -> None:
    response = api("post", "", "incidents.add_report", title="Invoices fail", reporter="Ben")

    assert response.status_code == 201
    assert response.json()["incident"] == Incident.objects.get().reference


def test_api_tells_what_is_missing(api: Callable[..., Any]) -> None:
    response = api("post", "", "incidents.add_report", text="No title")

    assert response.status_code == 400
    assert "title" in response.json()["error"]["fields"]


def test_api_dismisses_a_report(api: Callable[..., Any]) -> None:
    report = waiting()

    path = f"{report.reference}/dismiss"
    response = api("post", path, "incidents.decide_report", reason="Their own network")

    assert response.status_code == 200
    assert not Report.objects.waiting().exists()


@pytest.mark.parametrize("action", ["dismiss", "attach", "open-incident"])
def test_api_decides_nothing_without_permission(action: str, api: Callable[..., Any]) -> None:
    report = waiting()

    path = f"{report.reference}/{action}"
    assert api("post", path, "incidents.view_report", reason="No").status_code == 403


def test_api_hides_what_belongs_to_a_private_incident(api: Callable[..., Any]) -> None:
    report = waiting()
    reports.attach(
        report, make_incident(is_private=True), by=Reporter("Ada").actor, at=timezone.now()
    )

    assert api("get", report.reference, "incidents.view_report").status_code == 404
