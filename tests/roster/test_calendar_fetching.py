"""Fetching against a real server on this machine, within limits that hold whatever it does."""

import gzip
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from threading import Thread

import pytest

from roster.calendar_import import CalendarError, fetch, fetching
from roster.calendar_import.addresses import may_be_asked

BODY = b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"
MEGABYTE = 1024 * 1024


class Handler(BaseHTTPRequestHandler):
    """Answers as the test asks for by the path."""

    seen: list[dict[str, str]] = []

    def do_GET(self) -> None:
        type(self).seen.append(
            {"path": self.path, **{k.lower(): v for k, v in self.headers.items()}}
        )
        name = self.path.strip("/").partition("?")[0].replace("-", "_")
        with suppress(BrokenPipeError, ConnectionResetError):
            getattr(self, f"say_{name}", self.say_missing)()

    def answer(self, status: int = 200, body: bytes = BODY, **headers: str) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def say_plain(self) -> None:
        self.answer(ETag='"one"')

    def say_known(self) -> None:
        if self.headers.get("If-None-Match") == '"one"':
            self.send_response(304)
            self.end_headers()
        else:
            self.say_plain()

    def say_packed(self) -> None:
        self.answer(body=gzip.compress(BODY), Content_Encoding="gzip")

    def say_bomb(self) -> None:
        self.answer(body=gzip.compress(b"\0" * 50 * MEGABYTE), Content_Encoding="gzip")

    def say_torn(self) -> None:
        self.answer(body=gzip.compress(BODY * 50)[:40], Content_Encoding="gzip")

    def say_brotli(self) -> None:
        self.answer(Content_Encoding="br")

    def say_huge(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(50 * MEGABYTE))
        self.end_headers()
        for _ in range(50):
            self.wfile.write(b"x" * MEGABYTE)

    def say_endless(self) -> None:
        self.send_response(200)
        self.end_headers()
        while True:
            self.wfile.write(b"x" * MEGABYTE)

    def say_loris(self) -> None:
        self.send_response(200)
        self.end_headers()
        for _ in range(100):
            self.wfile.write(b"x")
            time.sleep(0.05)

    def say_slow_headers(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        for number in range(60):
            self.wfile.write(f"X-{number}: 1\r\n".encode())
            time.sleep(0.05)

    def say_inside(self) -> None:
        self.answer(302, Location=f"http://127.0.0.2:{self.server.server_port}/plain")

    def say_by_name(self) -> None:
        self.answer(302, Location=f"http://inside.example.com:{self.server.server_port}/plain")

    def say_file(self) -> None:
        self.answer(302, Location="file:///etc/passwd")

    def say_once(self) -> None:
        self.answer(302, Location="/plain")

    def say_round(self) -> None:
        self.answer(301, Location="/round")

    def say_away(self) -> None:
        self.answer(302, Location=f"http://other.example.com:{self.server.server_port}/plain")

    def say_private(self) -> None:
        self.answer(401)

    def say_broken(self) -> None:
        self.answer(500)

    def say_nonsense(self) -> None:
        self.wfile.write(b"\x00\xff\x00 not http at all\r\n\r\n")

    def say_missing(self) -> None:
        self.answer(404)

    def log_message(self, *args: object) -> None:
        return


@pytest.fixture
def server() -> Iterator[str]:
    Handler.seen = []
    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.daemon_threads = True
    Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield f"http://127.0.0.1:{running.server_port}"
    running.shutdown()
    running.server_close()


@pytest.fixture(autouse=True)
def allowed(settings) -> None:
    settings.CALENDAR_ALLOWED_NETWORKS = ["127.0.0.1/32"]


@pytest.fixture
def hurried(monkeypatch) -> None:
    monkeypatch.setattr(fetching, "LIMIT_SECONDS", 0.3)


def local(host: str, port: int, timeout: float) -> list[str]:
    """Every name leads to the test's own server."""
    return ["127.0.0.1"]


def refusal(url: str, **options: Callable[..., list[str]]) -> CalendarError:
    with pytest.raises(CalendarError) as caught:
        fetch(url, **options)
    assert list(caught.value.fields) == ["url"]
    return caught.value


@pytest.mark.parametrize("path", ["plain", "packed", "once"])
def test_fetch_reads_the_calendar(server, path):
    assert fetch(f"{server}/{path}").content == BODY


def test_fetch_keeps_the_etag_and_takes_unchanged_for_an_answer(server):
    first = fetch(f"{server}/known")
    second = fetch(f"{server}/known", etag=first.etag)

    assert first.etag == '"one"'
    assert second.content is None


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("huge", "calendar_too_large"),
        ("endless", "calendar_too_large"),
        ("bomb", "calendar_too_large"),
        ("torn", "calendar_encoding"),
        ("brotli", "calendar_encoding"),
        ("inside", "calendar_address_private"),
        ("file", "calendar_scheme"),
        ("round", "calendar_redirects"),
        ("private", "calendar_status"),
        ("broken", "calendar_status"),
        ("missing", "calendar_status"),
        ("nonsense", "calendar_no_answer"),
    ],
)
def test_fetch_refuses(server, path, code):
    assert refusal(f"{server}/{path}").code == code


@pytest.mark.parametrize("path", ["loris", "slow-headers"])
def test_fetch_ends_at_its_limit_however_slowly_it_is_fed(server, hurried, path):
    started = time.monotonic()

    error = refusal(f"{server}/{path}")

    assert error.code == "calendar_timeout"
    assert time.monotonic() - started < 1.5


@pytest.mark.parametrize("url", ["http://127.0.0.2/a.ics", "http://localhost.localdomain/a.ics"])
def test_fetch_never_asks_inside_the_network(url):
    assert refusal(url, resolver=lambda *_: ["127.0.0.2"]).code == "calendar_address_private"


def test_fetch_refuses_a_name_with_one_private_address():
    error = refusal("http://two.example.com/", resolver=lambda *_: ["93.184.215.14", "10.0.0.1"])

    assert error.code == "calendar_address_private"


def test_fetch_resolves_a_name_once_and_connects_to_what_was_checked(server):
    asked: list[str] = []

    def rebinding(host: str, port: int, timeout: float) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

    port = server.rpartition(":")[2]
    fetched = fetch(f"http://rebind.example.com:{port}/plain", resolver=rebinding)

    assert fetched.content == BODY
    assert asked == ["rebind.example.com"]


def test_fetch_checks_the_name_a_redirect_leads_to(server):
    error = refusal(
        f"{server}/by-name",
        resolver=lambda host, *_: ["169.254.169.254"] if "inside" in host else ["127.0.0.1"],
    )

    assert error.code == "calendar_address_private"
    assert [request["path"] for request in Handler.seen] == ["/by-name"]


def test_fetch_sends_credentials_to_their_own_origin_only(server):
    port = server.rpartition(":")[2]

    fetch(f"http://ana:secret@here.example.com:{port}/away", resolver=local)

    assert [request.get("authorization") for request in Handler.seen] == [
        "Basic YW5hOnNlY3JldA==",
        None,
    ]


def test_fetch_says_that_a_host_is_unknown():
    def unknown(*_: object) -> list[str]:
        raise OSError

    assert refusal("https://nowhere.example.com/a.ics", resolver=unknown).message == (
        "There is no host “nowhere.example.com”, or its name could not be looked up. Check the "
        "address."
    )


def test_webcal_means_https():
    target = fetching.read_url("webcal://example.com/a b.ics?key=ä")

    assert (target.scheme, target.port) == ("https", 443)
    assert target.path == "/a%20b.ics?key=%C3%A4"


@pytest.mark.parametrize(
    "url",
    ["", "calendar", "ftp://example.com/a.ics", "https://", "https://[::1/a", "http://a:99999/",
     "http://" + "a" * 300 + "/", "javascript:alert(1)", "http://a\r\nb/", "//example.com/x"],
)  # fmt: skip
def test_fetch_refuses_what_is_no_address(url):
    assert refusal(url, resolver=lambda *_: []).code in {
        "calendar_url",
        "calendar_scheme",
        "calendar_host",
    }


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.1", "::1",
     "100.64.0.1", "224.0.0.1", "255.255.255.255", "::", "fe80::1", "fc00::1", "fd00:ec2::254",
     "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::10.0.0.1", "2002:7f00:1::", "ff02::1",
     "168.63.129.16", "192.0.2.1", "2001:db8::1", "240.0.0.1"],
)  # fmt: skip
def test_private_addresses_are_not_asked(settings, address):
    settings.CALENDAR_ALLOWED_NETWORKS = []

    assert not may_be_asked(ip_address(address))


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f::1", "64:ff9b::8.8.8.8"])
def test_public_addresses_are_asked(settings, address):
    settings.CALENDAR_ALLOWED_NETWORKS = []

    assert may_be_asked(ip_address(address))


def test_an_allowed_network_is_asked(settings):
    settings.CALENDAR_ALLOWED_NETWORKS = ["10.1.0.0/16"]

    assert may_be_asked(ip_address("10.1.2.3"))
    assert may_be_asked(ip_address("::ffff:10.1.2.3"))
    assert not may_be_asked(ip_address("10.2.0.1"))
