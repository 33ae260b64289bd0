from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from postmortems.models import ActionItem
from tests.factories.api import client_of, refusal
from tests.factories.incidents import make_incident
from tests.factories.postmortems import make_action_item, make_invitation, make_postmortem
from tests.factories.roster import make_person

pytestmark = pytest.mark.django_db

VIEWS = ["postmortems.view_postmortem", "postmortems.view_actionitem"]


@pytest.fixture
def reader(user_with: Callable[..., User]) -> APIClient:
    return client_of(user_with(*VIEWS, username="reader"))


@pytest.fixture
def editor(user_with: Callable[..., User]) -> APIClient:
    return client_of(user_with(*VIEWS, "postmortems.change_actionitem", username="editor"))


def references(response) -> list[str]:
    assert sorted(response.json()) == ["next", "previous", "results"]
    return [row["reference"] for row in response.json()["results"]]


@pytest.mark.parametrize("what", ["postmortems", "action-items"])
def test_reading_needs_a_login_and_the_right_to_view(what, user_with):
    assert refusal(APIClient().get(f"/api/v1/{what}")) == (401, "not_authenticated", [])
    assert refusal(client_of(user_with()).get(f"/api/v1/{what}"))[0] == 403


@pytest.mark.parametrize(
    ("what", "fill"),
    [
        ("postmortems", make_postmortem),
        ("action-items", lambda: make_action_item(owner=make_person())),
    ],
)
@pytest.mark.parametrize("rows", [1, 3])
def test_list_takes_the_same_queries_whatever_its_length(
    rows: int,
    what: str,
    fill: Callable[[], object],
    reader: APIClient,
    django_assert_num_queries: DjangoAssertNumQueries,
):
    for _ in range(rows):
        fill()

    with django_assert_num_queries(4):
        assert len(references(reader.get(f"/api/v1/{what}"))) == rows


@pytest.mark.parametrize("rows", [1, 3])
def test_postmortem_takes_the_same_queries_whatever_its_length(
    rows: int, reader: APIClient, django_assert_num_queries: DjangoAssertNumQueries
):
    postmortem = make_postmortem()
    for _ in range(rows):
        make_invitation(postmortem)

    with django_assert_num_queries(7):
        shown = reader.get(f"/api/v1/postmortems/{postmortem.reference}").json()

    assert [section["body"] for section in shown["sections"]] == ["It broke."]
    assert len(shown["invitations"]) == rows


def test_what_belongs_to_private_incidents_is_nowhere(editor):
    secret = make_incident(is_private=True)
    postmortem, item = make_postmortem(secret), make_action_item(secret)

    assert references(editor.get("/api/v1/postmortems")) == []
    assert references(editor.get("/api/v1/action-items")) == []
    assert refusal(editor.get(f"/api/v1/postmortems/{postmortem.reference}"))[0] == 404
    assert refusal(editor.get(f"/api/v1/action-items/{item.reference}"))[0] == 404
    assert refusal(editor.patch(f"/api/v1/action-items/{item.reference}", {}))[0] == 404


@pytest.mark.parametrize(
    "path", ["postmortems/PM-1", "postmortems/AI-1", "action-items/AI-99999999999999999999"]
)
def test_reference_of_nothing_is_404(path, reader):
    assert refusal(reader.get(f"/api/v1/{path}")) == (404, "not_found", [])


def test_postmortems_are_narrowed(reader):
    ana = make_person(slug="ana")
    published = make_postmortem(owner=ana, state="published")
    make_postmortem(owner=ana)
    make_postmortem(state="published")

    answer = reader.get("/api/v1/postmortems?owner=ana&state=published")

    assert references(answer) == [published.reference]


def test_action_items_are_narrowed(reader):
    day = timezone.localdate()
    late = make_action_item(owner=make_person(slug="ana"), due_on=day - timedelta(days=1))
    today = make_action_item(due_on=day)
    done = make_action_item(due_on=day - timedelta(days=1), state="done")

    def found(query: str) -> list[str]:
        return references(reader.get(f"/api/v1/action-items?{query}"))

    assert found("overdue=true") == [late.reference]
    assert found("overdue=false") == [done.reference, today.reference]
    assert found("owner=ana&state=open") == [late.reference]


@pytest.mark.parametrize(
    ("what", "query", "field"),
    [
        ("postmortems", "state=lost", "state"),
        ("postmortems", "owner=nobody", "owner"),
        ("action-items", "state=lost", "state"),
        ("action-items", "owner=nobody", "owner"),
        ("action-items", "overdue=perhaps", "overdue"),
    ],
)
def test_list_refuses_nonsense_by_name(what, query, field, reader):
    assert refusal(reader.get(f"/api/v1/{what}?{query}")) == (400, "invalid", [field])


def test_action_item_is_changed(editor):
    make_person(slug="ana")
    item = make_action_item()

    response = editor.patch(
        f"/api/v1/action-items/{item.reference}", {"owner": "ana", "due_on": "2026-04-01"}
    )

    item.refresh_from_db()
    assert (response.status_code, item.owner.slug) == (200, "ana")
    assert item.due_on.isoformat() == "2026-04-01"


def test_action_item_is_changed_by_whoever_may(reader):
    item = make_action_item(title="Before")

    answer = reader.patch(f"/api/v1/action-items/{item.reference}", {"title": "After"})

    assert refusal(answer) == (403, "permission_denied", [])
    assert ActionItem.objects.get().title == "Before"


@pytest.mark.parametrize("change", [{"state": "done"}, {"ended_at": "2026-01-01T00:00Z"}])
def test_action_item_is_not_finished_by_changing_it(change, editor):
    item = make_action_item()

    editor.patch(f"/api/v1/action-items/{item.reference}", change)

    item.refresh_from_db()
    assert (item.state, item.ended_at) == (ActionItem.State.OPEN, None)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [({"owner": "nobody"}, "owner"), ({"due_on": "soon"}, "due_on"), ({"title": ""}, "title")],
)
def test_action_item_is_checked(wrong, field, editor):
    item = make_action_item()

    answer = editor.patch(f"/api/v1/action-items/{item.reference}", wrong)

    assert refusal(answer) == (400, "invalid", [field])


@pytest.mark.parametrize("what", ["postmortems", "action-items"])
def test_nothing_is_added_or_deleted_here(what, user_with):
    administrator = user_with()
    administrator.is_superuser = True
    administrator.save()

    assert refusal(client_of(administrator).post(f"/api/v1/{what}", {}))[0] == 405
