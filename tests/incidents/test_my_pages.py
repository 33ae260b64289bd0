"""What waits for one person, on a phone: in the admin, and behind the link of a message."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client

from incidents import my_pages
from incidents.escalation import run_due, start_escalation
from incidents.models import Acknowledgement, Incident, Page, TimelineEntry
from roster.actors import Actor
from roster.links import make_url
from roster.models import Person
from tests.factories.incidents import (
    make_escalation,
    make_incident,
    make_page,
    make_service,
    make_severity,
)
from tests.factories.roster import make_person, make_policy, make_schedule

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

ADMIN = "/admin/incidents/page/mine/"
MONITORING = Actor.system("monitoring")


@pytest.fixture
def ada(user_with: Callable[..., User]) -> Person:
    return make_person(name="Ada", time_zone="UTC", user=user_with(username="ada"))


@pytest.fixture(params=["admin", "link"])
def address(request: pytest.FixtureRequest, ada: Person, client: Client) -> str:
    """Both ways in, for Ada."""
    if request.param == "admin":
        client.force_login(ada.user)
        return ADMIN
    return make_url("pages.mine", ada.pk, ada).removeprefix("http://127.0.0.1:8000")


def paging(*people: Person, at: datetime, **fields: object) -> Incident:
    """An incident that has paged the first of these people, and would page the others next."""
    service = make_service(name="Checkout", policy=make_policy(*people))
    incident = make_incident(services=[service], detected_at=at, **fields)
    start_escalation(incident, by=MONITORING, at=at)
    run_due(at=at)
    return incident


def shown(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200
    return str(response.content.decode())


def said(client: Client, address: str, **data: object) -> list[str]:
    """What the list says after an answer."""
    response = client.post(address, data)
    assert (response.status_code, response["Location"]) == (303, address)
    return [str(message) for message in client.get(address).context["messages"]]


def story(incident: Incident) -> list[str]:
    return list(TimelineEntry.objects.filter(incident=incident).values_list("kind", flat=True))


# --- Looking -----------------------------------------------------------------------------------


def test_waiting_page_says_what_is_wrong_since_when_and_who_else_knows(
    client: Client, ada: Person, address: str, now: datetime
):
    incident = paging(ada, at=now - timedelta(minutes=10), title="Checkout is slow")
    make_page(incident, ada, created_at=now, pass_number=2)
    make_page(incident, make_person(name="Ben"), created_at=now)

    page = shown(client, address)

    for words in (
        incident.reference,
        "SEV3",
        "Checkout is slow",
        "Since 09:50 UTC; you were paged 2 times, last at 10:00 UTC",
        "Also paged: Ben",
        "I have it",
        "1 page for you",
    ):
        assert words in page


def test_worst_page_comes_first_and_each_incident_once(ada: Person, now: datetime):
    mild = make_incident(severity=make_severity(4))
    bad = make_incident(severity=make_severity(1))
    for incident in (mild, bad, mild):
        make_page(incident, ada, created_at=now, pass_number=Page.objects.count() + 1)

    waiting = my_pages.my_pages(ada, at=now).waiting

    assert [row.incident for row in waiting] == [bad, mild]
    assert [row.times for row in waiting] == [1, 2]


def test_pages_of_others_and_those_answered_or_over_are_not_shown(
    client: Client, ada: Person, address: str, now: datetime
):
    make_page(make_incident(title="Somebody else's"), created_at=now)
    make_page(make_incident(title="Answered"), ada, state="stopped", created_at=now)
    make_page(make_incident(title="Over", phase="dismissed"), ada, created_at=now)

    assert "Nothing waits for you." in shown(client, address)


def test_private_incident_that_paged_somebody_is_shown_to_them(
    client: Client, ada: Person, address: str, now: datetime
):
    make_page(make_incident(title="Stolen keys", is_private=True), ada, created_at=now)

    assert "Stolen keys" in shown(client, address)


def test_title_is_text_and_nothing_else(client: Client, ada: Person, address: str, now: datetime):
    make_page(make_incident(title="<script>alert(1)</script>"), ada, created_at=now)

    assert "<script>alert(1)" not in shown(client, address)


def test_what_one_has_says_until_when(client: Client, ada: Person, address: str, now: datetime):
    by = Actor.of_person(ada)
    severity = make_severity(2, acknowledgement_expires_minutes=30)
    Acknowledgement.stand(make_incident(severity=severity), by=by, at=now)
    Acknowledgement.stand(make_incident(), by=by, at=now, until=now + timedelta(hours=1))

    page = shown(client, address)

    assert "You have 2 incidents" in page
    assert "Pages again at 10:30 UTC without a sign of work" in page
    assert "Snoozed until 11:00 UTC, then it pages again" in page
    assert page.count("Still on it") == 1


def test_with_nothing_to_answer_one_sees_one_s_shifts(client: Client, ada: Person, address: str):
    make_schedule(ada, name="Primary")

    page = shown(client, address)

    assert "Nothing waits for you." in page
    assert "On call now: Primary, until" in page


def test_with_no_shift_either_it_says_so(client: Client, address: str):
    assert "You have no shift ahead." in shown(client, address)


@pytest.mark.parametrize("rows", [1, 3])
def test_list_takes_the_same_queries_for_any_number_of_rows(
    rows: int, ada: Person, now: datetime, django_assert_num_queries: Callable[..., object]
):
    for _ in range(rows):
        incident = make_incident(services=[make_service()])
        make_page(incident, ada, created_at=now)
        make_page(incident, created_at=now)
        held = make_incident(services=[make_service()])
        Acknowledgement.stand(held, by=Actor.of_person(ada), at=now)

    with django_assert_num_queries(4):
        found = my_pages.my_pages(ada, at=now)

    assert (len(found.waiting), len(found.held)) == (rows, rows)


def test_list_looks_again_by_itself_and_questions_do_not(
    client: Client, ada: Person, address: str, now: datetime
):
    incident = paging(ada, at=now)

    assert 'http-equiv="refresh" content="30"' in shown(client, address)
    assert 'http-equiv="refresh"' not in shown(
        client, f"{address}?do=decline&incident={incident.pk}"
    )


@pytest.mark.parametrize("what", ["decline", "escalate", "snooze"])
def test_looking_changes_nothing(
    client: Client, ada: Person, address: str, now: datetime, what: str
):
    incident = paging(ada, at=now)
    before = story(incident)

    shown(client, f"{address}?do={what}&incident={incident.pk}")
    shown(client, address)

    assert story(incident) == before
    assert Page.objects.get().state == "pending"


# --- Answering ---------------------------------------------------------------------------------


def test_acknowledging_is_one_tap_and_a_second_does_nothing(
    client: Client, ada: Person, address: str, now: datetime
):
    incident = paging(ada, at=now)
    tap = {"do": "acknowledge", "incident": incident.pk}

    assert said(client, address, **tap) == [f"You have {incident.reference} now."]
    once = story(incident)
    assert said(client, address, **tap) == [f"You have {incident.reference} now."]

    assert story(incident) == once
    incident.refresh_from_db()
    assert incident.acknowledged_by == ada
    assert "You have 1 incident" in shown(client, address)


def test_declining_passes_on_with_the_reason_and_a_second_tap_is_told_so(
    client: Client, ada: Person, address: str, now: datetime
):
    ben = make_person(name="Ben")
    incident = paging(ada, ben, at=now)
    tap = {"do": "decline", "incident": incident.pk, "reason": "On a plane."}

    assert said(client, address, **tap) == [
        f"Thank you. {incident.reference} is passed on to the next person."
    ]
    assert said(client, address, **tap) == [
        f"You declined this page. {incident.reference} was passed on to the next person."
    ]

    assert TimelineEntry.objects.get(kind="page_declined").text == "On a plane."
    run_due(at=now)
    assert Page.objects.pending().get().person == ben


def test_declining_answers_every_page_of_the_incident(
    client: Client, ada: Person, address: str, now: datetime
):
    incident = make_incident()
    run = make_escalation(incident)
    for pass_number in (1, 2):
        make_page(incident, ada, created_at=now, pass_number=pass_number, escalation=run)

    said(client, address, do="decline", incident=incident.pk)

    assert not Page.objects.pending().exists()


def test_escalating_pages_the_next_level_once_however_often_tapped(
    client: Client, ada: Person, address: str, now: datetime
):
    incident = paging(ada, make_person(name="Ben"), make_person(name="Cem"), at=now)
    tap = {"do": "escalate", "incident": incident.pk, "seen": 0, "reason": "Database."}

    assert said(client, address, **tap) == [f"The next level is paged for {incident.reference}."]
    run_due(at=now)
    assert said(client, address, **tap) == [
        f"{incident.reference} is escalated already: the next level is being paged."
    ]
    run_due(at=now)

    assert list(Page.objects.order_by("pk").values_list("person__name", flat=True)) == [
        "Ada",
        "Ben",
    ]
    assert TimelineEntry.objects.get(kind="escalated").text == "Database."


def test_snoozing_takes_it_until_then(client: Client, ada: Person, address: str, now: datetime):
    incident = paging(ada, at=now)
    until = now + timedelta(hours=1)
    tap = {"do": "snooze", "incident": incident.pk, "until": until.isoformat()}

    for _ in range(2):
        assert said(client, address, **tap) == [
            f"{incident.reference} is yours, and pages again at 11:00."
        ]

    assert Acknowledgement.objects.standing().get().until == until
    assert story(incident).count("incident_snoozed") == 1


def test_still_on_it_is_noted(client: Client, ada: Person, address: str, now: datetime):
    incident = make_incident()
    Acknowledgement.stand(incident, by=Actor.of_person(ada), at=now)

    assert said(client, address, do="confirm", incident=incident.pk) == [
        f"Noted: you are still on {incident.reference}."
    ]


@pytest.mark.parametrize("until", ["", "soon", "2026-03-02T11:00", "2020-01-01T00:00+00:00"])
def test_snooze_until_no_such_moment_is_refused_in_words(
    client: Client, ada: Person, address: str, now: datetime, until: str
):
    incident = paging(ada, at=now)

    [sentence] = said(client, address, do="snooze", incident=incident.pk, until=until)

    assert sentence.endswith(".")
    assert Page.objects.get().state == "pending"


@pytest.mark.parametrize("what", ["acknowledge", "decline", "escalate", "snooze", "confirm"])
def test_incident_of_others_cannot_be_answered(
    client: Client, ada: Person, address: str, now: datetime, what: str
):
    incident = paging(make_person(), at=now)
    before = story(incident)

    assert client.post(address, {"do": what, "incident": incident.pk}).status_code == 404
    assert client.get(f"{address}?do={what}&incident={incident.pk}").status_code == 404
    assert story(incident) == before


@pytest.mark.parametrize("data", [{}, {"do": "dance"}, {"do": "decline", "incident": "x" * 99}])
def test_nonsense_is_not_found(client: Client, address: str, data: dict[str, str]):
    assert client.post(address, data).status_code == 404


def test_what_is_over_meanwhile_is_said(client: Client, ada: Person, address: str, now: datetime):
    incident = paging(ada, at=now)
    incident.dismiss(reason="A test.", by=MONITORING, at=now)

    assert said(client, address, do="acknowledge", incident=incident.pk) == [
        f"{incident.reference} is over. There is nothing to do."
    ]


# --- Ways in -----------------------------------------------------------------------------------


def test_admin_asks_for_a_log_in_and_its_forms_for_their_token(ada: Person, now: datetime):
    client = Client(enforce_csrf_checks=True)
    assert client.get(ADMIN).status_code == 302
    client.force_login(ada.user)
    incident = paging(ada, at=now)

    answer = client.post(ADMIN, {"do": "acknowledge", "incident": incident.pk})

    assert answer.status_code == 403


def test_link_needs_no_log_in_and_tells_no_other_site(client: Client, ada: Person):
    response = client.get(make_url("pages.mine", ada.pk, ada))

    assert response.status_code == 200
    assert response["Referrer-Policy"] == "no-referrer"
    assert "no-store" in response["Cache-Control"]


def test_link_of_somebody_who_left_leads_nowhere(client: Client, ada: Person):
    address = make_url("pages.mine", ada.pk, ada)
    Person.objects.filter(pk=ada.pk).update(is_active=False)

    assert client.get(address).status_code == 404


def test_login_that_is_nobody_on_the_roster_is_told_so(client: Client, admin_user: User):
    client.force_login(admin_user)

    assert "Your login is nobody on the roster." in shown(client, ADMIN)


def test_sidebar_counts_what_waits(client: Client, user_with: Callable[..., User], now: datetime):
    user = user_with("incidents.view_incident", username="ben")
    person = make_person(user=user)
    for _ in range(2):
        make_page(make_incident(), person, created_at=now)
    client.force_login(user)

    groups = client.get("/admin/").context["sidebar_navigation"]

    items = [item for group in groups for item in group["items"]]
    [mine] = [item for item in items if item["title"] == "My pages"]
    assert (mine["link"], str(mine["badge_callback"])) == (ADMIN, "2")


# --- Snooze choices ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hour", "last"), [(22, "until 09:00"), (3, "until 09:00"), (6, "4 hours"), (12, "until 09:00")]
)
def test_morning_is_offered_unless_it_is_near(hour: int, last: str):
    at = datetime(2026, 3, 2, hour, 7, 31, tzinfo=UTC)

    choices = my_pages.snooze_choices(at)

    assert choices[0] == ("15 minutes", datetime(2026, 3, 2, hour, 22, tzinfo=UTC))
    assert choices[-1][0] == last
    assert all(at < moment <= at + timedelta(hours=24) for _, moment in choices)
