"""Messages of Amazon SNS through the whole of processing: believed, set aside, or tried again.

Amazon itself is made up at the edge of the network; the last tests ask a real server.
"""

from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from incidents import processing, sns_subscriptions
from incidents.models import Alert, AlertEvent
from incidents.sns_subscriptions import FETCH_LIMIT, FetchError, fetch
from tests.factories.incidents import make_event, make_integration, make_severity
from tests.incidents.damage import FIXTURES
from tests.incidents.sns_signing import (
    CERTIFICATE_URL,
    SUBSCRIBE_URL,
    TOPIC,
    Amazon,
    certificate,
    confirmation,
    notification,
)

ALARM = (FIXTURES / "sns" / "alarm.json").read_text()


@pytest.fixture
def amazon(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path) -> Amazon:
    settings.DATA_DIR = tmp_path
    amazon = Amazon()
    monkeypatch.setattr(sns_subscriptions, "fetch", amazon.fetch)
    forget()
    return amazon


def forget() -> None:
    """As a worker does that was started anew."""
    sns_subscriptions._keys.clear()
    sns_subscriptions._silent_until.clear()


@pytest.fixture
def processed(db: None, now: Any) -> Any:
    """Has a body processed, and answers the event."""
    make_severity(3)
    integrations: dict[str, Any] = {}

    def process(body: bytes, *, options: Any = None, origin: str = "monitor") -> AlertEvent:
        options = {"topics": [TOPIC]} if options is None else options
        name = repr(options)
        if name not in integrations:
            integrations[name] = make_integration(kind="sns", options=options)[0]
        event = make_event(integrations[name], body=body, received_at=now, origin=origin)
        processing.process_due(at=now)
        event.refresh_from_db()
        return event

    return process


def test_signed_alarm_of_a_registered_topic_fires(amazon, processed):
    event = processed(notification(ALARM))

    assert event.state == "processed"
    assert Alert.objects.get().title == "checkout-5xx"


def test_certificate_is_fetched_once_and_kept_over_a_restart(amazon, processed):
    processed(notification(ALARM))
    processed(notification(ALARM, MessageId="2"))
    forget()
    amazon.answers[CERTIFICATE_URL] = FetchError("it does not answer")
    event = processed(notification(ALARM, MessageId="3"))

    assert event.state == "processed"
    assert amazon.asked == [CERTIFICATE_URL]


def test_topic_that_nobody_registered_is_set_aside_and_nothing_is_fetched(amazon, processed):
    event = processed(notification(ALARM), options={"topics": ["arn:aws:sns:eu-west-1:1:other"]})

    assert event.state == "set_aside"
    assert TOPIC in event.set_aside_reason
    assert amazon.asked == []
    assert not Alert.objects.exists()


def test_forged_message_is_set_aside(amazon, processed):
    forged = notification(ALARM).replace(b"checkout-5xx", b"checkout-6xx")

    event = processed(forged)

    assert event.state == "set_aside"
    assert "did not sign" in event.set_aside_reason
    assert not Alert.objects.exists()


@pytest.mark.parametrize(
    "url", ["https://evil.example/a.pem", "https://sns.s3.amazonaws.com/a.pem", ""]
)
def test_certificate_elsewhere_is_never_fetched(amazon, processed, url):
    event = processed(notification(ALARM, SigningCertURL=url))

    assert event.state == "set_aside"
    assert amazon.asked == []


def test_pinned_certificate_needs_no_network(amazon, processed):
    options = {"topics": [TOPIC], "certificate": certificate().replace("\n", " ")}

    event = processed(notification(ALARM, SigningCertURL="https://evil.example/"), options=options)

    assert event.state == "processed"
    assert amazon.asked == []


def test_pinned_certificate_that_cannot_be_read_says_so(amazon, processed):
    event = processed(notification(ALARM), options={"topics": [TOPIC], "certificate": "x"})

    assert "cannot be read" in event.set_aside_reason


def test_message_waits_while_amazon_is_away_and_is_believed_later(amazon, processed, now):
    amazon.answers[CERTIFICATE_URL] = FetchError("it does not answer")
    event = processed(notification(ALARM))
    assert event.state == "received"
    assert "does not answer" in event.last_error
    assert event.due_at > now

    forget()
    amazon.answers[CERTIFICATE_URL] = certificate().encode()
    processing.process_due(at=event.due_at)

    event.refresh_from_db()
    assert event.state == "processed"
    assert Alert.objects.count() == 1


def test_silent_amazon_is_asked_once_for_many_messages(amazon, processed):
    amazon.answers[CERTIFICATE_URL] = FetchError("it does not answer")

    for number in range(3):
        processed(notification(ALARM, MessageId=str(number)))

    assert amazon.asked == [CERTIFICATE_URL]


def test_message_is_set_aside_once_amazon_was_away_for_hours(amazon, processed, now):
    amazon.answers[CERTIFICATE_URL] = FetchError("it does not answer")
    event = processed(notification(ALARM))
    while event.due_at:
        processing.process_due(at=event.due_at)
        event.refresh_from_db()

    assert event.state == "set_aside"
    assert "enter the certificate" in event.set_aside_reason


def test_answer_that_is_no_certificate_is_not_remembered(amazon, processed):
    amazon.answers[CERTIFICATE_URL] = b"<html>Please log in</html>"
    assert processed(notification(ALARM)).state == "received"

    forget()
    amazon.answers[CERTIFICATE_URL] = certificate().encode()

    assert processed(notification(ALARM)).state == "processed"


# --- Subscriptions -------------------------------------------------------------------------------


def test_subscription_to_a_registered_topic_is_confirmed(amazon, processed):
    event = processed(confirmation())

    assert (event.state, event.outcome) == ("processed", f"Subscribed to {TOPIC}.")
    assert amazon.asked == [CERTIFICATE_URL, SUBSCRIBE_URL]


def test_subscription_to_another_topic_shows_the_address_to_open_by_hand(amazon, processed):
    event = processed(confirmation(), options={"topics": []})

    assert event.state == "set_aside"
    assert SUBSCRIBE_URL in event.set_aside_reason
    assert amazon.asked == []


def test_address_that_is_not_of_sns_is_neither_opened_nor_shown(amazon, processed):
    url = "https://evil.example/?Action=ConfirmSubscription"

    believed = processed(confirmation(SubscribeURL=url))
    unknown = processed(confirmation(SubscribeURL=url), options={"topics": []})

    assert (believed.state, unknown.state) == ("set_aside", "set_aside")
    assert "evil" not in believed.set_aside_reason + unknown.set_aside_reason
    assert amazon.asked == [CERTIFICATE_URL]


def test_forged_confirmation_is_not_opened(amazon, processed):
    processed(confirmation(Signature="bm8="))

    assert amazon.asked == [CERTIFICATE_URL]


def test_confirmation_is_tried_again_while_amazon_is_away(amazon, processed):
    amazon.answers[SUBSCRIBE_URL] = FetchError("it does not answer")

    assert processed(confirmation()).state == "received"


def test_confirmation_that_amazon_refuses_is_set_aside(amazon, processed):
    amazon.answers[SUBSCRIBE_URL] = FetchError("it answers with HTTP 400", is_final=True)

    event = processed(confirmation())

    assert event.state == "set_aside"
    assert "HTTP 400" in event.set_aside_reason
    assert SUBSCRIBE_URL in event.set_aside_reason


def test_end_of_a_subscription_does_not_subscribe_again(amazon, processed):
    event = processed(confirmation(Type="UnsubscribeConfirmation"))

    assert event.state == "processed"
    assert "subscription was ended" in event.outcome
    assert amazon.asked == [CERTIFICATE_URL]


def test_test_button_needs_no_signature(amazon, processed):
    unsigned = notification(ALARM, Signature="")

    assert processed(unsigned, origin="test").state == "processed"
    assert amazon.asked == []


# --- Fetching, from a real server ----------------------------------------------------------------


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status = int(self.path.strip("/") or 200)
        self.send_response(status if status < 600 else 200)
        if status == 302:
            self.send_header("Location", "/200")
        self.end_headers()
        self.wfile.write(b"x" * (FETCH_LIMIT + 1 if status == 999 else 10))

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_fetch_answers_what_the_server_says(server):
    assert fetch(f"{server}/200") == b"x" * 10


@pytest.mark.parametrize(
    ("path", "reason", "is_final"),
    [
        ("302", "HTTP 302", True),
        ("404", "HTTP 404", True),
        ("429", "HTTP 429", False),
        ("503", "HTTP 503", False),
        ("999", "too long", True),
    ],
)
def test_fetch_follows_no_redirect_and_reads_no_endless_answer(server, path, reason, is_final):
    with pytest.raises(FetchError, match=reason) as refusal:
        fetch(f"{server}/{path}")

    assert refusal.value.is_final == is_final


def test_fetch_of_a_dead_server_may_be_tried_again():
    with pytest.raises(FetchError) as refusal:
        fetch("http://127.0.0.1:9/")

    assert not refusal.value.is_final


def test_fetch_gives_up_on_a_server_that_dawdles(server, monkeypatch):
    monkeypatch.setattr(sns_subscriptions, "FETCH_WITHIN", timedelta(seconds=-1))
    monkeypatch.setattr(sns_subscriptions, "_opener", _Dawdling())

    with pytest.raises(FetchError, match="too long to answer"):
        fetch(f"{server}/200")


class _Dawdling:
    """An opener whose answer never ends."""

    def open(self, url: str, timeout: float) -> Any:
        return self

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *args: object) -> None:
        pass

    def read1(self, size: int) -> bytes:
        return b"x"
