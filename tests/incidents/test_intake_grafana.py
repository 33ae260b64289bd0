"""Grafana's webhook: its links, its own alerts, and its signature."""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

import pytest
from hypothesis import given

from incidents.intake import ADAPTERS, Envelope, IntakeError, grafana
from tests.incidents.damage import FIXTURES, bodies_of, damaged_bytes, damaged_json, read_or_refused

BODIES = FIXTURES / "grafana"
NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
SECRET = "s3cret"
STAMP = str(int(NOW.timestamp()))


def body(name: str) -> bytes:
    return (BODIES / f"{name}.json").read_bytes()


def sign(message: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def signed(headers: dict[str, str], *, secret: str = SECRET, **options: str) -> Envelope:
    return Envelope(
        body("firing"), headers=headers, secret=secret, options=options, received_at=NOW
    )


def test_read_maps_what_alertmanager_has_and_what_grafana_adds():
    (alert,) = grafana.read(Envelope(body("firing"))).alerts

    assert alert.dedup_key == "1:c6eadffa33fcdf37"
    assert alert.is_firing
    assert alert.title == "Checkout is short of memory"
    assert alert.severity_label == "critical"
    assert alert.annotations["values"] == "B = 92.71, C = 1"
    assert {link.label: link.url.split("?")[0] for link in alert.links} == {
        "Runbook": "https://runbooks.example.com/memory",
        "Panel": "https://grafana.example.com/d/fGqz1m3Vz",
        "Dashboard": "https://grafana.example.com/d/fGqz1m3Vz",
        "Image": "https://grafana.example.com/images/9b1d.png",
        "Silence": "https://grafana.example.com/alerting/silence/new",
        "Source": "https://grafana.example.com/alerting/grafana/1afz29v7z/view",
        "Grafana": "https://grafana.example.com/",
    }


def test_read_resolved_ends_the_alert_of_the_same_key():
    (firing,) = grafana.read(Envelope(body("firing"))).alerts
    (resolved,) = grafana.read(Envelope(body("resolved"))).alerts

    assert resolved.dedup_key == firing.dedup_key
    assert not resolved.is_firing
    assert resolved.ended_at == datetime(2026, 3, 2, 10, 12, 40, tzinfo=UTC)
    assert resolved.annotations["values"].startswith("[ var='B'")


def test_read_names_the_rule_that_has_no_data_or_fails():
    no_data, error = grafana.read(Envelope(body("no_data"))).alerts

    assert no_data.title == "Payments per minute: no data"
    assert no_data.severity_label == "critical"
    assert error.title == "Payments per minute: cannot be evaluated"
    assert "connection refused" in error.annotations["Error"]


def test_read_ends_the_alert_of_the_test_button_by_itself():
    (alert,) = grafana.read(Envelope(body("test"), received_at=NOW)).alerts

    assert alert.expires_at == NOW + timedelta(minutes=10)


def test_read_tells_organisations_apart():
    other = body("firing").replace(b'"orgId": 1', b'"orgId": 2')

    assert grafana.read(Envelope(other)).alerts[0].dedup_key == "2:c6eadffa33fcdf37"


def test_check_without_a_secret_asks_for_no_signature():
    grafana.check(Envelope(body("firing")))


def test_check_accepts_the_signature_of_the_body():
    grafana.check(signed({"x-grafana-alerting-signature": sign(body("firing"))}))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-grafana-alerting-signature": ""},
        {"x-grafana-alerting-signature": "0" * 64},
        {"x-grafana-alerting-signature": "schlüssel"},
        {"x-grafana-alerting-signature": sign(body("firing"), "another")},
        {"x-grafana-alerting-signature": sign(body("firing") + b" ")},
    ],
)
def test_check_refuses_a_missing_or_wrong_signature(headers):
    with pytest.raises(IntakeError) as refusal:
        grafana.check(signed(headers))

    assert (refusal.value.status, refusal.value.code) == (HTTPStatus.UNAUTHORIZED, "bad_signature")


def test_check_takes_header_names_from_the_options():
    headers = {"x-mac": sign(f"{STAMP}:".encode() + body("firing")), "x-at": STAMP}

    grafana.check(signed(headers, signature_header="X-Mac", timestamp_header="X-At"))


@pytest.mark.parametrize(
    ("stamp", "is_accepted"),
    [
        (NOW - timedelta(minutes=4, seconds=59), True),
        (NOW + timedelta(minutes=4, seconds=59), True),
        (NOW - timedelta(minutes=5, seconds=1), False),
        (NOW + timedelta(minutes=5, seconds=1), False),
    ],
)
def test_check_bounds_how_far_the_clocks_are_apart(stamp, is_accepted):
    seconds = str(int(stamp.timestamp()))
    mac = sign(f"{seconds}:".encode() + body("firing"))
    envelope = signed(
        {"x-grafana-alerting-signature": mac, "x-at": seconds}, timestamp_header="X-At"
    )

    if is_accepted:
        grafana.check(envelope)
        return
    with pytest.raises(IntakeError) as refusal:
        grafana.check(envelope)
    assert "five minutes" in refusal.value.message


@pytest.mark.parametrize("stamp", ["", "yesterday", "-1", "1e400", "nan"])
def test_check_refuses_a_time_that_is_none(stamp):
    mac = sign(f"{stamp}:".encode() + body("firing"))

    with pytest.raises(IntakeError) as refusal:
        grafana.check(
            signed({"x-grafana-alerting-signature": mac, "x-at": stamp}, timestamp_header="X-At")
        )
    assert refusal.value.status == HTTPStatus.UNAUTHORIZED


def test_check_refuses_a_time_that_was_changed():
    mac = sign(f"{STAMP}:".encode() + body("firing"))
    headers = {"x-grafana-alerting-signature": mac, "x-at": str(int(STAMP) + 1)}

    with pytest.raises(IntakeError):
        grafana.check(signed(headers, timestamp_header="X-At"))


def test_check_refuses_a_custom_payload_with_advice():
    with pytest.raises(IntakeError) as refusal:
        grafana.check(Envelope(b'{"my": "template"}'))

    assert "Grafana's webhook" in refusal.value.message


@pytest.mark.slow
@given(damaged=damaged_json(bodies_of("grafana")))
def test_damaged_values_cost_no_more_than_their_alert(damaged):
    read_or_refused(ADAPTERS["grafana"], Envelope(damaged, received_at=NOW))


@pytest.mark.slow
@given(damaged=damaged_bytes(bodies_of("grafana")))
def test_damaged_bytes_raise_nothing_but_intake_errors(damaged):
    read_or_refused(ADAPTERS["grafana"], Envelope(damaged, received_at=NOW))
