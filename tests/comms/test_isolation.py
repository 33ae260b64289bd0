"""A provider that hangs keeps nothing from anybody else."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

import pytest
from pytest_django.fixtures import Settings

from comms.channels import apprise
from comms.models import Message, MessageState
from comms.outbox import send_due
from roster.models import Channel
from tests.factories.comms import make_message, make_page_message
from tests.factories.incidents import make_page
from tests.factories.roster import make_contact_method, make_person

pytestmark = pytest.mark.django_db


class Provider(ThreadingHTTPServer):
    """Answers once `may_answer` is set, and sets `all_came` when it has had all it expected."""

    daemon_threads = True

    def __init__(self) -> None:
        self.may_answer, self.all_came = Event(), Event()
        self.expected, self.calls = 0, 0
        super().__init__(("127.0.0.1", 0), Handler)
        Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"json://127.0.0.1:{self.server_port}"

    def stop(self) -> None:
        self.may_answer.set()
        self.shutdown()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    server: Provider

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.calls += 1
        if self.server.calls >= self.server.expected:
            self.server.all_came.set()
        self.server.may_answer.wait(30)
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def providers(settings: Settings) -> Iterator[tuple[Provider, Provider]]:
    pytest.importorskip("apprise", reason="the apprise extra is not installed")
    settings.APPRISE_ENABLED = True
    both = Provider(), Provider()
    yield both
    for provider in both:
        provider.stop()


def push(provider: Provider, at: datetime, **fields: object) -> Message:
    """One that waits long for its answer."""
    recipient = f"{provider.address}/?rto=60"
    return make_message(created_at=at, channel=Channel.APPRISE, recipient=recipient, **fields)


def test_messages_of_others_pass_one_that_does_not_answer(
    providers: tuple[Provider, Provider], now: datetime, monkeypatch: pytest.MonkeyPatch
):
    """The slow one answers only when all the others have arrived: in a queue it never would."""
    monkeypatch.setattr(apprise, "TIME_OUT", timedelta(minutes=1))
    slow, quick = providers
    quick.may_answer.set()
    quick.expected, quick.all_came = 10, slow.may_answer
    for _ in range(4):
        push(slow, now)
    for _ in range(10):
        push(quick, now)

    send_due(at=now)

    sent = Message.objects.filter(state=MessageState.SENT)
    assert sent.filter(recipient__startswith=quick.address).count() == 10
    assert sent.filter(recipient__startswith=slow.address).count() == 4


def test_page_goes_by_the_next_method_where_the_provider_does_not_answer(
    providers: tuple[Provider, Provider], now: datetime, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(apprise, "TIME_OUT", apprise.NO_ANSWER_AFTER)
    slow, quick = providers
    quick.may_answer.set()
    person = make_person()
    first = make_contact_method(person, channel=Channel.APPRISE, address=slow.address)
    make_contact_method(person, channel=Channel.APPRISE, address=quick.address)
    page = make_page(person=person, created_at=now)
    message = make_page_message(
        page,
        created_at=now,
        key=f"page-{page.pk}-{first.pk}",
        channel=Channel.APPRISE,
        recipient=slow.address,
        contact_method=first,
    )

    send_due(at=now)

    message.refresh_from_db()
    assert (message.state, message.possibly_sent_twice) == (MessageState.FAILED, True)
    assert message.last_error == "The provider did not answer."
    assert quick.calls == 1


@pytest.mark.parametrize(
    ("recipient", "provider", "family"),
    [
        ("json://127.0.0.1:8000/path?x=1", "json://127.0.0.1:8000", "json://"),
        ("tgram://token/12345", "tgram://token", "tgram://"),
        ("nonsense", "nonsense", "nonsense://"),
    ],
)
def test_what_hangs_together(recipient: str, provider: str, family: str):
    assert apprise.provider_of(recipient) == provider
    assert apprise.family_of(recipient) == family
