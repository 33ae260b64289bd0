"""Pages and API about being away, calendars and feeds: who may, what is shown, what it costs."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from roster.models import CalendarFeed, ImportedCalendar, Override, Person, TimeOff
from tests.factories.api import client_of, refusal
from tests.factories.availability import ics, make_calendar, make_time_off
from tests.factories.roster import make_layer, make_person, make_schedule

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

type UserWith = Callable[..., User]
MINE = "/admin/roster/timeoff/mine/"
FEED = "/admin/roster/calendarfeed/mine/"
EVENT = "UID:a\nDTSTART;VALUE=DATE:20260401\nSUMMARY:Ana"


@pytest.fixture
def ana(user_with: UserWith) -> Person:
    return make_person(name="Ana", slug="ana", user=user_with(username="ana"))


@pytest.fixture
def own(client: Client, ana: Person) -> Client:
    client.force_login(ana.user)
    return client


@pytest.fixture
def editor(user_with: UserWith) -> Client:
    rights = [f"roster.{verb}_{what}" for verb in ("view", "add", "change", "delete")
              for what in ("timeoff", "importedcalendar")]  # fmt: skip
    client = Client()
    client.force_login(user_with(*rights, "roster.view_schedule", username="editor"))
    return client


def texts(response: object) -> list[str]:
    return [str(message) for message in response.context["messages"]]


# --- Time off ------------------------------------------------------------------------------------


def test_days_are_entered_inclusive_and_clashes_are_said_at_once(own, ana):
    Person.objects.filter(pk=ana.pk).update(time_zone="Asia/Tokyo")
    bo = make_person(name="Bo")
    make_schedule(ana, bo, name="Payments", rest_hours=0)

    response = own.post(
        MINE, {"starts_at": "2026-03-17", "ends_at": "2026-03-18", "note": "Hiking"}, follow=True
    )

    row = TimeOff.objects.get()
    assert (row.starts_at, row.ends_at) == (
        datetime(2026, 3, 16, 15, tzinfo=UTC),
        datetime(2026, 3, 18, 15, tzinfo=UTC),
    )
    assert texts(response) == [
        "Time off is entered, and an on-call shift falls into it. Nobody is taken off call by "
        "this: find somebody who takes over."
    ]
    assert "Tue 17 Mar to Wed 18 Mar 2026" in response.text
    assert "Could take it: <strong>Bo</strong>" in response.text
    assert not Override.objects.exists()


def test_part_of_a_day_is_entered_with_times(own):
    own.post(MINE, {"starts_at": "2026-03-17", "ends_at": "2026-03-17", "starts_time": "13:00",
                    "ends_time": "15:30"})  # fmt: skip

    row = TimeOff.objects.get()
    assert (row.starts_at.hour, row.ends_at.hour, row.ends_at.minute) == (13, 15, 30)


@pytest.mark.parametrize(
    ("typed", "named"),
    [
        ({"starts_at": "", "ends_at": "2026-03-17"}, "starts_at"),
        ({"starts_at": "2026-03-18", "ends_at": "2026-03-17"}, "ends_at"),
        ({"starts_at": "2026-01-18", "ends_at": "2026-01-19"}, "ends_at"),
        ({"starts_at": "2026-13-18", "ends_at": "2026-03-17"}, "starts_at"),
        ({"starts_at": "9999-12-31", "ends_at": "9999-12-31"}, "starts_at ends_at"),
    ],
)
def test_what_is_wrong_stands_at_its_field(own, typed, named):
    response = own.post(MINE, typed)

    assert list(response.context["form"].errors) == named.split()
    assert not TimeOff.objects.exists()


def test_people_without_a_person_are_told_what_to_do(client, user_with):
    client.force_login(user_with())

    assert "not linked to a person" in client.get(MINE).text
    assert client.get(FEED).status_code == 200
    assert client.post(FEED).status_code == 403


def test_time_off_of_others_is_for_editors(own, editor):
    bo = make_person(name="Bo")
    row = make_time_off(bo, note="Surgery")
    page = reverse("admin:roster_person_time_off", args=[bo.pk])
    withdraw = reverse("admin:roster_time_off_withdraw", args=[row.pk])
    move = reverse("admin:roster_time_off_move", args=[row.pk])

    assert [own.get(page).status_code, own.post(page, {}).status_code] == [403, 403]
    assert [own.post(withdraw).status_code, own.get(move).status_code] == [403, 403]
    assert TimeOff.objects.exists()
    assert "Surgery" in editor.get(page).text
    assert editor.get(withdraw).status_code == 405
    assert editor.post(withdraw, follow=True).redirect_chain == [(page, 302)]
    assert not TimeOff.objects.exists()


def test_time_off_is_moved_in_a_dialog(own, ana, now):
    row = make_time_off(ana, starts_at=now + timedelta(days=2))
    move = reverse("admin:roster_time_off_move", args=[row.pk])

    shown = own.get(move).context["form"].initial
    response = own.post(move, {"starts_at": "2026-03-20", "ends_at": "2026-03-20"})

    assert (str(shown["starts_at"]), shown["starts_time"]) == ("2026-03-04", "10:00")
    assert response.url == MINE
    row.refresh_from_db()
    assert row.starts_at == datetime(2026, 3, 20, tzinfo=UTC)


def test_the_list_is_for_editors_and_others_go_to_their_own_page(own, editor):
    make_time_off(make_person(name="Bo"), note="Surgery")
    listed = reverse("admin:roster_timeoff_changelist")

    assert own.get(listed).url == MINE
    assert "Surgery" in editor.get(listed).text


@pytest.mark.parametrize("rows", [1, 3])
def test_the_list_costs_a_constant_number_of_queries(editor, django_assert_num_queries, rows):
    for _ in range(rows):
        make_time_off(make_person())

    with django_assert_num_queries(7):
        editor.get(reverse("admin:roster_timeoff_changelist"))


@pytest.mark.parametrize("rows", [1, 3])
def test_one_s_own_page_costs_a_constant_number_of_queries(
    own, ana, now, django_assert_num_queries, rows
):
    for number in range(rows):
        make_time_off(ana, starts_at=now + timedelta(days=3 * number))
        make_calendar(ana, name=f"C{number}")
        make_schedule(make_person())

    with django_assert_num_queries(14):
        own.get(MINE)


# --- Calendars -----------------------------------------------------------------------------------


def test_a_file_becomes_time_off_and_is_taken_back_with_its_calendar(own, ana):
    add = reverse("admin:roster_person_calendar_add", args=[ana.pk])
    file = SimpleUploadedFile("a.ics", ics(EVENT, "UID:b\nDTSTART:never"))

    response = own.post(add, {"name": "HR", "file": file}, follow=True)

    assert texts(response) == ["“HR” is read: 1 event to come. 1 could not be used."]
    assert "Line 11, DTSTART: “never” is not a date or time." in response.text
    calendar = ImportedCalendar.objects.get()
    own.post(reverse("admin:roster_calendar_stop", args=[calendar.pk]))
    assert not TimeOff.objects.exists()


@pytest.mark.parametrize(
    ("typed", "named"),
    [
        ({}, "url"),
        ({"url": "http://127.0.0.1/a.ics"}, "url"),
        ({"url": "http://[::1]/a.ics"}, "url"),
        ({"url": "gopher://example.com"}, "url"),
        ({"file": SimpleUploadedFile("a.ics", b"<html>")}, "file"),
        ({"file": SimpleUploadedFile("a.ics", b"x" * 6 * 1024 * 1024)}, "file"),
    ],
)
def test_what_is_wrong_with_a_calendar_stands_at_its_field(own, ana, typed, named):
    add = reverse("admin:roster_person_calendar_add", args=[ana.pk])

    response = own.post(add, {"name": "HR", **typed})

    assert response.status_code == 422
    assert list(response.context["form"].errors) == [named]
    assert not ImportedCalendar.objects.exists()


def test_a_schedule_s_calendar_is_for_editors(own, editor):
    schedule = make_schedule()
    make_person(name="Bo", slug="bo")
    add = reverse("admin:roster_schedule_calendar_add", args=[schedule.pk])
    file = SimpleUploadedFile("a.ics", ics(EVENT.replace("Ana", "bo"), "UID:b\nDTSTART:20260401"))

    assert own.get(add).status_code == 403
    response = editor.post(add, {"name": "Shifts", "file": file}, follow=True)

    assert Override.objects.get().person.slug == "bo"
    assert "An event without a title on 1 Apr 2026" in response.text
    assert response.redirect_chain[-1][0] == reverse(
        "admin:roster_schedule_calendars", args=[schedule.pk]
    )


def test_calendars_of_others_are_left_alone(own, editor):
    calendar = make_calendar(make_person())
    pages = [
        reverse(f"admin:roster_calendar_{what}", args=[calendar.pk]) for what in ("read", "stop")
    ]

    assert [own.post(page).status_code for page in pages] == [403, 403]
    assert [editor.get(page).status_code for page in pages] == [405, 405]
    assert [editor.post(page).status_code for page in pages] == [302, 302]
    assert not ImportedCalendar.objects.get().is_active


# --- Feeds ---------------------------------------------------------------------------------------


def test_an_address_is_made_by_post_and_shown_once(own, ana):
    assert "Make an address" in own.get(FEED).text
    assert not CalendarFeed.objects.exists()

    response = own.post(FEED)

    address = response.context["address"]
    assert own.get(address[address.index("/calendar/") :]).status_code == 200
    assert address in response.text
    assert "no-store" in response["Cache-Control"]
    assert address not in own.get(FEED).text


def test_an_address_is_closed_by_its_owner_or_an_administrator(own, ana, user_with):
    own.post(FEED)
    feed = CalendarFeed.objects.get()
    close = reverse("admin:roster_feed_close", args=[feed.pk])
    other, administrator = Client(), Client()
    other.force_login(user_with(username="other"))
    administrator.force_login(user_with("roster.change_calendarfeed", username="administrator"))

    assert [other.post(close).status_code, own.get(close).status_code] == [404, 405]
    assert CalendarFeed.objects.usable().exists()
    own.post(close)
    assert not CalendarFeed.objects.usable().exists()

    CalendarFeed.objects.update(revoked_at=None)
    administrator.post(close)
    assert not CalendarFeed.objects.usable().exists()


def test_a_schedule_s_feed_needs_the_right_to_see_schedules(own, client, user_with):
    schedule = make_schedule()
    page = reverse("admin:roster_schedule_calendars", args=[schedule.pk])
    assert own.get(page).status_code == 403

    viewer = make_person(user=user_with("roster.view_schedule", username="viewer"))
    client.force_login(viewer.user)
    response = client.post(page)

    assert CalendarFeed.objects.get().schedule == schedule
    assert "Calendars that put people on call" not in response.text


# --- API -----------------------------------------------------------------------------------------


def test_api_shows_one_s_own_and_editors_everything(ana, user_with):
    make_time_off(ana, note="Mine")
    make_time_off(make_person(), note="Theirs")
    editor = client_of(user_with("roster.view_timeoff", username="reader"))

    own = client_of(ana.user).get("/api/v1/time-off").json()["results"]
    everything = editor.get("/api/v1/time-off").json()["results"]

    assert [row["note"] for row in own] == ["Mine"]
    assert sorted(row["note"] for row in everything) == ["Mine", "Theirs"]


def test_api_enters_time_off_and_names_what_it_clashes_with(ana):
    schedule = make_schedule(slug="payments")
    make_layer(schedule, ana)
    body = {"person": "ana", "starts_at": "2026-03-10T00:00+00:00",
            "ends_at": "2026-03-11T00:00+00:00"}  # fmt: skip

    response = client_of(ana.user).post("/api/v1/time-off", body)

    assert response.status_code == 201
    assert response.json()["conflicts"] == [
        {"schedule": "payments", "starts_at": "2026-03-10T00:00:00Z",
         "ends_at": "2026-03-11T00:00:00Z"}
    ]  # fmt: skip


def test_api_lets_nobody_enter_for_others_without_the_right(ana):
    make_person(slug="bo")
    body = {"person": "bo", "starts_at": "2026-03-10T00:00Z", "ends_at": "2026-03-11T00:00Z"}

    assert refusal(client_of(ana.user).post("/api/v1/time-off", body))[0] == 403
    assert not TimeOff.objects.exists()


def test_api_names_the_field_that_is_refused(ana):
    body = {"person": "ana", "starts_at": "2026-03-10T00:00Z", "ends_at": "2026-03-09T00:00Z"}

    answer = refusal(client_of(ana.user).post("/api/v1/time-off", body))

    assert answer == (400, "time_off_refused", ["ends_at"])


def test_api_moves_and_withdraws(ana, now):
    row = make_time_off(ana, starts_at=now + timedelta(days=1))
    client, address = client_of(ana.user), f"/api/v1/time-off/{row.pk}"

    moved = client.patch(address, {"ends_at": "2026-03-09T00:00Z"})

    assert moved.json()["ends_at"] == "2026-03-09T00:00:00Z"
    assert client.delete(address).status_code == 204
    assert client.get(address).status_code == 404


def test_api_refuses_to_change_what_a_calendar_said(ana):
    row = make_time_off(ana, calendar=make_calendar(ana), calendar_uid="1")

    assert refusal(client_of(ana.user).delete(f"/api/v1/time-off/{row.pk}"))[:2] == (
        409,
        "time_off_of_calendar",
    )


def test_api_seeing_others_is_not_changing_them(ana, user_with):
    row = make_time_off(ana)
    reader = client_of(user_with("roster.view_timeoff", username="reader"))

    assert reader.patch(f"/api/v1/time-off/{row.pk}", {"note": "x"}).status_code == 403
    assert reader.delete(f"/api/v1/time-off/{row.pk}").status_code == 403


def test_api_filters_by_person_and_period(ana, user_with, now):
    make_time_off(ana, starts_at=now)
    make_time_off(ana, starts_at=now + timedelta(days=30), note="later")
    make_time_off(make_person(), starts_at=now + timedelta(days=30))
    reader = client_of(user_with("roster.view_timeoff", username="reader"))

    rows = reader.get("/api/v1/time-off", {"person": "ana", "from": "2026-03-20T00:00Z"}).json()

    assert [row["note"] for row in rows["results"]] == ["later"]


@pytest.mark.parametrize("rows", [1, 3])
def test_api_list_costs_a_constant_number_of_queries(user_with, django_assert_num_queries, rows):
    for _ in range(rows):
        make_time_off(make_person())
    reader = client_of(user_with("roster.view_timeoff", username="reader"))

    with django_assert_num_queries(4):
        reader.get("/api/v1/time-off")
