"""`/ingest/<key>/`: what is accepted, and how everything else is answered."""

import gzip
import io
import json
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path

import pytest
from django.db import connection
from django.test import RequestFactory

from incidents import ingest_views, intake_keys
from incidents.ingest_views import BODY_LIMIT, ingest
from incidents.intake import Importance
from incidents.models import AlertEvent, Integration
from incidents.repeats import Seen
from tests.factories.roster import make_person, make_policy
from tests.incidents.paging import ADMIN, Paging, alert, webhook

pytestmark = pytest.mark.django_db

BODIES = Path(__file__).parent.parent / "fixtures" / "alertmanager"


@pytest.fixture
def paging(now):
    intake_keys.forget_all()
    return Paging(make_policy(make_person(slug="ada")), at=now)


def post(key: str, body: bytes, **headers: str):
    request = RequestFactory().post(
        f"/ingest/{key}/", body, content_type="application/json", headers=headers
    )
    return ingest(request, key)


def answer(response) -> tuple[int, str, str]:
    """Status, code and sentence; every refusal has the one documented shape."""
    error = json.loads(response.content)["error"]
    assert set(error) == {"code", "message", "fields"}
    assert error["message"].endswith(".")
    return response.status_code, error["code"], error["message"]


@pytest.mark.parametrize("name", ["firing.json", "grouped.json", "resolved.json"])
def test_accepts_what_alertmanager_sends_byte_for_byte(paging, name):
    body = (BODIES / name).read_bytes()

    response = post(paging.key, body, **{"User-Agent": "Alertmanager/0.25"})

    assert (response.status_code, json.loads(response.content)) == (202, {"status": "accepted"})
    event = AlertEvent.objects.get()
    assert bytes(event.body) == body
    assert (event.integration, event.state, event.attempts) == (paging.integration, "received", 0)
    assert event.due_at == event.received_at
    assert event.content_type == "application/json"
    assert event.headers == {"user-agent": "Alertmanager/0.25"}


def test_accepted_event_is_processed(paging):
    post(paging.key, webhook(alert()))

    paging.at = AlertEvent.objects.get().due_at
    paging.tick()

    assert paging.paged() == ["Ada"]


def test_authorization_is_not_stored(paging):
    post(paging.key, webhook(alert()), Authorization="Bearer secret", Cookie="sessionid=secret")

    assert "secret" not in json.dumps(AlertEvent.objects.get().headers)


def test_answers_through_the_whole_application(paging, client):
    address = f"/ingest/{paging.key}/"

    response = client.post(address, webhook(alert()), content_type="application/json")

    assert response.status_code == 202
    assert not response.cookies


def test_known_key_takes_one_query(paging, django_assert_max_num_queries):
    post(paging.key, webhook(alert()))

    # On Postgres it goes past Django, which then counts none.
    with django_assert_max_num_queries(1):
        post(paging.key, webhook(alert()))


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete", "head", "options"])
def test_other_methods_are_refused(paging, method):
    response = ingest(getattr(RequestFactory(), method)("/"), paging.key)

    assert response.status_code == HTTPStatus.METHOD_NOT_ALLOWED
    assert response["Allow"] == "POST"
    assert answer(response)[1] == "method_not_allowed"


def test_unknown_key_is_refused(paging):
    assert answer(post("guess", webhook(alert())))[:2] == (401, "unknown_key")
    assert AlertEvent.objects.count() == 0


def test_revoked_integration_is_refused_within_seconds(paging, monkeypatch):
    post(paging.key, webhook(alert()))
    paging.integration.revoke(at=paging.at)
    monkeypatch.setattr(intake_keys, "monotonic", lambda: 1e12)

    assert answer(post(paging.key, webhook(alert())))[:2] == (403, "integration_revoked")
    assert AlertEvent.objects.count() == 1


def test_replaced_key_stops_working(paging, monkeypatch):
    post(paging.key, webhook(alert()))
    key = paging.integration.rotate_key(by=ADMIN, at=paging.at, overlap=timedelta())
    monkeypatch.setattr(intake_keys, "monotonic", lambda: 1e12)

    assert answer(post(paging.key, webhook(alert())))[:2] == (403, "key_ended")
    assert post(key, webhook(alert())).status_code == 202


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "not_json"),
        (b"<xml/>", "not_json"),
        (b'{"alerts":', "not_json"),
        (b"[]", "wrong_shape"),
        (b'{"status": "firing"}', "wrong_shape"),
        (b'{"alerts": "none"}', "wrong_shape"),
    ],
)
def test_what_is_no_webhook_is_refused(paging, body, code):
    assert answer(post(paging.key, body))[:2] == (400, code)
    assert AlertEvent.objects.count() == 0


def test_unreadable_alert_in_a_webhook_is_accepted_and_set_aside_later(paging):
    assert post(paging.key, webhook({"status": "?"})).status_code == 202

    paging.at = AlertEvent.objects.get().due_at
    paging.tick()

    assert AlertEvent.objects.get().state == "set_aside"


def test_body_of_the_limit_is_accepted(paging):
    body = webhook(alert())

    assert post(paging.key, body.ljust(BODY_LIMIT)).status_code == 202
    assert answer(post(paging.key, body.ljust(BODY_LIMIT + 1)))[:2] == (413, "too_large")


def test_announced_length_is_refused_unread(paging):
    request = RequestFactory().post("/", b"", content_type="application/json")
    request.META["CONTENT_LENGTH"] = str(10**12)

    assert ingest(request, paging.key).status_code == 413


@pytest.mark.parametrize(("size", "status"), [(0, 202), (BODY_LIMIT + 1, 413)])
def test_chunked_body_is_read_up_to_the_limit(paging, size, status):
    body = webhook(alert()).ljust(size)
    request = RequestFactory().post("/", b"", content_type="application/json")
    request.META |= {
        "CONTENT_LENGTH": "",
        "wsgi.input": io.BytesIO(body),
        "wsgi.input_terminated": True,
    }

    assert ingest(request, paging.key).status_code == status


def test_packed_body_is_stored_as_it_was_meant(paging):
    body = webhook(alert())

    response = post(paging.key, gzip.compress(body), **{"Content-Encoding": "gzip"})

    assert response.status_code == 202
    assert bytes(AlertEvent.objects.get().body) == body


def test_packed_body_of_the_limit_is_accepted_and_a_bomb_refused(paging):
    body, packing = webhook(alert()), {"Content-Encoding": "gzip"}

    full, bomb = (gzip.compress(body.ljust(size)) for size in (BODY_LIMIT, 200 * BODY_LIMIT))

    assert post(paging.key, full, **packing).status_code == 202
    assert len(bomb) < BODY_LIMIT
    assert answer(post(paging.key, bomb, **packing))[:2] == (413, "too_large")


@pytest.mark.parametrize(
    ("body", "encoding", "status", "code"),
    [
        (b"plain", "gzip", 400, "not_gzip"),
        (gzip.compress(webhook(alert()))[:-9], "gzip", 400, "incomplete"),
        (b"", "gzip", 400, "incomplete"),
        (webhook(alert()), "br", 415, "unsupported_encoding"),
        (webhook(alert()), "gzip, gzip", 415, "unsupported_encoding"),
    ],
)
def test_body_packed_in_another_way_is_refused(paging, body, encoding, status, code):
    response = post(paging.key, body, **{"Content-Encoding": encoding})

    assert answer(response)[:2] == (status, code)


def test_repeat_is_for_later(paging, monkeypatch):
    monkeypatch.setattr(ingest_views, "_seen", Seen())
    for body in (webhook(alert("a")), webhook(alert("a")), webhook(alert("b"))):
        post(paging.key, body)

    ranks = AlertEvent.objects.order_by("pk").values_list("importance", flat=True)

    assert list(ranks) == [Importance.CRITICAL, Importance.LATER, Importance.CRITICAL]


def test_same_bytes_to_another_integration_are_no_repeat(paging, monkeypatch):
    monkeypatch.setattr(ingest_views, "_seen", Seen())
    other, key = Integration.issue(
        slug="other", name="Other", service=paging.service, by=ADMIN, at=paging.at
    )
    for sent_with in (paging.key, key):
        post(sent_with, webhook(alert()))

    assert AlertEvent.objects.get(integration=other).importance == Importance.CRITICAL


@pytest.mark.django_db(transaction=True)
def test_event_is_committed_before_the_answer(paging):
    post(paging.key, webhook(alert()))

    assert not connection.in_atomic_block
    assert AlertEvent.objects.count() == 1
