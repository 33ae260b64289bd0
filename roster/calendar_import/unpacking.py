"""Reading a body without trusting what it says about its size, packed or not."""

import zlib
from collections.abc import Iterator
from http.client import HTTPResponse

from roster.calendar_import.errors import CalendarError

LIMIT_BYTES = 5 * 1024 * 1024
_CHUNK = 64 * 1024


def too_large(field: str = "url") -> CalendarError:
    megabytes = LIMIT_BYTES // (1024 * 1024)
    return CalendarError(
        "calendar_too_large",
        f"This calendar is larger than {megabytes} MB. Share one that reaches less far back.",
        field=field,
    )


def read_limited(response: HTTPResponse) -> bytes:
    """The body, unpacked. Raises CalendarError as soon as it passes the limit, packed or not."""
    announced = response.getheader("Content-Length", "")
    if announced.isdecimal() and int(announced) > LIMIT_BYTES:
        raise too_large()
    encoding = response.getheader("Content-Encoding", "identity").strip().lower()
    if encoding in ("gzip", "x-gzip"):
        return b"".join(_unzipped(_limited(response)))
    if encoding not in ("identity", ""):
        raise CalendarError(
            "calendar_encoding",
            "The server of this address packs its answer in a way that was not asked for "
            f"(“{encoding[:40]}”). Tell whoever runs it.",
        )
    return b"".join(_limited(response))


def _limited(response: HTTPResponse) -> Iterator[bytes]:
    size = 0
    while chunk := response.read(_CHUNK):
        size += len(chunk)
        if size > LIMIT_BYTES:
            raise too_large()
        yield chunk


def _unzipped(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Never holds more than the limit, however much a small file would unpack to."""
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    size = 0
    try:
        for chunk in chunks:
            piece = unpacker.decompress(chunk, LIMIT_BYTES + 1 - size)
            size += len(piece)
            if size > LIMIT_BYTES:
                raise too_large()
            yield piece
    except zlib.error:
        raise _broken() from None
    if not unpacker.eof:
        raise _broken()


def _broken() -> CalendarError:
    return CalendarError(
        "calendar_encoding", "The answer of this address is packed, but broken. Try again later."
    )
