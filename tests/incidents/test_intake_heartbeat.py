"""Signs of life as jobs send them: by address, by exit status, by any method."""

import pytest

from incidents.intake import Envelope, Importance, IntakeError, heartbeat
from incidents.models import AlertEvent
from tests.incidents.doors import Monitor


def read(call: str, body: bytes = b"") -> list[tuple[str, bool, str]]:
    pings = heartbeat.read(Envelope(body, call=call)).pings
    return [(ping.name, ping.has_failed, ping.text) for ping in pings]


@pytest.mark.parametrize(
    ("call", "has_failed"),
    [
        ("backup", False),
        ("backup/", False),
        ("backup?from=cron", False),
        ("backup/0", False),
        ("backup/fail", True),
        ("backup/1", True),
        ("backup/255", True),
    ],
)
def test_how_the_job_went_is_in_the_address(call, has_failed):
    assert read(call) == [("backup", has_failed, "")]


def test_body_is_the_end_of_a_log():
    assert read("backup/1", b"no space left on device\n") == [
        ("backup", True, "no space left on device")
    ]


@pytest.mark.parametrize("call", ["backup/start", "backup/log"])
def test_begin_of_a_job_is_no_sign_of_life(call):
    notification = heartbeat.read(Envelope(b"", call=call))

    assert (notification.pings, bool(notification.remark)) == ([], True)


@pytest.mark.parametrize("call", ["", "/", "?x=1", "backup/maybe", "backup/1/2", "x" * 101, "a/²"])
def test_other_calls_are_refused(call):
    with pytest.raises(IntakeError) as refusal:
        heartbeat.check(Envelope(b"", call=call))

    assert refusal.value.status == 404


def test_pings_wait_behind_alerts_and_failures_do_not():
    assert heartbeat.check(Envelope(b"", call="backup")).importance == Importance.LATER
    assert heartbeat.check(Envelope(b"", call="backup/fail")).importance == Importance.FIRING


@pytest.fixture
def monitor(db) -> Monitor:
    return Monitor("heartbeat")


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_any_method_is_a_sign_of_life(monitor, method):
    response = monitor.send(f"/ingest/{monitor.key}/backup", method=method)

    assert response.status_code == 200
    assert AlertEvent.objects.get().call == "backup"


def test_answer_and_refusal_are_plain_words_for_cron(monitor):
    fine = monitor.send(f"/ingest/{monitor.key}/backup", method="GET")
    wrong = monitor.send(f"/ingest/{monitor.key}/", method="GET")

    assert fine.content == b"OK\n"
    assert wrong.status_code == 404
    assert (
        wrong.content == "Name the heartbeat after the key: …/ingest/KEY/nightly-backup.\n".encode()
    )


def test_other_methods_are_refused(monitor):
    response = monitor.send(f"/ingest/{monitor.key}/backup", method="DELETE")

    assert (response.status_code, response["Allow"]) == (405, "GET, HEAD, POST")
