"""What anybody may send to every door: refused in its format's words, or taken in, and quickly.

Each adapter's own sample is damaged in every way that we could think of. Nothing may come of it but
the statuses below: no 5xx that is not meant, no traceback, nothing that could not be stored, and
nothing that processing could not either read or set aside.
"""

import gzip
import json
import tracemalloc
from datetime import UTC, datetime
from io import BytesIO
from time import process_time
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpResponse
from django.test import RequestFactory
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from incidents import intake_keys
from incidents.ingest_views import BODY_LIMIT, lane_of
from incidents.intake import ADAPTERS, Adapter, Envelope, IntakeError, Notification
from incidents.models import AlertEvent, Integration
from tests.factories.incidents import make_service
from tests.incidents.paging import ADMIN

pytestmark = pytest.mark.django_db

AT = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
KINDS = sorted(ADAPTERS)
MEANT = {200, 201, 202, 204, 400, 401, 403, 404, 405, 409, 413, 415, 422, 429, 503}
ADDRESSES = [(kind, "") for kind in KINDS] + [
    (kind, door.path) for kind in KINDS for door in ADAPTERS[kind].doors
]
few = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def key(request, db) -> str:
    """The key of an integration of the test's kind."""
    intake_keys.forget_all()
    kind = request.getfixturevalue("kind")
    return Integration.issue(
        slug=kind, name=kind, service=make_service(), by=ADMIN, at=AT, kind=kind
    )[1]


def sent(path: str, body: bytes, *, method: str = "POST", **meta: str) -> HttpResponse:
    """Send it as the web server would hand it over: past every middleware."""
    made = RequestFactory().generic(method, "/", body, meta.pop("CONTENT_TYPE", "application/json"))
    # WSGI has paths and headers as bytes in the guise of Latin-1.
    given = {"PATH_INFO": path.encode().decode("latin-1"), "wsgi.input": BytesIO(body)}
    request = WSGIRequest(made.environ | given | meta)
    lane = lane_of(request.path_info)
    assert lane is not None, path
    return lane(request)


def credentials(key: str) -> dict[str, str]:
    """The key in every header in which a client might send it."""
    return {"HTTP_AUTHORIZATION": f"GenieKey {key}", "HTTP_X_ROUTING_KEY": key}


def post(kind: str, door: str, key: str, body: bytes, **meta: str) -> HttpResponse:
    if door:
        return sent(f"/{door}", body, **credentials(key) | meta)
    return sent(f"/ingest/{key}/", body, **meta)


def check(response: HttpResponse, what: str = "") -> None:
    assert response.status_code in MEANT, (what, response.content)
    assert b"Traceback" not in response.content


def read(adapter: Adapter, body: bytes, **fields: Any) -> Notification | IntakeError:
    """What processing makes of it: it reads, or it says why not; whatever else fails the test."""
    sample = adapter.sample(AT)
    envelope = Envelope(body, sample.content_type, call=sample.call, received_at=AT, **fields)
    try:
        return adapter.read(envelope)
    except IntakeError as error:
        return error


def with_key(body: bytes, key: str) -> bytes:
    """The key where a format carries it in its body."""
    try:
        found = json.loads(body)
    except ValueError:
        return body
    if isinstance(found, dict):
        for name in ("routing_key", "service_key"):
            if name in found:
                found[name] = key
    return json.dumps(found).encode()


# --- Samples, whole and damaged ------------------------------------------------------------------

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**40), 10**40), st.floats(),
    st.text(st.characters(), max_size=30),
    st.sampled_from(["\x00", "\ud800", "\udfff\ud800", "9" * 400, "javascript:alert(1)",
                     "0001-01-01T00:00:00Z", "9999-12-31T23:59:59+14:00", "-1e999", "{}", "[]"]),
)  # fmt: skip
documents = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4)
    ),
    max_leaves=8,
)


def places(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON document at which something could be put instead."""
    inner: list[tuple[Any, Any]] = []
    if isinstance(document, dict):
        inner = list(document.items())
    elif isinstance(document, list):
        inner = list(enumerate(document))
    return [path, *(place for name, value in inner for place in places(value, (*path, name)))]


def replaced(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    copy = dict(document) if isinstance(document, dict) else list(document)
    copy[path[0]] = replaced(copy[path[0]], path[1:], value)
    return copy


def body_in(data: st.DataObject, adapter: Adapter) -> bytes:
    """The adapter's sample with something else in its place, or cut, or with other bytes in it."""
    body = adapter.sample(AT).body
    how = data.draw(
        st.sampled_from(["value", "value", "value", "missing", "cut", "bytes", "twice"])
    )
    try:
        document = json.loads(body)
    except ValueError:
        document, how = None, data.draw(st.sampled_from(["cut", "bytes"]))
    if how == "value":
        place = data.draw(st.sampled_from(places(document)))
        return json.dumps(replaced(document, place, data.draw(documents))).encode()
    if how == "missing" and isinstance(document, dict) and document:
        left_out = data.draw(st.sampled_from(sorted(document)))
        return json.dumps({name: document[name] for name in document if name != left_out}).encode()
    if how == "twice":
        return body.replace(b"{", b'{"status": 1, "status": [], "alerts": {}, ', 1)
    if how == "cut":
        return body[: data.draw(st.integers(0, len(body)))]
    at = data.draw(st.integers(0, len(body)))
    return body[:at] + data.draw(st.binary(min_size=1, max_size=8)) + body[at + 1 :]


def send_sample(kind: str, key: str, at: datetime) -> tuple[HttpResponse, bytes]:
    sample = ADAPTERS[kind].sample(at)
    body = with_key(sample.body, key)
    meta = {"CONTENT_TYPE": sample.content_type or "application/json"}
    for name, value in sample.headers.items():
        meta[f"HTTP_{name.upper().replace('-', '_')}"] = value
    return sent(f"/ingest/{key}/{sample.call}", body, method=sample.method, **meta), body


@pytest.mark.parametrize("kind", KINDS)
def test_sample_is_accepted(key, kind):
    response, body = send_sample(kind, key, AT)

    assert response.status_code in {200, 201, 202, 204}, response.content
    assert bytes(AlertEvent.objects.get().body) == body


@pytest.mark.parametrize(("kind", "door"), ADDRESSES)
@few
@given(data=st.data())
def test_damaged_sample_is_refused_or_stored(key, kind, door, data):
    body = with_key(body_in(data, ADAPTERS[kind]), key)

    check(post(kind, door, key, body))


@pytest.mark.parametrize("kind", KINDS)
@few
@given(data=st.data())
def test_damaged_sample_is_read_or_set_aside(kind, data):
    found = read(ADAPTERS[kind], body_in(data, ADAPTERS[kind]))

    if isinstance(found, Notification):
        for alert in found.alerts:
            for text in (alert.title, alert.dedup_key, *alert.labels, *alert.labels.values()):
                assert "\x00" not in text
                text.encode()  # raises for half of a surrogate pair
            assert 0 < len(alert.dedup_key) <= 300


NASTY = {
    "empty": b"",
    "nothing but spaces": b" " * 1000,
    "NUL": b'{"alerts": ["\\u0000"], "status": "\\u0000", "message": "\x00"}',
    "lone surrogates": b'{"alerts": [{"labels": {"a": "\\ud800"}}], "status": "\\udfff"}',
    "not UTF-8": b'{"alerts": ["\xff\xfe\xfa"]}',
    "UTF-16": '{"alerts": []}'.encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf" + b'{"alerts": []}',
    "deep lists": b"[" * 200_000,
    "deep lists, closed": b"[" * 100_000 + b"]" * 100_000,
    "deep objects": b'{"alerts":' * 50_000,
    "deep labels": b'{"alerts":[{"labels":{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}}]}",
    "huge number": b'{"alerts": ' + b"9" * 100_000 + b', "status": 1e400}',
    "huge exponent": b'{"alerts": [1e999999999], "truncatedAlerts": 1e999999999}',
    "NaN": b'{"alerts": [NaN, Infinity, -Infinity]}',
    "duplicate keys": b'{"alerts": [], "alerts": 1, "alerts": {"alerts": []}}',
    "many keys": json.dumps({str(number): number for number in range(30_000)}).encode(),
    "one long text": json.dumps({"alerts": [], "message": "x" * 500_000}).encode(),
    "many alerts": json.dumps({"alerts": [{"status": "firing"}] * 20_000}).encode(),
    "form": b"payload=%7B%22alerts%22%3A%5B%5D%7D&a[]=1&a[]=2",
    "XML with entities": b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
    "over the limit": b"x" * (BODY_LIMIT + 1),
}


@pytest.mark.parametrize(("kind", "door"), ADDRESSES)
def test_nasty_body_is_refused_or_stored(key, kind, door):
    for name, body in NASTY.items():
        check(post(kind, door, key, body), name)


@pytest.mark.parametrize("kind", KINDS)
def test_nasty_body_is_read_or_set_aside_within_bounds(kind):
    tracemalloc.start()
    began = process_time()

    for body in NASTY.values():
        read(ADAPTERS[kind], body)

    seconds, (_, most) = process_time() - began, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Far above what it takes, far below what would hurt: it catches what grows without bounds.
    assert seconds < 60
    assert most < 200 * 1024 * 1024


HEADERS: dict[str, dict[str, str]] = {
    "NUL and line ends": {"HTTP_USER_AGENT": "a\x00b\r\nc", "HTTP_X_REQUEST_ID": "\x00" * 50},
    "not ASCII": {"HTTP_USER_AGENT": "\xff\xfe\xe9", "CONTENT_TYPE": "\xff; charset=\xff"},
    "endless": {"HTTP_USER_AGENT": "x" * 100_000, "HTTP_X_REQUEST_ID": "y" * 100_000},
    "charset nobody knows": {"CONTENT_TYPE": "application/json; charset=klingon"},
    "multipart without a boundary": {"CONTENT_TYPE": "multipart/form-data"},
    "length too great": {"CONTENT_LENGTH": "999999999999"},
    "length of thousands of digits": {"CONTENT_LENGTH": "9" * 5000},
    "negative length": {"CONTENT_LENGTH": "-1"},
    "length that is none": {"CONTENT_LENGTH": "many"},
    "length too small": {"CONTENT_LENGTH": "3"},
    "authorization": {"HTTP_AUTHORIZATION": "Basic \x00\xff"},
    "bearer of nothing": {"HTTP_AUTHORIZATION": "Bearer"},
    "two encodings": {"HTTP_CONTENT_ENCODING": "gzip, deflate"},
    "broken gzip": {"HTTP_CONTENT_ENCODING": "gzip"},
    "clock far ahead": {"HTTP_DATE": "Fri, 31 Dec 9999 23:59:59 GMT"},
    "query without end": {"QUERY_STRING": "a=" + "%00" * 50_000},
    "query not UTF-8": {"QUERY_STRING": "a=%ff%fe&\xff\xfe"},
}


@pytest.mark.parametrize(("kind", "door"), ADDRESSES)
def test_hostile_headers_are_refused_or_stored(key, kind, door):
    body = with_key(ADAPTERS[kind].sample(AT).body, key)

    for name, meta in HEADERS.items():
        check(post(kind, door, key, body, **meta), name)


CALLS = (
    "\x00",
    "../../etc/passwd",
    "%2e%2e/",
    "x" * 10_000,
    "\xff",
    "a//b///",
    "7/close",
    "?",
    "é",
)


@pytest.mark.parametrize(("kind", "door"), ADDRESSES)
def test_hostile_paths_are_refused_or_stored(key, kind, door):
    body = with_key(ADAPTERS[kind].sample(AT).body, key)

    for call in CALLS:
        path = f"/{door}/{call}" if door else f"/ingest/{key}/{call}"
        check(sent(path, body, **credentials(key)), call)


@pytest.mark.parametrize(("kind", "door"), ADDRESSES)
def test_any_method_is_answered(key, kind, door):
    path = f"/{door}" if door else f"/ingest/{key}/"

    for method in ("GET", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "BREW"):
        check(sent(path, b"{}", method=method, **credentials(key)), method)


@pytest.mark.parametrize("guess", ["", "\x00", "x" * 10_000, "é", "' OR 1=1 --", "\ufffd"])
def test_hostile_keys_are_unknown(guess):
    assert sent(f"/ingest/{guess}/", b"{}").status_code == 401


@pytest.mark.parametrize("kind", KINDS)
def test_bomb_is_not_unpacked(key, kind):
    bomb = gzip.compress(b" " * 20 * 1024 * 1024)
    tracemalloc.start()

    response = post(kind, "", key, bomb, HTTP_CONTENT_ENCODING="gzip")

    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert response.status_code == 413
    assert most < 20 * BODY_LIMIT


@pytest.mark.parametrize("kind", KINDS)
def test_moment_of_receipt_is_ours_whatever_the_senders_clock_says(key, kind):
    for year in (1970, 2036, 9999):
        send_sample(kind, key, datetime(year, 1, 2, tzinfo=UTC))

    for event in AlertEvent.objects.all():
        assert abs((event.received_at - datetime.now(UTC)).total_seconds()) < 60
