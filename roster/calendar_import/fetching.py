"""Reading an iCalendar address within limits: where it leads, how long it takes, how much it says.

The name is resolved once per hop, every address it has is checked, and the connection goes to a
checked one: a name that answers differently the next time (DNS rebinding) changes nothing.
"""

import socket
import ssl
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse
from threading import Event, Timer
from time import monotonic
from typing import cast
from urllib.parse import quote, unquote, urljoin, urlsplit

from roster.calendar_import import addresses
from roster.calendar_import.errors import CalendarError
from roster.calendar_import.unpacking import LIMIT_BYTES, read_limited

LIMIT_SECONDS = 15.0
MOST_REDIRECTS = 3
MOST_ADDRESSES = 4
USER_AGENT = "Muster (calendar import)"

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PORTS = {"http": 80, "https": 443}
_SAFE = "/%:=&?~#+!$,;'@()*[]"

Resolver = Callable[[str, int, float], list[str]]


@dataclass(frozen=True)
class Fetched:
    """What an address said. `content` None: the same as with the `etag` that was sent."""

    content: bytes | None
    etag: str


@dataclass(frozen=True)
class Target:
    """One address taken apart; `authority` is the user and password it carries, if any."""

    scheme: str
    host: str
    port: int
    path: str
    authority: str

    @property
    def origin(self) -> tuple[str, str, int]:
        return self.scheme, self.host, self.port


class _Connection(HTTPConnection):
    """A connection to a checked address, cut off at the deadline wherever it stands."""

    def __init__(self, target: Target, found: list[str], deadline: float) -> None:
        super().__init__(target.host, target.port)
        self._target, self._found, self._deadline = target, found, deadline
        self.is_late = Event()
        self._timer: Timer | None = None
        self._live: socket.socket | None = None

    def connect(self) -> None:
        left = max(self._deadline - monotonic(), 0.01)
        # A limit on each wait is none on the whole: a byte a second would keep us for hours.
        self._timer = Timer(left, self._cut_off)
        self._timer.daemon = True
        self.sock = self._live = self._reach(left)
        self._timer.start()
        if self._target.scheme == "https":
            self.sock = ssl.create_default_context().wrap_socket(
                self.sock, server_hostname=self._target.host, do_handshake_on_connect=False
            )
            self._live = self.sock
            self.sock.do_handshake()

    def _reach(self, left: float) -> socket.socket:
        """The first of the addresses that answers: a machine without IPv6 goes on to the next."""
        tried = self._found[:MOST_ADDRESSES]
        for address in tried:
            try:
                return socket.create_connection(
                    (address, self._target.port), timeout=left / len(tried)
                )
            except OSError as error:
                failure = error
        raise failure

    def finish(self) -> None:
        """Let go for good. `close` is called by the library before the body has been read."""
        if self._timer:
            self._timer.cancel()
        self.close()

    def _cut_off(self) -> None:
        self.is_late.set()
        with suppress(OSError):
            # Below TLS, whose own shutdown is not for another thread to call.
            socket.socket.shutdown(cast(socket.socket, self._live), socket.SHUT_RDWR)


def fetch(url: str, *, etag: str = "", resolver: Resolver = addresses.resolve) -> Fetched:
    """Read a calendar address. Raises CalendarError, worded for the person who entered it.

    At most 5 MB, 15 seconds in all and three redirects, each checked like the first. Credentials
    in the address go to its own origin only.
    """
    deadline = monotonic() + LIMIT_SECONDS
    target = read_url(url)
    first = target
    for _ in range(MOST_REDIRECTS + 1):
        authority = first.authority if target.origin == first.origin else ""
        answer = _ask(target, authority, etag, deadline, resolver)
        if isinstance(answer, Fetched):
            return answer
        url = urljoin(url, answer)
        target = read_url(url)
    raise CalendarError(
        "calendar_redirects",
        "This address redirects more than three times. Enter the address it ends at.",
    )


def read_url(url: str) -> Target:
    """Take an address apart. `webcal` is what calendar programs write for https."""
    try:
        parts = urlsplit(url.strip())
        scheme = {"webcal": "https", "webcals": "https"}.get(parts.scheme, parts.scheme)
        host = (parts.hostname or "").encode("idna").decode("ascii")
        port = parts.port or _PORTS.get(scheme, 0)
    except (ValueError, UnicodeError):
        raise _malformed() from None
    if scheme not in _PORTS:
        raise CalendarError(
            "calendar_scheme",
            "A calendar address begins with https://, http:// or webcal://.",
        )
    if not host:
        raise _malformed()
    path = quote(parts.path or "/", safe=_SAFE)
    if parts.query:
        path += "?" + quote(parts.query, safe=_SAFE)
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return Target(scheme, host, port, path, f"{user}:{password}" if user or password else "")


def _malformed() -> CalendarError:
    return CalendarError(
        "calendar_url", "This is not a complete address. Write it like https://example.com/my.ics."
    )


def _ask(
    target: Target, authority: str, etag: str, deadline: float, resolver: Resolver
) -> Fetched | str:
    """One request: what was read, or where it redirects to."""
    try:
        found = resolver(target.host, target.port, max(deadline - monotonic(), 0.01))
        if not found:
            raise OSError
    except (OSError, UnicodeError):
        raise CalendarError(
            "calendar_host",
            f"There is no host “{target.host}”, or its name could not be looked up. Check the "
            "address.",
        ) from None
    connection = _Connection(target, addresses.checked(found), deadline)
    try:
        connection.request("GET", target.path, headers=_headers(authority, etag))
        with connection.getresponse() as response:
            return _read(response, etag, connection)
    except (OSError, HTTPException, ValueError) as error:
        raise _too_late() if _is_late(connection, error) else _no_answer(target, error) from None
    finally:
        connection.finish()


def _headers(authority: str, etag: str) -> dict[str, str]:
    headers = {
        "Accept": "text/calendar, */*;q=0.1",
        "Accept-Encoding": "gzip",
        "User-Agent": USER_AGENT,
        "Connection": "close",
    }
    if etag:
        headers["If-None-Match"] = etag
    if authority:
        headers["Authorization"] = "Basic " + b64encode(authority.encode()).decode()
    return headers


def _read(response: HTTPResponse, etag: str, connection: _Connection) -> Fetched | str:
    if response.status in _REDIRECTS and (location := response.getheader("Location")):
        return location
    if response.status == 304 and etag:
        return Fetched(None, etag)
    if response.status != 200:
        raise CalendarError("calendar_status", _refusal(response.status))
    content = read_limited(response)
    if connection.is_late.is_set():
        raise _too_late()
    new_etag = response.getheader("ETag", "")
    return Fetched(content, new_etag if new_etag.isprintable() and len(new_etag) <= 200 else "")


def _refusal(status: int) -> str:
    if status in (401, 403):
        return (
            "This address asks for a log-in. Use the private or secret address that the calendar "
            "program offers for sharing."
        )
    if status in (404, 410):
        return "There is no calendar at this address any more. Copy it again from where it is kept."
    return f"The server of this address answers with an error (HTTP {status}). Try again later."


def _is_late(connection: _Connection, error: Exception) -> bool:
    return connection.is_late.is_set() or isinstance(error, TimeoutError)


def _too_late() -> CalendarError:
    return CalendarError(
        "calendar_timeout",
        f"This address takes longer than {LIMIT_SECONDS:.0f} seconds to answer. Try again later.",
    )


def _no_answer(target: Target, error: Exception) -> CalendarError:
    if isinstance(error, ssl.SSLError):
        return CalendarError(
            "calendar_certificate",
            f"The certificate of {target.host} cannot be trusted. Check the address, or tell "
            "whoever runs that server.",
        )
    return CalendarError(
        "calendar_no_answer",
        f"{target.host} does not answer as a web server does. Try again later.",
    )


__all__ = ["LIMIT_BYTES", "LIMIT_SECONDS", "Fetched", "fetch", "read_url"]
