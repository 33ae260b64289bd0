import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from pytest_django.fixtures import Settings

from comms.channels import ChannelError, apprise
from comms.models import Message
from roster.models import Channel


class Provider(HTTPServer):
    """A provider that answers `status` and keeps what it was sent."""

    status = 200

    def __init__(self) -> None:
        self.received: list[dict[str, str]] = []
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def address(self) -> str:
        return f"json://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Provider

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        self.server.received.append(json.loads(self.rfile.read(length)))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def provider() -> Iterator[Provider]:
    pytest.importorskip("apprise", reason="the apprise extra is not installed")
    provider = Provider()
    Thread(target=provider.serve_forever, daemon=True).start()
    yield provider
    provider.shutdown()
    provider.server_close()


def send(recipient: str) -> str:
    message = Message(
        key="page-1-1",
        channel=Channel.APPRISE,
        recipient=recipient,
        subject="INC-142 SEV1",
        body="Acknowledge: https://m.example/a/1/",
    )
    with apprise.open() as sender:
        return sender.send(message)


def test_message_reaches_the_provider(provider: Provider, settings: Settings):
    settings.APPRISE_ENABLED = True

    send(provider.address)

    [received] = provider.received
    assert received["title"] == "INC-142 SEV1"
    assert received["message"] == "Acknowledge: https://m.example/a/1/"


def test_provider_that_refuses_is_tried_again(provider: Provider, settings: Settings):
    settings.APPRISE_ENABLED = True
    provider.status = 503

    with pytest.raises(ChannelError) as caught:
        send(provider.address)

    assert not caught.value.permanent


def test_address_that_apprise_cannot_read_is_permanent(settings: Settings):
    settings.APPRISE_ENABLED = True

    with pytest.raises(ChannelError, match="cannot read this address") as caught:
        send("nonsense")

    assert caught.value.permanent


def test_nothing_leaves_while_apprise_is_switched_off(provider: Provider, settings: Settings):
    settings.APPRISE_ENABLED = False

    with pytest.raises(ChannelError, match="APPRISE_ENABLED") as caught:
        send(provider.address)

    assert caught.value.permanent
    assert provider.received == []
