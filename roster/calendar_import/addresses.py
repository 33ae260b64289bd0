"""Which machines may be asked for a calendar: the public Internet, and what the operator allows."""

import socket
from collections.abc import Iterable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TooLongError
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from threading import Thread

from django.conf import settings

from roster.calendar_import.errors import CalendarError

Address = IPv4Address | IPv6Address

# Addresses that carry an IPv4 address inside: what counts is where that one leads.
_NAT64 = IPv6Network("64:ff9b::/96")
# A public address by number, but answered by the cloud's own control plane (Azure).
_CONTROL_PLANES = frozenset({ip_address("168.63.129.16")})


def resolve(host: str, port: int, timeout: float) -> list[str]:
    """The addresses of a host by the system's resolver. Raises OSError, also after `timeout` s.

    The resolver itself takes no time limit, hence the thread, which ends by itself.
    """
    answer: Future[list[str]] = Future()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            answer.set_exception(error)
        else:
            answer.set_result(list(dict.fromkeys(str(each[4][0]) for each in found)))

    Thread(target=ask, daemon=True).start()
    try:
        return answer.result(timeout)
    except TooLongError:
        raise OSError("name not resolved in time") from None


def checked(addresses: Iterable[str]) -> list[str]:
    """The same addresses. Raises CalendarError if any of them is one that must not be asked.

    One private address among public ones is refused too: a name that points at both is a trap.
    """
    found = list(addresses)
    for text in found:
        if not may_be_asked(ip_address(text.partition("%")[0])):
            raise CalendarError(
                "calendar_address_private",
                "This address leads into a private network, which Muster does not read calendars "
                "from. Use a public address, or have the operator allow its network in "
                "CALENDAR_ALLOWED_NETWORKS.",
            )
    return found


def may_be_asked(address: Address) -> bool:
    inner = _embedded(address)
    if any(inner in ip_network(network) for network in settings.CALENDAR_ALLOWED_NETWORKS):
        return True
    if inner in _CONTROL_PLANES or inner.is_multicast or inner.is_reserved:
        return False
    if isinstance(inner, IPv6Address) and (inner.sixtofour or inner.teredo):
        return False
    return inner.is_global


def _embedded(address: Address) -> Address:
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return address.ipv4_mapped
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address
