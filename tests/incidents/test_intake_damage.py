"""Damaged messages of PagerDuty, Opsgenie, Prometheus and jobs: refused in words or storable."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from incidents.intake import ADAPTERS, Envelope, IntakeError, Notification
from incidents.intake.notification import KEY_LENGTH, LABEL_COUNT, TITLE_LENGTH
from tests.incidents.doors import fixture

pytestmark = pytest.mark.slow

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Message:
    kind: str
    call: str
    name: str

    @property
    def body(self) -> bytes:
        return fixture(self.kind, self.name)


MESSAGES = [
    Message("alertmanager", "", "firing.json"),
    Message("pagerduty", "v2/enqueue", "documented.json"),
    Message("pagerduty", "v2/enqueue", "alertmanager_resolve.json"),
    Message("pagerduty", "v2/change/enqueue", "change.json"),
    Message("pagerduty", "generic/2010-04-15/create_event.json", "version_1.json"),
    Message("opsgenie", "v2/alerts", "documented.json"),
    Message("opsgenie", "v1/incidents/create", "incident.json"),
    Message("opsgenie", "v2/alerts/a/close?identifierType=alias", "alertmanager_close.json"),
    Message("opsgenie", "v2/alerts/a/details", "documented.json"),
    Message("opsgenie", "v2/alerts/a/responders", "documented.json"),
    Message("prometheus", "", "firing.json"),
    Message("prometheus", "api/v2/alerts", "resolved.json"),
]

SURROGATE = st.just("\ud800")
NASTY = st.sampled_from(["\x00", "a\x00b", "", " ", "x" * 20_000, 10**400, -1, 1e308, True, None])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | SURROGATE | NASTY,
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children),
    max_leaves=8,
)


def take(message: Message, body: bytes, call: str | None = None) -> Notification | None:
    """What the door and the reading make of it; None if either refuses."""
    adapter = ADAPTERS[message.kind]
    asked = Envelope(body, call=message.call if call is None else call, received_at=NOW)
    try:
        glance = adapter.check(asked)
    except IntakeError as error:
        answer = adapter.refused(error)
        assert 400 <= answer.status < 500
        json.loads(answer.body)
        return None
    assert 200 <= adapter.accepted(asked, glance).status < 300
    for text in glance.assigned.values():
        storable(text)
    kept = Envelope(body, call=asked.call, headers=glance.assigned, received_at=NOW)
    return adapter.read(kept)


def storable(text: str) -> None:
    assert "\x00" not in text
    text.encode()


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, each in value.items():
            yield str(name)
            yield from texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts(each)


def hold(notification: Notification | None) -> None:
    """Everything is bounded, and any database stores it."""
    if notification is None:
        return
    for text in texts(asdict(notification)):
        storable(text)
    for alert in notification.alerts:
        assert 0 < len(alert.dedup_key) <= KEY_LENGTH
        assert len(alert.title) <= TITLE_LENGTH
        assert len(alert.labels) <= LABEL_COUNT
        assert len(alert.annotations) <= LABEL_COUNT + 2
        assert len(json.dumps(asdict(alert), default=str)) < 2_000_000
    for note in notification.notes:
        assert note.dedup_key


def each_message(test: Callable[..., None]) -> Callable[..., None]:
    return pytest.mark.parametrize(
        "message", MESSAGES, ids=lambda message: f"{message.kind}-{message.name}"
    )(test)


@each_message
def test_undamaged_message_is_taken(message):
    assert take(message, message.body) is not None


@each_message
@settings(max_examples=40)
@given(
    position=st.integers(min_value=0, max_value=2000),
    damage=st.binary(min_size=1, max_size=6) | st.just(b"\\ud800") | st.just(b"\\u0000"),
)
@example(position=2, damage=b"\\ud800")
@example(position=3, damage=b"\\ud800")
def test_damaged_bytes_are_refused_or_storable(message, position, damage):
    body = bytearray(message.body)
    position %= len(body)
    body[position : position + len(damage)] = damage

    hold(take(message, bytes(body)))


@each_message
@settings(max_examples=40)
@given(data=st.data())
def test_any_value_in_any_field_is_refused_or_storable(message, data):
    document = json.loads(message.body)
    record = document[0] if isinstance(document, list) else document
    if data.draw(st.booleans()):
        record = next((each for each in record.values() if isinstance(each, dict)), record)
    for name in data.draw(st.lists(st.sampled_from([*record, "unknown"]), min_size=1, max_size=3)):
        record[name] = data.draw(VALUES)

    hold(take(message, json.dumps(document).encode()))


@each_message
@pytest.mark.parametrize("depth", [90, 900, 100_000])
def test_deep_nesting_is_no_crash(message, depth):
    """Of the whole body, and of a field of it."""
    deep = b"[" * depth + b"]" * depth
    document = json.loads(message.body)
    record = document[0] if isinstance(document, list) else document
    inside = next((name for name, each in record.items() if isinstance(each, dict)), "note")
    record[inside] = {"deep": "HERE"}
    body = json.dumps(document).encode().replace(b'"HERE"', deep)

    hold(take(message, deep))
    hold(take(message, body))


@each_message
def test_number_of_thousands_of_digits_is_no_crash(message):
    document = json.loads(message.body)
    record = document[0] if isinstance(document, list) else document
    record["huge"] = record[next(iter(record))] = "HERE"
    body = json.dumps(document).encode().replace(b'"HERE"', b"9" * 10_000)

    hold(take(message, body))


@given(call=st.text(max_size=300), kind=st.sampled_from(["opsgenie", "pagerduty", "prometheus"]))
@example(call="v2/alerts/\ud800/close", kind="opsgenie")
@example(call="v2/heartbeats/\x00/ping", kind="opsgenie")
@example(call="v2/alerts/k-////close", kind="opsgenie")
@example(call="v2/alerts/k-gICA/close", kind="opsgenie")
def test_any_call_is_refused_or_storable(call, kind):
    message = Message(kind, "", "")

    hold(take(message, b'{"message": "x", "note": "x"}', call))


@given(call=st.text(max_size=120), body=st.binary(max_size=50))
def test_any_heartbeat_is_refused_or_storable(call, body):
    adapter = ADAPTERS["heartbeat"]
    asked = Envelope(body, call=call)
    try:
        adapter.check(asked)
    except IntakeError:
        return

    for text in texts(asdict(adapter.read(asked))):
        storable(text)
