from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from roster.models import EscalationPolicy, Override, Person, Team
from tests.factories.api import client_of, refusal, slugs
from tests.factories.roster import (
    make_contact_method,
    make_layer,
    make_person,
    make_policy,
    make_schedule,
    make_target,
    make_team,
)

pytestmark = pytest.mark.django_db

type UserWith = Callable[..., User]
VIEW_ALL = (
    "roster.view_person",
    "roster.view_team",
    "roster.view_schedule",
    "roster.view_escalationpolicy",
)


@pytest.fixture
def reader(user_with: UserWith) -> APIClient:
    return client_of(user_with(*VIEW_ALL, username="reader"))


@pytest.fixture
def editor(user_with: UserWith) -> APIClient:
    rights = [f"roster.{verb}_{what}" for verb in ("add", "change") for what in ("person", "team")]
    return client_of(user_with(*VIEW_ALL, *rights, "roster.view_contactmethod", username="editor"))


# --- Who may -------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["people", "teams", "schedules", "escalation-policies", "oncall"])
def test_reading_needs_a_login_and_the_right_to_view(what, user_with):
    stranger = client_of(user_with())

    assert refusal(APIClient().get(f"/api/v1/{what}")) == (401, "not_authenticated", [])
    assert refusal(stranger.get(f"/api/v1/{what}")) == (403, "permission_denied", [])


@pytest.mark.parametrize("what", ["people", "teams"])
def test_writing_needs_more_than_the_right_to_view(what, reader):
    person, team = make_person(), make_team()
    row = person if what == "people" else team

    assert refusal(reader.post(f"/api/v1/{what}", {}))[:2] == (403, "permission_denied")
    assert refusal(reader.patch(f"/api/v1/{what}/{row.slug}", {"name": "X"}))[0] == 403
    assert not Person.objects.filter(name="X").exists()
    assert not Team.objects.filter(name="X").exists()


@pytest.mark.parametrize("what", ["schedules", "escalation-policies"])
def test_schedules_and_policies_are_edited_elsewhere(what, reader, user_with):
    administrator = user_with(username="root")
    administrator.is_superuser = True
    administrator.save()

    assert refusal(client_of(administrator).post(f"/api/v1/{what}", {}))[0] == 405
    assert refusal(reader.post(f"/api/v1/{what}", {}))[0] == 403


def test_nothing_is_deleted(editor):
    person = make_person()

    assert refusal(editor.delete(f"/api/v1/people/{person.slug}"))[0] in (403, 405)
    assert Person.objects.filter(pk=person.pk).exists()


# --- Addresses -----------------------------------------------------------------------------------


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("path", ["people", "people/ana", "oncall", "teams"])
def test_address_works_with_and_without_slash(path, slash, reader):
    make_person(slug="ana")

    assert reader.get(f"/api/v1/{path}{slash}").status_code == 200


@pytest.mark.parametrize("path", ["people/nobody", "people/%00", "people/a.b", "nothing", ""])
def test_address_of_nothing_is_404_in_the_error_shape(path, reader):
    prefix = "/api/v1" if path else "/api"

    assert refusal(reader.get(f"{prefix}/{path}")) == (404, "not_found", [])


# --- Lists ---------------------------------------------------------------------------------------


def fill_people() -> None:
    make_person().teams.add(make_team())


def fill_teams() -> None:
    make_team(lead=make_person(), default_policy=make_policy())


def fill_schedules() -> None:
    make_schedule(make_person(), make_person(), team=make_team())


def fill_policies() -> None:
    policy = make_policy(
        make_person(), make_schedule(), make_team(), team=make_team(), fallback_team=make_team()
    )
    make_target(policy.steps.get(position=1), make_person())


@pytest.mark.parametrize(
    ("what", "fill", "queries"),
    [
        ("people", fill_people, 5),
        ("teams", fill_teams, 4),
        ("schedules", fill_schedules, 4),
        ("escalation-policies", fill_policies, 6),
        ("oncall", fill_schedules, 9),
    ],
)
@pytest.mark.parametrize("rows", [1, 3])
def test_list_takes_the_same_queries_whatever_its_length(
    rows: int,
    what: str,
    fill: Callable[[], None],
    queries: int,
    reader: APIClient,
    django_assert_num_queries: DjangoAssertNumQueries,
):
    for _ in range(rows):
        fill()

    with django_assert_num_queries(queries):
        assert reader.get(f"/api/v1/{what}").status_code == 200


def test_list_is_walked_by_cursor_newest_first(reader):
    for slug in ("ana", "bo", "cy"):
        make_person(slug=slug)

    first = reader.get("/api/v1/people?page_size=2")
    second = reader.get(first.json()["next"])
    back = reader.get(second.json()["previous"])

    assert (slugs(first), slugs(second), slugs(back)) == (["cy", "bo"], ["ana"], ["cy", "bo"])
    assert first.json()["previous"] is None
    assert second.json()["next"] is None


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("page_size=many", "page_size"),
        ("page_size=0", "page_size"),
        ("page_size=", "page_size"),
        ("cursor=nonsense", "cursor"),
        ("cursor=cD1hYmM=", "cursor"),  # p=abc
        ("cursor=%F0%9F%98%80", "cursor"),
        ("team=nowhere", "team"),
        ("team=%00", "team"),
        ("active=maybe", "active"),
    ],
)
def test_list_refuses_nonsense_by_name(query, field, reader):
    assert refusal(reader.get(f"/api/v1/people?{query}")) == (400, "invalid", [field])


def test_people_are_narrowed_by_team_and_activity(reader):
    ana, bo, gone = (
        make_person(slug="ana"),
        make_person(slug="bo"),
        make_person(slug="gone", is_active=False),
    )
    make_team(slug="ops", members=[ana, gone])

    assert slugs(reader.get("/api/v1/people?team=ops")) == [gone.slug, ana.slug]
    assert slugs(reader.get("/api/v1/people?team=ops&active=true")) == [ana.slug]
    assert slugs(reader.get("/api/v1/people?active=true")) == [bo.slug, ana.slug]
    assert slugs(reader.get("/api/v1/people?active=false")) == [gone.slug]


def test_teams_are_narrowed_by_kind(reader):
    make_team(slug="law", kind="legal")
    make_team(slug="ops", kind="operations")

    assert slugs(reader.get("/api/v1/teams?kind=legal")) == ["law"]
    assert refusal(reader.get("/api/v1/teams?kind=circus")) == (400, "invalid", ["kind"])


def test_schedules_are_narrowed_by_team_and_activity(reader):
    ops = make_team(slug="ops")
    make_schedule(slug="now", team=ops)
    make_schedule(slug="then", team=ops, is_active=False)
    make_schedule(slug="other")

    assert slugs(reader.get("/api/v1/schedules?team=ops&active=true")) == ["now"]


# --- People and teams ----------------------------------------------------------------------------


def test_person_is_entered(editor):
    make_team(slug="ops")
    given = {"slug": "ana", "name": "Ana", "email": "ana@example.com", "teams": ["ops"]}

    response = editor.post("/api/v1/people", given | {"time_zone": "Europe/Lisbon"})

    assert response.status_code == 201
    assert response.json() == {
        **given,
        "title": "",
        "phone": "",
        "time_zone": "Europe/Lisbon",
        "country": "",
        "work_from": "09:00:00",
        "work_until": "17:00:00",
        "work_days": [0, 1, 2, 3, 4],
        "is_active": True,
    }
    assert Person.objects.get().teams.get().slug == "ops"


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"time_zone": "Europe/Atlantis"}, "time_zone"),
        ({"country": "Portugal"}, "country"),
        ({"country": "pt"}, "country"),
        ({"email": "ana"}, "email"),
        ({"slug": "an a"}, "slug"),
        ({"slug": "taken"}, "slug"),
        ({"name": ""}, "name"),
        ({"work_days": [7]}, "work_days"),
        ({"work_days": "monday"}, "work_days"),
        ({"teams": ["nowhere"]}, "teams"),
        ({"teams": "ops"}, "teams"),
        ({"is_active": "perhaps"}, "is_active"),
    ],
)
def test_person_is_checked_as_in_the_admin(wrong, field, editor):
    taken = make_person(slug="taken", name="Taken")

    answer = editor.post("/api/v1/people", {"slug": "ana", "name": "Ana", **wrong})

    assert refusal(answer) == (400, "invalid", [field])
    assert list(Person.objects.all()) == [taken]


@pytest.mark.parametrize("body", [[], "ana", 1, None])
def test_body_that_is_no_object_is_refused(body, editor):
    assert refusal(editor.post("/api/v1/people", body))[:2] == (400, "invalid")


def test_body_that_is_no_json_is_refused(editor):
    answer = editor.post("/api/v1/people", "{", content_type="application/json")

    assert refusal(answer) == (400, "parse_error", [])


def test_body_of_another_type_is_refused(editor):
    answer = editor.post("/api/v1/people", "slug=ana", content_type="text/plain")

    assert refusal(answer) == (415, "unsupported_media_type", [])


def test_body_that_is_too_large_is_refused(editor, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100

    answer = editor.post("/api/v1/people", {"slug": "ana", "name": "A" * 100})

    assert refusal(answer) == (413, "too_large", [])


def test_person_is_changed_in_part(editor):
    person = make_person(slug="ana", title="Engineer")

    response = editor.patch("/api/v1/people/ana", {"title": "Lead"})

    person.refresh_from_db()
    assert (response.status_code, person.title, person.slug) == (200, "Lead", "ana")


def test_contact_details_are_shown_with_the_right_to_see_them_only(reader, editor):
    make_person(slug="ana", email="ana@example.com", phone="+44 1")

    shown, hidden = (client.get("/api/v1/people/ana").json() for client in (editor, reader))

    assert (shown["email"], shown["phone"]) == ("ana@example.com", "+44 1")
    assert not {"email", "phone"} & hidden.keys()
    assert "ana@example.com" not in reader.get("/api/v1/people").content.decode()


def test_contact_details_of_oneself_are_shown(user_with):
    user = user_with("roster.view_person")
    make_person(slug="ana", user=user, email="ana@example.com")

    assert client_of(user).get("/api/v1/people/ana").json()["email"] == "ana@example.com"


@pytest.mark.parametrize("field", ["email", "phone"])
def test_contact_details_are_not_written_without_the_right_to_see_them(field, user_with):
    client = client_of(user_with("roster.view_person", "roster.add_person", "roster.change_person"))
    person = make_person(slug="ana", email="ana@example.com", phone="+44 1")
    address = {field: "thief@example.com"}

    changed = client.patch("/api/v1/people/ana", address)
    added = client.post("/api/v1/people", {"slug": "bo", "name": "Bo", **address})
    harmless = client.patch("/api/v1/people/ana", {"title": "Lead"})

    person.refresh_from_db()
    assert refusal(changed) == (403, "permission_denied", [])
    assert refusal(added)[0] == 403
    assert (harmless.status_code, "email" in harmless.json()) == (200, False)
    assert (person.email, person.phone, person.title) == ("ana@example.com", "+44 1", "Lead")
    assert Person.objects.count() == 1


def test_contact_methods_are_nowhere_in_the_api(editor):
    make_contact_method(make_person(slug="ana"), address="secret@example.com")

    assert "secret@example.com" not in editor.get("/api/v1/people/ana").content.decode()


def test_team_is_entered_with_lead_and_policy(editor):
    make_person(slug="ana")
    make_policy(slug="ops-policy")
    given = {"slug": "ops", "name": "Ops", "kind": "operations"}

    response = editor.post("/api/v1/teams", given | {"lead": "ana", "default_policy": "ops-policy"})

    assert response.status_code == 201
    assert response.json() == given | {"lead": "ana", "default_policy": "ops-policy"}


@pytest.mark.parametrize(
    ("wrong", "field"),
    [({"lead": "gone"}, "lead"), ({"kind": "circus"}, "kind"), ({"name": "Taken"}, "name")],
)
def test_team_is_checked_as_in_the_admin(wrong, field, editor):
    make_person(slug="gone", is_active=False)
    make_team(slug="taken", name="Taken")

    answer = editor.post("/api/v1/teams", {"slug": "ops", "name": "Ops", **wrong})

    assert refusal(answer) == (400, "invalid", [field])


# --- Schedules and policies ----------------------------------------------------------------------


def test_schedule_shows_its_layers(reader):
    schedule = make_schedule(slug="primary", time_zone="Europe/London")
    make_layer(schedule, make_person(slug="ana"), None, name="Weekly")

    shown = reader.get("/api/v1/schedules/primary").json()

    assert (shown["time_zone"], [layer["name"] for layer in shown["layers"]]) == (
        "Europe/London",
        ["Weekly"],
    )
    assert [turn["person"] for turn in shown["layers"][0]["participants"]] == ["ana", None]


def test_policy_shows_its_steps(reader):
    make_policy(make_person(slug="ana"), make_team(slug="ops"), slug="pages")

    shown = reader.get("/api/v1/escalation-policies/pages").json()

    assert [(step["position"], step["targets"]) for step in shown["steps"]] == [
        (1, [{"kind": "person", "schedule": None, "person": "ana", "team": None}]),
        (2, [{"kind": "team", "schedule": None, "person": None, "team": "ops"}]),
    ]
    assert EscalationPolicy.objects.get().version == shown["version"]


def override(**given: object) -> dict[str, object]:
    begins = timezone.now() + timedelta(hours=1)
    return {
        "kind": "override",
        "person": "ana",
        "starts_at": begins.isoformat(),
        "ends_at": (begins + timedelta(hours=8)).isoformat(),
        **given,
    }


def test_override_is_entered_by_whoever_may(user_with):
    schedule = make_schedule(slug="primary")
    ana = make_person(slug="ana")
    user = user_with("roster.view_schedule", "roster.add_override")
    own = make_person(user=user)

    response = client_of(user).post("/api/v1/schedules/primary/overrides", override())

    entered = Override.objects.get()
    assert response.status_code == 201
    assert (entered.schedule, entered.person, entered.created_by) == (schedule, ana, own)


def test_override_needs_the_right(reader):
    make_schedule(slug="primary")
    make_person(slug="ana")

    answer = reader.post("/api/v1/schedules/primary/overrides", override())

    assert refusal(answer) == (403, "permission_denied", [])
    assert not Override.objects.exists()


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"ends_at": "2026-01-01T00:00:00Z"}, "ends_at"),
        ({"starts_at": "2026-01-01T00:00:00Z"}, "starts_at"),
        ({"kind": "replace"}, "replaces"),
        ({"replaces": "ana"}, "replaces"),
        ({"person": "gone"}, "person"),
        ({"kind": "swap"}, "kind"),
    ],
)
def test_override_is_checked_as_in_the_admin(wrong, field, user_with):
    make_schedule(slug="primary")
    make_person(slug="ana")
    make_person(slug="gone", is_active=False)
    client = client_of(user_with("roster.view_schedule", "roster.add_override"))

    answer = client.post("/api/v1/schedules/primary/overrides", override(**wrong))

    assert refusal(answer) == (400, "invalid", [field])
    assert not Override.objects.exists()


def test_override_of_no_schedule_is_404(user_with):
    client = client_of(user_with("roster.view_schedule", "roster.add_override"))

    assert refusal(client.post("/api/v1/schedules/none/overrides", {}))[0] == 404


def test_preview_is_answered_to_everybody_with_a_login(user_with):
    layer = {
        "name": "weekly",
        "participants": ["ana"],
        "start": "2026-03-23T09:00+00:00",
        "unit": "week",
    }
    query = {"from": "2026-03-23T09:00Z", "to": "2026-03-24T09:00Z"}
    document = {"time_zone": "Europe/London", "layers": [layer], "query": query}
    client = client_of(user_with())

    answer = client.post("/api/v1/schedules/preview", document)
    wrong = client.post("/api/v1/schedules/preview", {**document, "layers": [{**layer, "x": 1}]})

    assert [shift["person"] for shift in answer.json()["shifts"]] == ["ana"]
    assert refusal(wrong) == (400, "invalid", ["layers[0].x"])
    assert refusal(client.post("/api/v1/schedules/preview", [1]))[:2] == (400, "invalid")
    assert refusal(APIClient().post("/api/v1/schedules/preview", document))[0] == 401


# --- Who is on call ------------------------------------------------------------------------------


def test_on_call_names_person_and_shift(reader):
    make_schedule(make_person(slug="ana", name="Ana"), make_person(slug="bo"), slug="primary")

    answer = reader.get("/api/v1/oncall?schedule=primary&at=2026-03-02T10:00:00Z").json()

    [duty] = answer
    assert {name: duty[name] for name in ("schedule", "person", "name", "layer", "override")} == {
        "schedule": "primary",
        "person": "ana",
        "name": "Ana",
        "layer": "Weekly",
        "override": False,
    }
    assert datetime.fromisoformat(duty["start"]) == datetime(2026, 3, 2, 9, tzinfo=UTC)
    assert datetime.fromisoformat(duty["end"]) == datetime(2026, 3, 9, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "person"),
    [
        ("2026-03-09T10:30:00%2B02:00", "ana"),
        ("2026-03-09T10:30:00+02:00", "ana"),  # arrives as a space
        ("2026-03-09T10:30:00+01:00", "bo"),
        ("2026-03-09T09:00:00Z", "bo"),
    ],
)
def test_on_call_reads_offsets_with_and_without_escaped_plus(at, person, reader):
    make_schedule(make_person(slug="ana"), make_person(slug="bo"), slug="primary")

    [duty] = reader.get(f"/api/v1/oncall?at={at}").json()

    assert duty["person"] == person


@pytest.mark.parametrize(
    "at",
    [
        "tomorrow",
        "2026-03-09T10:30:00",
        "2026-03-09",
        "0001-01-01T00:00:00%2B14:00",
        "9999-12-31T23:59:59Z",
        "2026-13-01T00:00:00Z",
    ],
)
def test_on_call_refuses_what_is_no_moment_with_offset(at, reader):
    make_schedule(make_person())

    assert refusal(reader.get(f"/api/v1/oncall?at={at}")) == (400, "invalid", ["at"])


def test_on_call_refuses_an_unknown_or_inactive_schedule(reader):
    make_schedule(slug="old", is_active=False)
    make_schedule(slug="primary")

    for slug in ("old", "nowhere"):
        answer = reader.get(f"/api/v1/oncall?schedule=primary&schedule={slug}")
        assert refusal(answer) == (400, "invalid", ["schedule"])
