"""Alert intake: authenticate, bound, check the shape, one INSERT, answer.

Everything else happens after the answer (`incidents.processing`), so that a monitor is never kept
waiting. Alertmanager drops what is answered 4xx, 429 included, and repeats what is answered 5xx
(WIRE-FORMATS §0): whatever is our fault, or may pass, is a 503, or what the format has for it.
"""

import zlib
from collections.abc import Callable, Mapping
from functools import partial
from time import monotonic
from typing import Any

from django.core.handlers.wsgi import WSGIRequest
from django.db import IntegrityError
from django.http import HttpResponse, UnreadablePostError
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from incidents import door_counts, intake_keys, intake_limits, intake_upkeep
from incidents.acceptance import UnavailableError, accept
from incidents.arrivals import CALL_LENGTH, Arrival
from incidents.intake import (
    ADAPTERS,
    Adapter,
    Answer,
    Door,
    Envelope,
    Glance,
    Importance,
    IntakeError,
)
from incidents.intake_keys import KnownKey
from incidents.models.integrations import ALERTMANAGER
from incidents.repeats import Seen

BODY_LIMIT = 512 * 1024
LENGTH_DIGITS = 18  # Python reads no number of thousands of digits
RETRY_AFTER_SECONDS = 5

type Lane = Callable[[WSGIRequest], HttpResponse]

_seen = Seen()
_doors: list[tuple[str, Adapter, Door]] = [
    (f"/{door.path}", adapter, door) for adapter in ADAPTERS.values() for door in adapter.doors
]


def lane_of(path: str) -> Lane | None:
    """What answers this path past sessions and log-in, if it is one of intake's."""
    if path.startswith("/ingest/"):
        key, _, call = path.removeprefix("/ingest/").partition("/")
        return partial(ingest, key=key, call=call)
    for prefix, adapter, door in _doors:
        if path == prefix or path.startswith(f"{prefix}/"):
            return partial(_at_door, adapter, door)
    return None


@csrf_exempt
def ingest(request: WSGIRequest, key: str, call: str = "") -> HttpResponse:
    """Accept one message at `/ingest/<key>/<call>`, in the format of the key's integration."""

    def find_and_take() -> Answer:
        known = intake_keys.find(key)

        def take() -> Answer:
            _refuse_method(request, known.adapter.methods)
            return _take(known, _envelope(request, call))

        return _spoken(known.adapter, take, known)

    # Only the key tells the format: until it is found, the answer is in our own shape.
    return _response(_spoken(ADAPTERS[ALERTMANAGER], find_and_take))


def _at_door(adapter: Adapter, door: Door, request: WSGIRequest) -> HttpResponse:
    def find_and_take() -> Answer:
        _refuse_method(request, door.methods)
        envelope = _envelope(request, request.path_info.lstrip("/"))
        known = intake_keys.find(door.key(envelope))
        return _spoken(adapter, partial(_take_if_of, adapter, known, envelope), known)

    return _response(_spoken(adapter, find_and_take))


def _take_if_of(adapter: Adapter, known: KnownKey, envelope: Envelope) -> Answer:
    if known.adapter is not adapter:
        sentence = f"This key is of another kind of integration than {adapter.label}."
        raise IntakeError("wrong_kind", sentence)
    return _take(known, envelope)


def _spoken(adapter: Adapter, take: Callable[[], Answer], known: KnownKey | None = None) -> Answer:
    """The answer, or the refusal in the words that senders of this format expect, counted."""
    try:
        return take()
    except IntakeError as error:
        refusal = error
    except UnavailableError:
        sentence = "Neither the database nor the spool can take this now. Send it again."
        refusal = IntakeError("unavailable", sentence, status=adapter.overloaded)
    if known:
        door_counts.refused(known.integration, refusal, at=timezone.now())
    elif refusal.code == "unknown_key":
        door_counts.unknown_key()
    return adapter.refused(refusal)


def _response(answer: Answer) -> HttpResponse:
    response = HttpResponse(
        answer.body, status=answer.status, content_type=answer.content_type, headers=answer.headers
    )
    # Django would log what was refused with its address, which holds the key.
    response._has_been_logged = True  # type: ignore[attr-defined]
    if answer.status in (429, 503):
        response["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


def _refuse_method(request: WSGIRequest, allowed: tuple[str, ...]) -> None:
    if request.method not in allowed:
        sentence = f"Alerts are sent here with {' or '.join(allowed)}."
        raise IntakeError("method_not_allowed", sentence, status=405)


def _take(known: KnownKey, envelope: Envelope) -> Answer:
    known.check()
    adapter, at = known.adapter, timezone.now()
    asked = Envelope(
        body=envelope.body,
        content_type=envelope.content_type,
        headers=envelope.headers,
        call=envelope.call,
        method=envelope.method,
        options=known.options,
        secret=known.secret or "",
        received_at=at,
    )
    if adapter.throttled and not intake_limits.admits(known.integration, at=monotonic()):
        raise adapter.throttled(asked)
    glance = adapter.check(asked)
    ranked = Glance(_importance(known, asked, glance), glance.assigned)
    kept = adapter.kept_headers
    try:
        accept(Arrival.of(known.integration, asked, ranked, at=at, kept_headers=kept))
    except IntegrityError:  # the integration was deleted since we read its key
        intake_keys.forget_all()
        raise UnavailableError from None
    intake_upkeep.start()
    door_counts.used(known.pk, at=at)
    return adapter.accepted(asked, glance)


def _importance(known: KnownKey, envelope: Envelope, glance: Glance) -> Importance:
    is_repeat = _seen.again(known.integration, envelope.call, envelope.body)
    return Importance.LATER if is_repeat else glance.importance


# --- What arrived --------------------------------------------------------------------------------


def _envelope(request: WSGIRequest, call: str) -> Envelope:
    query = request.META.get("QUERY_STRING") or ""
    return Envelope(
        body=_bounded_body(request),
        content_type=request.META.get("CONTENT_TYPE", ""),
        headers=_Headers(request.META),
        call=(f"{call}?{query}" if query else call)[:CALL_LENGTH],
        method=request.method or "",
    )


class _Headers(Mapping[str, str]):
    """The request's headers by lower-case name, as WSGI has them.

    Django's own view of all headers is built anew for each request, which costs more than an alert.
    """

    def __init__(self, meta: dict[str, Any]) -> None:
        self._meta = meta

    def __getitem__(self, name: str) -> str:
        value: str = self._meta["HTTP_" + name.upper().replace("-", "_")]
        return value

    def __iter__(self) -> Any:
        return (
            name[5:].lower().replace("_", "-") for name in self._meta if name.startswith("HTTP_")
        )

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _bounded_body(request: WSGIRequest) -> bytes:
    """Read the body, packed or not, but never more than one byte over the limit."""
    encoding = request.META.get("HTTP_CONTENT_ENCODING", "").strip().lower()
    if encoding not in ("", "identity", "gzip", "x-gzip"):
        sentence = "The body is packed in a way that is not read here. Use gzip, or none."
        raise IntakeError("unsupported_encoding", sentence, status=415)
    length = request.META.get("CONTENT_LENGTH") or ""
    if length.isdecimal() and (len(length) > LENGTH_DIGITS or int(length) > BODY_LIMIT):
        raise _too_large()
    # Django reads nothing without a length; the server marks a chunked body as safe to read on.
    is_chunked = request.META.get("wsgi.input_terminated") and not length
    source = request.META["wsgi.input"] if is_chunked else request
    try:
        body: bytes = source.read(BODY_LIMIT + 1)
    except (UnreadablePostError, OSError):
        raise IntakeError("incomplete", "The body ended before it was complete.") from None
    if "gzip" in encoding:
        body = _unpacked(body)
    if len(body) > BODY_LIMIT:
        raise _too_large()
    return body


def _unpacked(body: bytes) -> bytes:
    """What the gzip holds, up to one byte over the limit: a bomb costs no more than that."""
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)  # 16: with gzip's header
    try:
        unpacked = unpacker.decompress(body, BODY_LIMIT + 1)
    except zlib.error:
        raise IntakeError("not_gzip", "The body is not gzip, as its header says.") from None
    if not unpacker.eof and len(unpacked) <= BODY_LIMIT:
        raise IntakeError("incomplete", "The packed body ended before it was complete.")
    return unpacked


def _too_large() -> IntakeError:
    sentence = f"The body is over {BODY_LIMIT // 1024} KB. Send fewer alerts at once."
    return IntakeError("too_large", sentence, status=413)
