from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from comms.models import Audience, AudienceKind, Message, Template, Update, UpdateState
from incidents.models import Incident, Phase
from tests.factories.api import client_of, refusal, slugs
from tests.factories.comms import make_audience, make_template, make_update
from tests.factories.incidents import make_incident, make_service, make_severity
from tests.factories.roster import make_person, make_team

pytestmark = pytest.mark.django_db

type UserWith = Callable[..., User]
VIEWS = ["comms.view_audience", "comms.view_template", "comms.view_update"]
RIGHTS = ["comms.send_update", "comms.send_external_update", "comms.approve_update"]


@pytest.fixture
def reader(user_with: UserWith) -> APIClient:
    return client_of(user_with(*VIEWS, username="reader"))


@pytest.fixture
def writer(user_with: UserWith) -> APIClient:
    return client_of(user_with(*VIEWS, *RIGHTS, username="writer"))


@pytest.fixture
def editor(user_with: UserWith) -> APIClient:
    rights = [f"comms.{verb}_{what}" for verb in ("add", "change") for what in TABLES]
    return client_of(user_with(*VIEWS, *rights, username="editor"))


TABLES = ("audience", "template")


def updates_of(incident: Incident) -> str:
    return f"/api/v1/incidents/{incident.reference}/updates"


# --- Lists ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["audiences", "templates", "updates"])
def test_reading_needs_a_login_and_the_right_to_view(what, user_with):
    assert refusal(APIClient().get(f"/api/v1/{what}")) == (401, "not_authenticated", [])
    assert refusal(client_of(user_with()).get(f"/api/v1/{what}"))[0] == 403


def fill_audiences() -> None:
    audience = make_audience(make_person(), make_person(), min_severity=make_severity())
    audience.teams.add(make_team())
    audience.services.add(make_service())


def fill_updates() -> None:
    make_update(make_incident(), audiences=[make_audience(), make_audience()])


@pytest.mark.parametrize(
    ("what", "fill", "queries"),
    [
        ("audiences", fill_audiences, 7),
        ("templates", lambda: make_template(severity=make_severity()), 4),
        ("updates", fill_updates, 5),
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


@pytest.mark.parametrize("rows", [1, 3])
def test_list_of_an_incident_takes_the_same_queries(
    rows: int, reader: APIClient, django_assert_num_queries: DjangoAssertNumQueries
):
    incident = make_incident()
    for _ in range(rows):
        make_update(incident, audiences=[make_audience()])
    make_update(make_incident())

    with django_assert_num_queries(7):
        answer = reader.get(updates_of(incident)).json()

    assert [row["incident"] for row in answer["results"]] == [incident.reference] * rows


def test_updates_are_narrowed(reader):
    external = make_update(make_incident(), kind=AudienceKind.EXTERNAL)
    make_update(make_incident())

    answer = reader.get("/api/v1/updates?kind=external&state=draft").json()

    assert [row["id"] for row in answer["results"]] == [external.pk]


@pytest.mark.parametrize("query", ["kind=private", "state=lost"])
def test_updates_refuse_nonsense_by_name(query, reader):
    assert refusal(reader.get(f"/api/v1/updates?{query}"))[::2] == (400, [query.split("=")[0]])


def test_updates_of_private_incidents_are_nowhere(writer):
    secret = make_incident(is_private=True)
    update = make_update(secret, audiences=[make_audience(make_person())])

    assert writer.get("/api/v1/updates").json()["results"] == []
    assert refusal(writer.get(f"/api/v1/updates/{update.pk}"))[0] == 404
    assert refusal(writer.post(f"/api/v1/updates/{update.pk}/send"))[0] == 404
    assert refusal(writer.post(f"/api/v1/updates/{update.pk}/approve"))[0] == 404
    assert refusal(writer.get(updates_of(secret)))[0] == 404
    assert refusal(writer.post(updates_of(secret), {}))[0] == 404


# --- Audiences and templates ---------------------------------------------------------------------


@pytest.mark.parametrize("what", ["audiences", "templates"])
def test_editing_needs_more_than_the_right_to_view(what, reader):
    assert refusal(reader.post(f"/api/v1/{what}", {})) == (403, "permission_denied", [])


def test_audience_is_entered(editor):
    make_person(slug="ana")
    given = {"slug": "board", "name": "Board", "people": ["ana"], "addresses": "a@example.com"}

    response = editor.post("/api/v1/audiences", given)

    assert response.status_code == 201
    assert Audience.objects.get().people.get().slug == "ana"
    assert slugs(editor.get("/api/v1/audiences")) == ["board"]


@pytest.mark.parametrize(
    ("wrong", "fields"),
    [
        ({"addresses": "a@example.com\nnobody"}, ["addresses"]),
        ({"kind": "external", "told_at_declare": True}, [""]),
        ({"min_severity": "sev99"}, ["min_severity"]),
        ({"people": ["gone"]}, ["people"]),
        ({"kind": "secret"}, ["kind"]),
    ],
)
def test_audience_is_checked_as_in_the_admin(wrong, fields, editor):
    make_person(slug="gone", is_active=False)
    make_audience(slug="old", kind=AudienceKind.INTERNAL)
    given = {"slug": "board", "name": "Board"}

    assert refusal(editor.post("/api/v1/audiences", given | wrong)) == (400, "invalid", fields)
    assert refusal(editor.patch("/api/v1/audiences/old", wrong)) == (400, "invalid", fields)


def test_audience_changed_in_part_is_checked_as_a_whole(editor):
    make_audience(slug="press", kind=AudienceKind.EXTERNAL)

    answer = editor.patch("/api/v1/audiences/press", {"told_at_declare": True})

    assert refusal(answer) == (400, "invalid", [""])
    assert "external audience" in answer.json()["error"]["message"]


@pytest.mark.parametrize("wrong", [{"body": "{% if %}"}, {"subject": "{{ no.such.thing }}"}])
def test_template_is_checked_with_what_it_was(wrong, editor):
    template = make_template(slug="update")

    answer = editor.patch("/api/v1/templates/update", wrong)

    assert refusal(answer) == (400, "invalid", list(wrong))
    assert Template.objects.get() == template


def test_template_is_entered(editor):
    given = {"slug": "plain", "name": "Plain", "purpose": "update", "subject": "S", "body": "B"}

    assert editor.post("/api/v1/templates", given).status_code == 201


# --- Updates -------------------------------------------------------------------------------------


def words(**given: object) -> dict[str, object]:
    return {"subject": "Slow", "body": "We look.", "audiences": ["board"], **given}


def test_update_is_sent_at_once(writer):
    make_audience(make_person(), slug="board")
    incident = make_incident(phase=Phase.DIAGNOSING)

    response = writer.post(updates_of(incident), words())

    assert (response.status_code, response.json()["state"]) == (201, "sent")
    assert Message.objects.filter(update=response.json()["id"]).count() == 1
    assert [entry.via for entry in incident.timeline.filter(kind="update_sent")] == ["api"]


def test_update_repeated_with_its_key_is_sent_once(writer):
    make_audience(make_person(), slug="board")
    incident = make_incident(phase=Phase.DIAGNOSING)

    for _ in range(2):
        writer.post(updates_of(incident), words(), headers={"Idempotency-Key": "k"})

    assert (Update.objects.count(), Message.objects.count()) == (1, 1)


def test_update_is_only_drafted_where_asked(writer):
    make_audience(make_person(), slug="board")

    response = writer.post(updates_of(make_incident()), words(send=False))

    assert (response.status_code, response.json()["state"]) == (201, "draft")
    assert not Message.objects.exists()


@pytest.mark.parametrize(
    ("kind", "right"), [("internal", "send_update"), ("external", "send_external_update")]
)
def test_update_needs_the_right_of_its_kind(kind, right, user_with):
    make_audience(make_person(), slug="board", kind=kind)
    incident = make_incident(phase=Phase.DIAGNOSING)
    draft = make_update(incident, kind=kind, audiences=[Audience.objects.get()], is_last=True)
    others = [code for code in RIGHTS if code != f"comms.{right}"]
    may = client_of(user_with(*VIEWS, f"comms.{right}", username="may"))
    may_not = client_of(user_with(*VIEWS, *others, username="may-not"))
    body = words(kind=kind, is_last=True)

    assert refusal(may_not.post(updates_of(incident), body))[0] == 403
    assert refusal(may_not.post(f"/api/v1/updates/{draft.pk}/send"))[0] == 403
    assert Update.objects.get().state == UpdateState.DRAFT
    assert may.post(updates_of(incident), body).status_code == 201
    assert may.post(f"/api/v1/updates/{draft.pk}/send").json()["state"] == "sent"


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"subject": ""}, "subject"),
        ({"body": " "}, "body"),
        ({"audiences": []}, "audiences"),
        ({"audiences": ["nobody"]}, "audiences"),
        ({"audiences": ["press"]}, "audiences"),
        ({"next_due_at": "2026-01-01T00:00:00Z"}, "next_due_at"),
        ({"next_due_at": "2999-01-01T00:00:00Z", "is_last": True}, "is_last"),
        ({"kind": "external", "audiences": ["press"]}, "next_due_at"),
    ],
)
def test_update_that_is_not_right_is_400_on_its_field(wrong, field, writer):
    make_audience(make_person(), slug="board")
    make_audience(make_person(), slug="press", kind=AudienceKind.EXTERNAL)

    answer = writer.post(updates_of(make_incident(phase=Phase.DIAGNOSING)), words(**wrong))

    assert refusal(answer)[::2] == (400, [field])
    assert not Update.objects.exists()


def test_update_to_a_wary_audience_waits_for_a_second_person(writer, user_with):
    make_audience(make_person(), slug="board", requires_approval=True)
    incident = make_incident(phase=Phase.DIAGNOSING)

    refused = writer.post(updates_of(incident), words())
    draft = Update.objects.get()
    own = writer.post(f"/api/v1/updates/{draft.pk}/approve")
    second = client_of(user_with(*VIEWS, "comms.approve_update", username="second"))
    approved = second.post(f"/api/v1/updates/{draft.pk}/approve")

    assert refusal(refused) == (409, "approval_required", [])
    assert refusal(own) == (409, "own_update", [])
    assert (approved.status_code, approved.json()["state"]) == (200, "approved")
    assert refusal(second.post(f"/api/v1/updates/{draft.pk}/approve"))[1] == "not_a_draft"
    assert writer.post(f"/api/v1/updates/{draft.pk}/send").json()["state"] == "sent"
    assert refusal(writer.post(f"/api/v1/updates/{draft.pk}/send"))[:2] == (409, "update_sent")


def test_approving_needs_the_right(user_with):
    update = make_update(make_incident(), audiences=[make_audience()])
    client = client_of(user_with(*VIEWS, "comms.send_update", "comms.send_external_update"))

    assert refusal(client.post(f"/api/v1/updates/{update.pk}/approve"))[0] == 403


def test_update_with_a_promise_keeps_its_moment(writer):
    make_audience(make_person(), slug="board")
    due_at = timezone.now() + timedelta(hours=1)

    incident = make_incident(phase=Phase.DIAGNOSING)
    writer.post(updates_of(incident), words(next_due_at=due_at.isoformat()))

    assert Update.objects.get().next_update_due_at == due_at
