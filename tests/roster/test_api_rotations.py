"""Layers, overrides and shifts of a schedule over the API."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from rest_framework.test import APIClient

from roster.layer_changes import LayerChange, change_layer
from roster.models import Layer, Notice, Override, OverrideShift, Person
from tests.factories.api import client_of, refusal
from tests.factories.roster import make_layer, make_override, make_person, make_schedule

pytestmark = pytest.mark.django_db

# A Wednesday; turns are weeks from Mondays 09:00 UTC, and cy has this one.
NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
MONDAY = "2026-03-09T09:00:00Z"
HOUR = timedelta(hours=1)
SCHEDULE = "/api/v1/schedules/primary"
VIEW = ("roster.view_schedule", "roster.view_layer", "roster.view_override")
EDIT = tuple(
    f"roster.{verb}_{model}"
    for verb in ("add", "change", "delete")
    for model in ("layer", "override")
)


@pytest.fixture(autouse=True)
def frozen() -> Any:  # a generator fixture
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def people() -> list[Person]:
    return [make_person(slug=slug) for slug in ("ana", "bo", "cy")]


@pytest.fixture
def layer(people: list[Person]) -> Layer:
    return make_schedule(*people, slug="primary").layers.get()


@pytest.fixture
def reader(user_with) -> APIClient:
    return client_of(user_with(*VIEW, username="reader"))


@pytest.fixture
def editor(user_with) -> APIClient:
    return client_of(user_with(*VIEW, *EDIT, username="editor"))


def path(layer: Layer) -> str:
    return f"{SCHEDULE}/layers/{layer.lineage}"


def handoffs(client: APIClient, until: str = "2026-04-06T09:00:00Z") -> list[str]:
    answer = client.get(f"{SCHEDULE}/shifts", {"from": "2026-03-04T12:00:00Z", "to": until})
    return [f"{each['person']} {each['start'][5:16]}" for each in answer.json()["shifts"]]


# --- Shifts --------------------------------------------------------------------------------------


def test_shifts_say_why_and_when_nobody_is_on_call(reader, people, layer):
    ana, bo, _ = people
    schedule = layer.schedule
    begins = datetime(2026, 3, 10, 9, tzinfo=UTC)
    override = make_override(
        schedule, bo, kind="replace", replaces=ana, starts_at=begins, ends_at=begins + HOUR
    )
    make_override(
        schedule, ana, kind="remove", starts_at=begins + 2 * HOUR, ends_at=begins + 3 * HOUR
    )

    answer = reader.get(
        f"{SCHEDULE}/shifts", {"from": "2026-03-10T08:00:00Z", "to": "2026-03-10T13:00:00Z"}
    ).json()

    turn = {"layer": "Weekly", "layer_key": str(layer.lineage), "turn": 9}
    assert [(each["person"], each["start"], each["source"]) for each in answer["shifts"]] == [
        ("ana", "2026-03-10T08:00:00Z", turn),
        ("bo", "2026-03-10T09:00:00Z", {"override": str(override.pk)}),
        ("ana", "2026-03-10T10:00:00Z", turn),
        ("ana", "2026-03-10T12:00:00Z", turn),
    ]
    assert answer["gaps"] == [{"start": "2026-03-10T11:00:00Z", "end": "2026-03-10T12:00:00Z"}]


def test_shifts_to_come_of_somebody_inactive_are_gaps(reader, people, layer):
    Person.objects.filter(slug="ana").update(is_active=False)

    answer = reader.get(
        f"{SCHEDULE}/shifts", {"from": "2026-03-02T09:00:00Z", "to": "2026-03-23T09:00:00Z"}
    ).json()

    assert [each["person"] for each in answer["shifts"]] == ["cy", "bo"]
    assert [each["start"] for each in answer["gaps"]] == [MONDAY]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({}, "from"),
        ({"from": MONDAY}, "to"),
        ({"from": "monday", "to": MONDAY}, "from"),
        ({"from": MONDAY, "to": MONDAY}, "to"),
        ({"from": MONDAY, "to": "2028-03-09T09:00:00Z"}, "to"),
    ],
)
def test_shifts_refuse_a_period_that_is_none(query, field, reader, layer):
    assert refusal(reader.get(f"{SCHEDULE}/shifts", query)) == (400, "invalid", [field])


# --- Layers --------------------------------------------------------------------------------------


def test_layers_show_the_order_in_force(reader, people, layer):
    ana, bo, cy = people
    turns = [(1, ana), (2, bo), (2, cy), (3, None)]
    change_layer(layer, LayerChange(participants=turns), takes_effect_at=NOW)

    [shown] = reader.get(f"{SCHEDULE}/layers").json()["results"]

    assert shown["key"] == str(layer.lineage)
    assert shown["participants"] == ["ana", ["bo", "cy"], None]
    assert reader.get(path(layer)).json() == shown


@pytest.mark.parametrize("count", [1, 3])
def test_layers_take_the_same_queries_whatever_their_number(
    count, reader, people, django_assert_num_queries
):
    schedule = make_schedule(slug="primary")
    for _ in range(count):
        make_layer(schedule, *people)

    with django_assert_num_queries(9):
        assert len(reader.get(f"{SCHEDULE}/layers").json()["results"]) == count


def test_changing_a_layer_tells_those_whose_shifts_change(editor, people, layer):
    answer = editor.patch(path(layer), {"participants": ["ana", "cy"]}, format="json")

    assert (answer.status_code, answer.json()["participants"]) == (200, ["ana", "cy"])
    assert handoffs(editor) == ["cy 03-04T12:00", "ana 03-09T09:00", "cy 03-16T09:00",
                                "ana 03-23T09:00", "cy 03-30T09:00"]  # fmt: skip
    told = Notice.objects.order_by("person__slug").values_list("person__slug", flat=True)
    assert list(told) == ["ana", "bo", "cy"]


def test_change_waits_for_the_next_handoff(editor, people, layer):
    body = {"participants": ["bo", "ana"], "takes_effect_at": "next_handoff"}

    editor.patch(path(layer), body, format="json")

    assert editor.get(f"{path(layer)}/planned").json() == [
        {"takes_effect_at": MONDAY, "order": [["Bo"], ["Ana"]]}
    ]
    assert handoffs(editor)[0] == "cy 03-04T12:00"


def test_key_stays_when_the_rotation_changes(editor, layer):
    answer = editor.patch(path(layer), {"unit": "day"}, format="json")

    assert answer.json()["key"] == str(layer.lineage)
    assert answer.json()["effective_from"] == "2026-03-04T12:00:00Z"
    assert Layer.objects.count() == 2
    assert editor.get(path(layer)).json() == answer.json()


def test_same_values_again_change_nothing(editor, layer):
    shown = editor.get(path(layer)).json()
    shown.pop("key")

    answer = editor.patch(path(layer), shown, format="json")

    assert answer.status_code == 200
    assert (Layer.objects.count(), layer.participants.count()) == (1, 3)


def test_planned_change_is_withdrawn(editor, layer):
    body = {"participants": ["bo", "ana"], "takes_effect_at": MONDAY}
    editor.patch(path(layer), body, format="json")

    answer = editor.post(f"{path(layer)}/withdraw", {"takes_effect_at": MONDAY}, format="json")
    again = editor.post(f"{path(layer)}/withdraw", {"takes_effect_at": MONDAY}, format="json")

    assert (answer.status_code, answer.json()["participants"]) == (200, ["ana", "bo", "cy"])
    assert editor.get(f"{path(layer)}/planned").json() == []
    assert refusal(again) == (409, "not_planned", [])


def test_change_over_a_planned_one_must_say_so(editor, layer):
    later = {"participants": ["bo", "ana"], "takes_effect_at": MONDAY}
    editor.patch(path(layer), later, format="json")

    refused = editor.patch(path(layer), {"participants": ["ana"]}, format="json")
    body = {"participants": ["ana"], "replace_planned": True}

    assert refusal(refused) == (409, "changes_planned", [])
    assert editor.patch(path(layer), body, format="json").status_code == 200


def new_layer(**given: object) -> dict[str, object]:
    return {
        "name": "Nights",
        "starts_on": "2026-03-16",
        "handoff_time": "21:00",
        "unit": "day",
        "position": 2,
        "participants": ["ana", ["bo", "cy"], None],
        "windows": [
            {"opens_on": 0, "opens_at": "21:00", "closes_on": 1, "closes_at": "06:00"},
        ],
        **given,
    }


def test_layer_is_added(editor, layer):
    answer = editor.post(f"{SCHEDULE}/layers", new_layer(), format="json")

    assert answer.status_code == 201
    assert answer.json()["participants"] == ["ana", ["bo", "cy"], None]
    assert "ana 03-16T21:00" in handoffs(editor)
    assert Notice.objects.filter(person__slug="ana").count() == 1


WINDOW = {"opens_on": 0, "opens_at": "09:00", "closes_on": 1, "closes_at": "09:00"}


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"participants": []}, "participants"),
        ({"participants": "ana"}, "participants"),
        ({"participants": [["ana", "ana"]]}, "participants"),
        ({"participants": ["zoe"]}, "participants"),
        ({"participants": [7]}, "participants"),
        ({"participants": ["gone"]}, "participants"),
        ({"time_zone": "Mars"}, "time_zone"),
        ({"length": 0}, "length"),
        ({"unit": "year"}, "unit"),
        ({"handoff_time": "09:00:30"}, "handoff_time"),
        (
            {"time_zone": "Europe/London", "starts_on": "2026-03-29", "handoff_time": "01:30"},
            "starts_on",
        ),
        (
            {
                "effective_from": "2026-05-01T09:00:00Z",
                "effective_until": "2026-04-01T09:00:00Z",
            },
            "effective_until",
        ),
        ({"effective_until": "2026-02-01T09:00:00Z"}, "effective_until"),
        ({"windows": [WINDOW, WINDOW | {"opens_at": "10:00"}]}, "windows"),
        ({"windows": [WINDOW | {"opens_on": 7}]}, "windows[0].opens_on"),
        ({"windows": [WINDOW | {"opens": 1}]}, "windows[0].opens"),
        ({"particpants": ["ana"]}, "particpants"),
    ],
)
def test_layer_is_refused_on_the_field_at_fault(wrong, field, editor, layer):
    make_person(slug="gone", is_active=False)

    added = editor.post(f"{SCHEDULE}/layers", new_layer(**wrong), format="json")
    changed = editor.patch(path(layer), wrong, format="json")

    assert refusal(added) == (400, "invalid", [field])
    assert refusal(changed) == (400, "invalid", [field])
    assert (Layer.objects.count(), layer.participants.count()) == (1, 3)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"unit": "day", "takes_effect_at": "2026-03-01T09:00:00Z"}, "takes_effect_at"),
        ({"unit": "day", "takes_effect_at": "soon"}, "takes_effect_at"),
    ],
)
def test_change_in_the_past_is_refused(body, field, editor, layer):
    assert refusal(editor.patch(path(layer), body, format="json")) == (400, "invalid", [field])
    assert Layer.objects.get().unit == "week"


def test_beginning_of_a_layer_that_has_begun_is_refused(editor, layer):
    answer = editor.patch(path(layer), {"effective_from": MONDAY}, format="json")

    assert refusal(answer) == (400, "begun", ["effective_from"])


def test_new_layer_that_would_begin_in_the_past_is_refused(editor, layer):
    body = new_layer(effective_from="2026-02-01T09:00:00Z")

    answer = editor.post(f"{SCHEDULE}/layers", body, format="json")

    assert refusal(answer) == (400, "invalid", ["effective_from"])


def test_layers_are_written_by_whoever_may(reader, layer):
    body = {"takes_effect_at": MONDAY}

    assert refusal(reader.post(f"{SCHEDULE}/layers", new_layer(), format="json"))[0] == 403
    assert refusal(reader.patch(path(layer), {"unit": "day"}, format="json"))[0] == 403
    assert refusal(reader.post(f"{path(layer)}/withdraw", body, format="json"))[0] == 403
    assert Layer.objects.count() == 1


def test_layer_of_another_schedule_is_404(reader, layer):
    make_schedule(slug="other")

    address = f"/api/v1/schedules/other/layers/{layer.lineage}"

    assert refusal(reader.get(address))[0] == 404


# --- Overrides -----------------------------------------------------------------------------------


def listed(**given: object) -> dict[str, object]:
    return {
        "kind": "temporary",
        "starts_at": "2026-03-10T08:00:00Z",
        "ends_at": "2026-03-10T18:00:00Z",
        "shifts": [
            {
                "person": "bo",
                "starts_at": "2026-03-10T08:00:00Z",
                "ends_at": "2026-03-10T12:00:00Z",
            },
            {
                "person": "cy",
                "starts_at": "2026-03-10T13:00:00Z",
                "ends_at": "2026-03-10T18:00:00Z",
            },
        ],
        **given,
    }


def test_override_lists_its_shifts_and_nothing_else_counts(editor, layer):
    answer = editor.post(f"{SCHEDULE}/overrides", listed(), format="json")

    assert answer.status_code == 201
    shown = editor.get(f"{SCHEDULE}/overrides/{answer.json()['key']}").json()
    assert [shift["person"] for shift in shown["shifts"]] == ["bo", "cy"]
    day = editor.get(
        f"{SCHEDULE}/shifts", {"from": "2026-03-10T00:00:00Z", "to": "2026-03-11T00:00:00Z"}
    ).json()
    assert [each["person"] for each in day["shifts"]] == ["ana", "bo", "cy", "ana"]
    assert day["gaps"] == [{"start": "2026-03-10T12:00:00Z", "end": "2026-03-10T13:00:00Z"}]
    assert Notice.objects.count() == 3


OUTSIDE = {"person": "bo", "starts_at": "2026-03-10T07:00:00Z", "ends_at": "2026-03-10T09:00:00Z"}


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"shifts": []}, "shifts"),
        ({"person": "ana"}, "person"),
        ({"shifts": [OUTSIDE]}, "shifts[0].starts_at"),
        ({"shifts": [OUTSIDE | {"starts_at": "2026-03-10T10:00:00Z"}]}, "shifts[0].ends_at"),
        ({"shifts": [OUTSIDE | {"ends_at": "2026-03-11T09:00:00Z",
                                "starts_at": "2026-03-10T09:00:00Z"}]}, "shifts[0].ends_at"),
        ({"shifts": [OUTSIDE | {"who": "bo"}]}, "shifts[0].who"),
        ({"kind": "override", "person": "ana"}, "shifts"),
        ({"starts_at": "2026-03-01T08:00:00Z"}, "starts_at"),
        ({"ends_at": "2026-03-10T07:00:00Z"}, "ends_at"),
        ({"until": "2026-03-10T07:00:00Z"}, "until"),
    ],
)  # fmt: skip
def test_override_is_refused_on_the_field_at_fault(wrong, field, editor, layer):
    answer = editor.post(f"{SCHEDULE}/overrides", listed(**wrong), format="json")

    assert refusal(answer) == (400, "invalid", [field])
    assert (Override.objects.count(), OverrideShift.objects.count()) == (0, 0)


def test_override_to_come_is_changed(editor, people, layer):
    begins = NOW + HOUR
    override = make_override(layer.schedule, people[0], starts_at=begins, ends_at=begins + HOUR)

    answer = editor.patch(
        f"{SCHEDULE}/overrides/{override.pk}", {"person": "bo", "reason": "Ill"}, format="json"
    )

    assert (answer.status_code, answer.json()["person"]) == (200, "bo")
    assert Notice.objects.filter(person__slug="bo").count() == 1


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"person": "bo"}, 400, ["person"]),
        ({"starts_at": "2026-03-04T14:00:00Z"}, 400, ["starts_at"]),
        ({"ends_at": "2026-03-04T11:00:00Z"}, 400, ["ends_at"]),
        ({"ends_at": "2026-03-04T13:00:00Z"}, 200, []),
    ],
)
def test_override_that_has_begun_is_only_cut_short(body, status, field, editor, people, layer):
    override = make_override(
        layer.schedule, people[0], starts_at=NOW - 2 * HOUR, ends_at=NOW + 8 * HOUR
    )

    answer = editor.patch(f"{SCHEDULE}/overrides/{override.pk}", body, format="json")

    assert answer.status_code == status
    if status == 400:
        assert refusal(answer)[2] == field
        override.refresh_from_db()
        assert (override.person, override.ends_at) == (people[0], NOW + 8 * HOUR)


def test_override_that_is_over_stays(editor, people, layer):
    override = make_override(
        layer.schedule, people[0], starts_at=NOW - 2 * HOUR, ends_at=NOW - HOUR
    )
    address = f"{SCHEDULE}/overrides/{override.pk}"

    assert refusal(editor.patch(address, {"reason": "x"}, format="json"))[:2] == (
        409,
        "override_over",
    )
    assert refusal(editor.delete(address))[:2] == (409, "override_over")
    assert Override.objects.get().reason == ""


def test_override_is_taken_back(editor, people, layer):
    override = make_override(
        layer.schedule, people[0], starts_at=NOW + HOUR, ends_at=NOW + 2 * HOUR
    )

    assert editor.delete(f"{SCHEDULE}/overrides/{override.pk}").status_code == 204
    assert Override.objects.count() == 0
    assert Notice.objects.filter(person__slug="ana").count() == 1


@pytest.mark.parametrize("count", [1, 3])
def test_overrides_take_the_same_queries_whatever_their_number(
    count, reader, people, layer, django_assert_num_queries
):
    for number in range(count):
        override = Override.objects.create(
            schedule=layer.schedule,
            kind="temporary",
            starts_at=NOW + number * HOUR,
            ends_at=NOW + (number + 1) * HOUR,
        )
        override.shifts.create(
            person=people[0], starts_at=override.starts_at, ends_at=override.ends_at
        )

    with django_assert_num_queries(9):
        assert len(reader.get(f"{SCHEDULE}/overrides").json()["results"]) == count


def test_overrides_are_written_by_whoever_may(reader, people, layer):
    override = make_override(
        layer.schedule, people[0], starts_at=NOW + HOUR, ends_at=NOW + 2 * HOUR
    )
    address = f"{SCHEDULE}/overrides/{override.pk}"

    assert refusal(reader.patch(address, {"reason": "x"}, format="json"))[0] == 403
    assert refusal(reader.delete(address))[0] == 403
    assert Override.objects.count() == 1


@pytest.mark.parametrize("what", ["people", "teams"])
def test_unknown_fields_are_refused_by_name(what, user_with):
    rights = [f"roster.{verb}_{model}" for verb in ("add", "change", "view")
              for model in ("person", "team")]  # fmt: skip
    client = client_of(user_with(*rights))

    answer = client.post(f"/api/v1/{what}", {"slug": "x", "nam": "X"}, format="json")

    status, code, fields = refusal(answer)
    assert (status, code) == (400, "invalid")
    assert "nam" in fields
    assert "Did you mean “name”?" in answer.json()["error"]["fields"]["nam"][0]


def test_first_handoff_to_come_is_edited_in_place(editor, people):
    schedule = make_schedule(slug="primary")
    layer = make_layer(schedule, *people, starts_on=date(2026, 4, 6))

    editor.patch(path(layer), {"unit": "day"}, format="json")

    assert [row.unit for row in Layer.objects.all()] == ["day"]


def test_new_daily_layer_in_the_hours_of_some_days_counts_those_days(editor, layer):
    daily = editor.post(f"{SCHEDULE}/layers", new_layer(), format="json")
    said = editor.post(f"{SCHEDULE}/layers", new_layer(turns="elapsed"), format="json")

    assert (daily.json()["turns"], said.json()["turns"]) == ("active_days", "elapsed")
