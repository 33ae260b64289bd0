"""Alertmanager's webhook as real Alertmanagers send it, and as damage leaves it."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.intake import ADAPTERS, Envelope, IntakeError, alertmanager
from incidents.intake.notification import Link, clean_text, http_link, moment

BODIES = Path(__file__).parent.parent / "fixtures" / "alertmanager"


def body_with(**alert: Any) -> bytes:
    defaults = {"status": "firing", "labels": {"alertname": "Down"}, "fingerprint": "abc"}
    return json.dumps({"alerts": [defaults | alert], "groupKey": "{}:{}"}).encode()


def test_read_firing_maps_every_field():
    (alert,) = alertmanager.read(Envelope((BODIES / "firing.json").read_bytes())).alerts

    assert alert.dedup_key == "813856125023bada"
    assert alert.is_firing
    assert alert.title == "Checkout is failing"
    assert alert.description == "value is 1"
    assert alert.severity_label == "critical"
    assert alert.group == '{}:{alertname="AlwaysFiring", service="checkout"}'
    assert alert.labels["cluster"] == "test-eu-1"
    assert alert.started_at == datetime(2026, 11, 22, 1, 30, 44, 568000, tzinfo=UTC)
    assert alert.ended_at is None
    assert alert.links[0] == Link("Runbook", "https://runbooks.example.com/checkout")
    assert [link.label for link in alert.links] == ["Runbook", "Source", "Alertmanager"]


def test_read_grouped_keeps_one_key_an_alert_and_one_group():
    alerts = alertmanager.read(Envelope((BODIES / "grouped.json").read_bytes())).alerts

    assert [alert.dedup_key for alert in alerts] == [
        "a31a3b70bb8ef659",
        "8f27c0ce77e6ffcf",
        "8da59acb01b9d5c8",
    ]
    assert {alert.group for alert in alerts} == {'{}:{alertname="DiskWillFill", service="storage"}'}


def test_read_resolved_has_its_end():
    (alert,) = alertmanager.read(Envelope((BODIES / "resolved.json").read_bytes())).alerts

    assert not alert.is_firing
    assert alert.ended_at == datetime(2026, 11, 22, 1, 31, 30, 568000, tzinfo=UTC)


def test_read_mixed_group_uses_status_of_each_alert():
    body = json.loads((BODIES / "grouped.json").read_bytes())
    body["alerts"][1]["status"] = "resolved"

    alerts = alertmanager.read(Envelope(json.dumps(body).encode())).alerts

    assert [alert.is_firing for alert in alerts] == [True, False, True]


def test_read_counts_what_alertmanager_left_out():
    body = json.loads((BODIES / "grouped.json").read_bytes()) | {"truncatedAlerts": 7}

    assert alertmanager.read(Envelope(json.dumps(body).encode())).missing == 7


def test_read_names_the_bad_alert_and_keeps_the_others():
    body = json.loads((BODIES / "grouped.json").read_bytes())
    body["alerts"][0] = "not an alert"
    body["alerts"][2]["status"] = "smouldering"

    notification = alertmanager.read(Envelope(json.dumps(body).encode()))

    assert [alert.dedup_key for alert in notification.alerts] == ["8f27c0ce77e6ffcf"]
    assert [problem[:8] for problem in notification.problems] == ["Alert 1:", "Alert 3:"]


def test_read_without_fingerprint_tells_alerts_apart_by_labels():
    first, same, other = (
        alertmanager.read(Envelope(body_with(fingerprint="", labels=labels))).alerts[0].dedup_key
        for labels in ({"a": "1", "b": "2"}, {"b": "2", "a": "1"}, {"a": "1"})
    )

    assert first == same != other


def test_read_without_fingerprint_and_labels_is_a_problem():
    notification = alertmanager.read(Envelope(body_with(fingerprint="", labels={})))

    assert notification.alerts == []
    assert notification.problems == [
        "Alert 1: it has neither a fingerprint nor labels to tell it apart by."
    ]


def test_read_cleans_what_databases_refuse():
    body = body_with(labels={"alertname": "a\x00\ud800b"})
    assert rb"a\u0000\ud800b" in body

    (alert,) = alertmanager.read(Envelope(body)).alerts

    assert alert.title == "a?b"
    assert alert.labels == {"alertname": "a?b"}


def test_read_bounds_long_texts_and_many_labels():
    labels = {"alertname": "x" * 5_000} | {f"label{n}": "y" for n in range(500)}

    (alert,) = alertmanager.read(Envelope(body_with(labels=labels, fingerprint="f" * 5_000))).alerts

    assert len(alert.title) == 300
    assert len(alert.labels) == 100
    assert len(alert.dedup_key) == len("sha256:") + 64


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("0001-01-01T00:00:00Z", None),
        ("0001-01-01T00:00:00+02:00", None),
        ("2026-11-22T01:30:44.568123987Z", datetime(2026, 11, 22, 1, 30, 44, 568123, tzinfo=UTC)),
        ("2026-11-22T03:30:44+02:00", datetime(2026, 11, 22, 1, 30, 44, tzinfo=UTC)),
        ("yesterday", None),
        (None, None),
        (1700000000, None),
    ],
)
def test_moment(written, expected):
    read = moment(written)

    assert read == expected or (read and abs((read - expected).total_seconds()) < 1e-5)


@pytest.mark.parametrize("url", ["javascript:alert(1)", "http://[", "ftp://x", "", None, 7])
def test_http_link_refuses_what_is_not_http(url):
    assert http_link("Source", url) is None


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "not_json"),
        (b"alert!", "not_json"),
        (b'{"alerts": [', "not_json"),
        (b"[" * 100_000, "not_json"),
        (b"[]", "wrong_shape"),
        (b'"text"', "wrong_shape"),
        (b"{}", "wrong_shape"),
        (b'{"alerts": null}', "wrong_shape"),
        (b'{"alerts": {"status": "firing"}}', "wrong_shape"),
    ],
)
def test_check_refuses(body, code):
    with pytest.raises(IntakeError) as refusal:
        alertmanager.check(Envelope(body))

    assert refusal.value.code == code


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children),
    max_leaves=12,
)
FIELDS = ["status", "labels", "annotations", "startsAt", "endsAt", "generatorURL", "fingerprint"]
ALERTS = JSON_VALUES | st.fixed_dictionaries(
    {"status": st.sampled_from(["firing", "resolved"])},
    optional={name: JSON_VALUES | st.dictionaries(st.text(), st.text()) for name in FIELDS[1:]},
)


@pytest.mark.slow
@given(alerts=st.lists(ALERTS, max_size=4), extra=JSON_VALUES, group=JSON_VALUES)
def test_read_of_any_webhook_gives_storable_alerts_and_problems(alerts, extra, group):
    body = json.dumps({"alerts": alerts, "truncatedAlerts": extra, "groupKey": group}).encode()

    notification = alertmanager.read(Envelope(body))

    assert len(notification.alerts) + len(notification.problems) == len(alerts)
    for alert in notification.alerts:
        assert alert.dedup_key
        for text in (alert.title, *alert.labels.values(), *alert.annotations, alert.group):
            assert "\x00" not in text
            text.encode()


@pytest.mark.slow
@given(
    position=st.integers(min_value=0, max_value=1200),
    damage=st.binary(min_size=1, max_size=6),
    name=st.sampled_from(["firing.json", "grouped.json", "resolved.json"]),
)
def test_read_of_damaged_bytes_raises_nothing_but_intake_errors(position, damage, name):
    body = bytearray((BODIES / name).read_bytes())
    body[position : position + len(damage)] = damage

    try:
        notification = ADAPTERS["alertmanager"].read(Envelope(bytes(body)))
    except IntakeError:
        return
    assert len(notification.alerts) + len(notification.problems) <= 3


def test_deeply_nested_values_are_a_problem_and_not_a_crash():
    deep = b'{"alerts":[{"status":"firing","labels":{"a":' + b"[" * 900 + b"]" * 900 + b"}}]}"

    notification = alertmanager.read(Envelope(deep))

    assert len(notification.alerts) + len(notification.problems) == 1


def test_clean_text_marks_what_it_cut():
    assert clean_text("abcdef", 4) == "abc…"
    assert clean_text({"a": [1, None]}) == '{"a": [1, null]}'
