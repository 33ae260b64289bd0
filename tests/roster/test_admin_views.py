from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from django.contrib.auth.models import User
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from roster.models import Schedule
from tests.factories.roster import make_override, make_person, make_schedule, make_team
from tests.factories.swaps import make_swap, make_time_off

pytestmark = pytest.mark.django_db

ON_CALL = "admin:roster_oncall"


@pytest.fixture(autouse=True)
def frozen(now: datetime) -> Iterator[None]:
    with time_machine.travel(now, tick=False):
        yield


@pytest.fixture
def viewer(client: Client, user_with: Callable[..., User]) -> Client:
    client.force_login(user_with("roster.view_schedule"))
    return client


@pytest.fixture
def editor(client: Client, user_with: Callable[..., User]) -> Client:
    client.force_login(user_with("roster.view_schedule", "roster.add_override"))
    return client


def calendar_of(schedule: Schedule, page: str = "") -> str:
    return reverse(f"admin:roster_schedule_calendar{page}", args=[schedule.pk])


def final(answer: HttpResponse) -> list[tuple[str, str]]:
    return [(span["title"], span["tone"]) for span in answer.json()["spans"] if span["isFinal"]]


# --- One schedule --------------------------------------------------------------------------------


def test_calendar_shows_two_weeks_from_this_monday(viewer: Client) -> None:
    schedule = make_schedule(make_person(name="Ana"), make_person(name="Bo"))

    response = viewer.get(calendar_of(schedule))

    assert response.context["period"].first == date(2026, 3, 2)
    assert "2 Mar to 15 Mar 2026" in response.text
    assert "Times are in your zone, <strong>UTC</strong>" in response.text


def test_calendar_lists_who_is_on_call_without_any_script(viewer: Client) -> None:
    response = viewer.get(calendar_of(make_schedule(make_person(name="Ana"))))

    assert (
        '<td data-label="Who">Ana</td>'
        '<td data-label="When">Mon 2 Mar 09:00 to Mon 9 Mar 09:00</td>'
        '<td data-label="Why">Layer Weekly, turn 9.</td>'
    ) in response.text


def test_calendar_links_to_its_neighbours_without_any_script(viewer: Client) -> None:
    asked = {"view": "month", "from": "2026-06-10"}

    response = viewer.get(calendar_of(make_schedule()), asked)

    assert 'rel="prev" href="?view=month&amp;from=2026-05-01"' in response.text
    assert 'rel="next" href="?view=month&amp;from=2026-07-01"' in response.text


@pytest.mark.parametrize("asked", ["yesterday", "0001-01-01", "9999-12-31"])
def test_calendar_page_ignores_a_day_it_cannot_show(viewer: Client, asked: str) -> None:
    response = viewer.get(calendar_of(make_schedule()), {"from": asked})

    assert response.context["period"].first == date(2026, 3, 2)


def test_calendar_data_tells_overrides_and_gaps(viewer: Client, now: datetime) -> None:
    schedule = make_schedule()
    make_override(schedule, make_person(name="Cy"), starts_at=now, ends_at=now + timedelta(days=1))

    response = viewer.get(calendar_of(schedule, "_data"))

    assert final(response) == [("Nobody", "gap"), ("Cy", "override"), ("Nobody", "gap")]


@pytest.mark.parametrize("asked", [{"from": "yesterday"}, {"from": "9999-12-31"}, {"view": "year"}])
def test_calendar_data_refuses_what_is_no_period(viewer: Client, asked: dict[str, str]) -> None:
    response = viewer.get(calendar_of(make_schedule(), "_data"), asked)

    assert response.status_code == 400
    assert response.json()["error"].endswith(".")


def test_calendar_marks_the_holidays_of_its_people(viewer: Client) -> None:
    schedule = make_schedule(make_person(country="GB"), make_person(country="DE"))
    make_person(country="US")

    response = viewer.get(calendar_of(schedule, "_data"), {"view": "month", "from": "2026-04-01"})

    assert response.json()["holidays"] == {
        "2026-04-03": "DE: Good Friday, GB: Good Friday",
        "2026-04-06": "DE: Easter Monday",
    }


@pytest.mark.parametrize("may_see", [True, False])
def test_time_off_is_shown_to_those_who_may_see_it(
    client: Client, user_with: Callable[..., User], now: datetime, *, may_see: bool
) -> None:
    ana = make_person(name="Ana")
    schedule = make_schedule(ana)
    make_time_off(ana, now, now + timedelta(days=1))
    allowed = ["roster.view_timeoff"] if may_see else []
    client.force_login(user_with("roster.view_schedule", *allowed))

    pages = [client.get(calendar_of(schedule, suffix)).text for suffix in ("", "_data")]

    assert ["Ana is away" in page for page in pages] == [may_see, may_see]


@pytest.mark.parametrize("suffix", ["", "_data"])
def test_calendar_of_no_schedule_is_not_found(viewer: Client, suffix: str) -> None:
    url = reverse(f"admin:roster_schedule_calendar{suffix}", args=[0])

    assert viewer.get(url).status_code == 404


def test_calendar_of_a_schedule_without_layers_says_what_is_next(admin_client: Client) -> None:
    schedule = make_schedule()

    response = admin_client.get(calendar_of(schedule))

    assert f"{reverse('admin:roster_layer_add')}?schedule={schedule.pk}" in response.text


def queries_beyond_the_frame(client: Client, url: str) -> int:
    """What an answer costs beyond the session, and for a page beyond what is around every page."""
    frame = reverse("admin:roster_help") if "data" not in url else reverse("admin:jsi18n")
    client.get(url)
    with CaptureQueriesContext(connection) as around:
        client.get(frame)
    with CaptureQueriesContext(connection) as taken:
        client.get(url)
    return len(taken) - len(around)


def rota(people: int) -> Schedule:
    """With a layer, an override, a swap on offer and time off for every person."""
    crew = [make_person() for _ in range(people)]
    schedule = make_schedule(*crew, team=make_team())
    at = datetime(2026, 3, 10, tzinfo=UTC)
    for person in crew:
        make_override(
            schedule, person, starts_at=at, ends_at=at + timedelta(hours=1), created_by=person
        )
        make_swap(schedule, person)
        make_time_off(person, at, at + timedelta(days=2))
    return schedule


@pytest.mark.parametrize("people", [1, 3])
@pytest.mark.parametrize("suffix", ["", "_data"])
def test_calendar_takes_the_same_queries_however_much_is_on_it(
    admin_client: Client, suffix: str, people: int
) -> None:
    schedule = rota(people)

    taken = queries_beyond_the_frame(admin_client, calendar_of(schedule, suffix))

    assert taken == 11


# --- Permissions ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["schedule_calendar", "schedule_calendar_data", "oncall", "oncall_data"]
)
def test_pages_need_the_right_to_see_schedules(
    client: Client, user_with: Callable[..., User], name: str
) -> None:
    schedule = make_schedule()
    client.force_login(user_with())

    url = reverse(f"admin:roster_{name}", args=[schedule.pk] if "calendar" in name else [])

    assert client.get(url).status_code == 403


def test_help_is_there_for_everybody_who_may_log_in(
    client: Client, user_with: Callable[..., User]
) -> None:
    client.force_login(user_with())

    assert "How the roster works" in client.get(reverse("admin:roster_help")).text


# --- All schedules -------------------------------------------------------------------------------


def test_on_call_page_shows_now_and_next(viewer: Client) -> None:
    make_schedule(make_person(name="Ana"), make_person(name="Bo"), name="Primary")
    make_schedule(name="Retired", is_active=False)

    response = viewer.get(reverse(ON_CALL))

    assert [
        (schedule.name, answer.now[0].person.name, answer.next[0].person.name)
        for schedule, answer in (
            (card["schedule"], card["answer"]) for card in response.context["cards"]
        )
    ] == [("Primary", "Ana", "Bo")]


@pytest.mark.parametrize(
    ("coverage", "gap_from"), [("always", datetime(2026, 3, 2, 10, tzinfo=UTC)), ("none", None)]
)
def test_nobody_on_call_is_alarming_only_where_somebody_must_be(
    viewer: Client, coverage: str, gap_from: datetime | None
) -> None:
    make_schedule(coverage=coverage)

    [card] = viewer.get(reverse(ON_CALL)).context["cards"]

    assert card["gap_from"] == gap_from


def shown(viewer: Client, **asked: str) -> list[str]:
    return [row["title"] for row in viewer.get(reverse(f"{ON_CALL}_data"), asked).json()["rows"]]


def test_on_call_rows_are_the_active_schedules_by_name(viewer: Client) -> None:
    make_schedule(name="Search", team=make_team(name="Web"))
    make_schedule(name="Billing")
    make_schedule(name="Retired", is_active=False)

    assert shown(viewer) == ["Billing", "Search"]


def test_schedules_are_filtered_by_team(viewer: Client) -> None:
    make_schedule(name="Search", team=make_team(slug="web"))
    make_schedule(name="Billing")

    assert shown(viewer, team="web") == ["Search"]
    assert shown(viewer, team="none") == []


@pytest.mark.parametrize("words", ["sear", "web", "ana", "stand"])
def test_schedules_are_found_by_their_name_team_and_people(viewer: Client, words: str) -> None:
    found = make_schedule(make_person(name="Ana"), name="Search", team=make_team(name="Web"))
    starts_at = datetime(2026, 1, 1, tzinfo=UTC)
    make_override(
        found,
        make_person(name="Stand-in"),
        starts_at=starts_at,
        ends_at=starts_at + timedelta(days=1),
    )
    make_schedule(make_person(name="Bo"), name="Billing")

    assert shown(viewer, q=words) == ["Search"]


def test_only_mine_are_those_i_take_part_in(client: Client, user_with: Callable[..., User]) -> None:
    user = user_with("roster.view_schedule")
    client.force_login(user)
    make_schedule(make_person(user=user), make_person(), name="Mine")
    make_schedule(make_person(), name="Theirs")

    assert shown(client, mine="1") == ["Mine"]


def test_only_mine_of_somebody_who_is_no_person_is_nothing(viewer: Client) -> None:
    make_schedule(make_person())

    assert shown(viewer, mine="1") == []


def test_filter_is_kept_by_the_links_of_the_calendar(viewer: Client) -> None:
    make_schedule(make_person(name="Ana"))

    response = viewer.get(reverse(ON_CALL), {"q": "ana"})

    assert 'href="?view=day&amp;from=2026-03-02&amp;q=ana"' in response.text


def test_my_next_shifts_stand_on_top(client: Client, user_with: Callable[..., User]) -> None:
    user = user_with("roster.view_schedule")
    client.force_login(user)
    make_schedule(make_person(user=user), make_person(), name="Mine")

    mine = client.get(reverse(ON_CALL)).context["mine"]

    assert [(span.starts_at.day, span.starts_at.month) for span, _ in mine] == [
        (2, 3), (16, 3), (30, 3), (13, 4), (27, 4),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [({}, "There is no schedule yet."), ({"q": "nothing like it"}, "No schedule fits this.")],
)
def test_on_call_page_without_schedules_says_so(
    viewer: Client, asked: dict[str, str], sentence: str
) -> None:
    assert sentence in viewer.get(reverse(ON_CALL), asked).text


def test_on_call_page_says_that_it_shows_only_some(
    viewer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("roster.admin_views.ROWS_SHOWN", 1)
    make_schedule(name="Billing")
    make_schedule(name="Search")

    response = viewer.get(reverse(ON_CALL))

    assert [card["schedule"].name for card in response.context["cards"]] == ["Billing"]
    assert "Only the first 1 schedules are shown." in response.text


@pytest.mark.parametrize("schedules", [1, 3])
@pytest.mark.parametrize(("suffix", "queries"), [("", 24), ("_data", 13)])
def test_on_call_takes_the_same_queries_however_many_schedules(
    client: Client, user_with: Callable[..., User], suffix: str, queries: int, schedules: int
) -> None:
    user = user_with("roster.view_schedule", "roster.view_timeoff")
    make_person(user=user)
    client.force_login(user)
    for _ in range(schedules):
        rota(2)

    taken = queries_beyond_the_frame(client, reverse(f"{ON_CALL}{suffix}"))

    assert taken == queries


# --- The form for an override --------------------------------------------------------------------


OVERRIDE = "admin:roster_override_enter"


@pytest.mark.parametrize("asked", ["", "0", "nonsense"])
def test_override_form_opens_whatever_is_asked_for(admin_client: Client, asked: str) -> None:
    response = admin_client.get(
        reverse(OVERRIDE), {"schedule": asked, "start": asked, "end": asked, "kind": asked}
    )

    assert response.status_code == 200
    assert "Save override" in response.text


def test_override_form_is_filled_in_from_the_address(editor: Client) -> None:
    schedule, ana = make_schedule(), make_person()

    form = editor.get(
        reverse(OVERRIDE),
        {
            "schedule": schedule.pk,
            "person": ana.pk,
            "kind": "add",
            "start": "2026-03-05T09:00:00+01:00",
            "end": "2026-03-06T09:00",
        },
    ).context["form"]

    assert form.initial == {
        "schedule": str(schedule.pk),
        "person": str(ana.pk),
        "kind": "add",
        "starts_at": datetime(2026, 3, 5, 8, tzinfo=UTC),
        "ends_at": datetime(2026, 3, 6, 9, tzinfo=UTC),
    }


@pytest.mark.parametrize(
    ("asked", "to"),
    [
        (
            "/admin/roster/schedule/7/calendar/?view=day",
            "/admin/roster/schedule/7/calendar/?view=day",
        ),
        ("https://elsewhere.example/", "/admin/roster/schedule/on-call/"),
        ("//elsewhere.example/", "/admin/roster/schedule/on-call/"),
        ("", "/admin/roster/schedule/on-call/"),
    ],
)
def test_override_form_returns_to_a_page_of_ours_only(
    editor: Client, now: datetime, asked: str, to: str
) -> None:
    response = editor.post(
        reverse(OVERRIDE),
        {
            "schedule": make_schedule().pk,
            "kind": "override",
            "person": make_person().pk,
            "starts_at_0": "2026-03-02",
            "starts_at_1": "10:00",
            "ends_at_0": "2026-03-02",
            "ends_at_1": "18:00",
            "next": asked,
        },
    )

    assert response["Location"] == to


def test_override_form_asks_for_one_span_only(editor: Client) -> None:
    kinds = editor.get(reverse(OVERRIDE)).context["form"].fields["kind"].choices

    assert [value for value, _ in kinds] == ["override", "add", "remove", "replace"]


@pytest.mark.parametrize("method", ["get", "post"])
def test_override_form_needs_its_permission(viewer: Client, method: str) -> None:
    assert getattr(viewer, method)(reverse(OVERRIDE)).status_code == 403
