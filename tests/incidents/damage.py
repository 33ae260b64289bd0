"""Damage to real payloads, and what must hold of whatever an adapter makes of it."""

import json
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from incidents.intake import Adapter, Envelope, IntakeError, Notification

FIXTURES = Path(__file__).parent.parent / "fixtures"

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["\x00", "\ud800", "1e999", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"]),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children),
    max_leaves=8,
)


def bodies_of(folder: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted((FIXTURES / folder).iterdir())]


def _places(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value inside a JSON document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    found = []
    for step, child in inner:
        found.append((*here, step))
        if isinstance(child, dict | list):
            found += _places(child, (*here, step))
    return found


@st.composite
def damaged_json(draw: Any, bodies: list[bytes]) -> bytes:
    """A real body in which one to three values are something else, or gone."""
    document = json.loads(draw(st.sampled_from(bodies)))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(_places(document) or [()]))
        parent = document
        for step in path[:-1]:
            parent = parent[step]
        if path and draw(st.booleans()):
            parent[path[-1]] = draw(JSON_VALUES)
        elif path:
            del parent[path[-1]]
    return json.dumps(document).encode()


@st.composite
def damaged_bytes(draw: Any, bodies: list[bytes]) -> bytes:
    """A real body with a few bytes overwritten, and perhaps its end cut off."""
    body = bytearray(draw(st.sampled_from(bodies)))
    for _ in range(draw(st.integers(1, 3))):
        position = draw(st.integers(0, max(len(body) - 1, 0)))
        damage = draw(st.binary(min_size=1, max_size=6))
        body[position : position + len(damage)] = damage
    return bytes(body[: draw(st.integers(0, len(body)))] if draw(st.booleans()) else body)


def read_or_refused(adapter: Adapter, envelope: Envelope) -> Notification | None:
    """Check and read it; None if it was refused in one of the two. Anything else is a mistake."""
    try:
        adapter.check(envelope)
        notification = adapter.read(envelope)
    except IntakeError:
        return None
    adapter.accepted(envelope, adapter.check(envelope))
    assert_storable(notification)
    return notification


def assert_storable(notification: Notification) -> None:
    """Within the columns' lengths, with keys, and free of what databases refuse."""
    for alert in notification.alerts:
        assert alert.dedup_key
        assert len(alert.dedup_key) <= 300
        assert len(alert.title) <= 300
        assert len(alert.severity_label) <= 100
        _assert_texts([alert.title, alert.description, alert.group, alert.text, alert.actor])
        _assert_texts([*alert.labels.values(), *alert.labels, *alert.annotations.values()])
        _assert_texts([link.url for link in alert.links])
    for change in notification.changes:
        assert change.key
        _assert_texts([change.key, change.title, change.kind, change.state, change.environment])
        _assert_texts([change.source, change.actor, *change.labels.values(), *change.labels])
    for note in notification.notes:
        assert note.dedup_key
        _assert_texts([note.dedup_key, note.text, note.actor])
    _assert_texts([notification.remark, *notification.problems])


def _assert_texts(texts: list[str]) -> None:
    for text in texts:
        assert "\x00" not in text
        assert len(text) <= 8_000
        text.encode()
