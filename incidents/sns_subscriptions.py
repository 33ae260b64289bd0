"""Whether a message of Amazon SNS may be believed, and confirming subscriptions.

Both need the network: the certificate that a message names, and the address that confirms. Neither
is asked before the topic is one that an administrator entered and the address is one of SNS's own
in that topic's region; a confirmation, moreover, must be signed. Redirects are not followed.
"""

import hashlib
import logging
import os
from datetime import timedelta
from http.client import HTTPException
from pathlib import Path
from threading import Lock
from time import monotonic
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, build_opener

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from django.conf import settings

from incidents.intake.notification import IntakeError, NotYetError, clean_text
from incidents.intake.sns_message import (
    CONFIRMATION,
    UNSUBSCRIBED,
    SnsMessage,
    is_certificate_url,
    is_confirmation_url,
    is_signed_by,
    keys_of,
    region_of,
)

logger = logging.getLogger(__name__)

FETCH_WITHIN = timedelta(seconds=5)
FETCH_LIMIT = 64 * 1024  # bytes; a certificate has 2 KB
# A region that does not answer must not cost every one of its messages five seconds.
ASK_AGAIN_AFTER = timedelta(seconds=30)
KEYS_REMEMBERED = 20

_keys: dict[str, list[RSAPublicKey]] = {}
_silent_until: dict[str, float] = {}  # of the monotonic clock, in seconds, by address
_guard = Lock()


class FetchError(Exception):
    """An address gave nothing; `is_final` if it will not later either."""

    def __init__(self, reason: str, *, is_final: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_final = is_final


def verify(message: SnsMessage, *, topics: list[str], certificates: str) -> str:
    """Check the message, confirm the subscription if that is what it asks for, and say so.

    `certificates` are pinned ones in PEM: with any, none is fetched. Raises IntakeError for what
    must not be believed, and NotYetError while Amazon cannot be asked.
    """
    topic = clean_text(message.topic_arn, 300)
    if message.topic_arn not in topics:
        raise IntakeError(
            "unknown_topic",
            f"The topic {topic} is not among those of this integration. If it is yours, enter it"
            f" there and process this again.{_by_hand(message)}",
        )
    if not is_signed_by(message, _keys_for(message, certificates)):
        raise IntakeError(
            "bad_signature",
            f"Amazon did not sign this message of {topic}, or it was changed on the way.",
        )
    if message.type == CONFIRMATION:
        return _confirm(message)
    if message.type == UNSUBSCRIBED:
        return f"Nothing more comes from {topic}: the subscription was ended at Amazon."
    return ""


def _confirm(message: SnsMessage) -> str:
    if not is_confirmation_url(message.subscribe_url, region_of(message.topic_arn)):
        raise IntakeError("wrong_shape", "The address that confirms is not one of Amazon SNS.")
    try:
        fetch(message.subscribe_url)
    except FetchError as error:
        sentence = f"Amazon could not be told that we want this: {error.reason}.{_by_hand(message)}"
        if error.is_final:
            raise IntakeError("not_confirmed", sentence) from None
        raise NotYetError(sentence) from None
    logger.info("Confirmed the subscription to %s", message.topic_arn)
    return f"Subscribed to {message.topic_arn}."


def _by_hand(message: SnsMessage) -> str:
    """The address to open by hand, where it is one of SNS's: it came in a body nobody checked."""
    region = region_of(message.topic_arn)
    if message.type != CONFIRMATION or not is_confirmation_url(message.subscribe_url, region):
        return ""
    url = clean_text(message.subscribe_url, 1_000)
    return f" To subscribe by hand, if you asked for it yourself, open {url}"


# --- Certificates --------------------------------------------------------------------------------


def _keys_for(message: SnsMessage, certificates: str) -> list[RSAPublicKey]:
    if certificates.strip():
        if keys := keys_of(certificates):
            return keys
        raise IntakeError(
            "bad_certificate",
            "The certificate entered for this integration cannot be read. Enter it in PEM, and"
            " process this again.",
        )
    url = message.signing_cert_url
    if not is_certificate_url(url, region_of(message.topic_arn)):
        raise IntakeError(
            "bad_certificate", "The certificate that signs is not at an address of Amazon SNS."
        )
    with _guard:
        if url not in _keys:
            try:
                _keys[url] = _certified(url)
            except FetchError as error:
                raise NotYetError(
                    f"The certificate at {clean_text(url, 300)} could not be read: {error.reason}."
                    " Without a way to the Internet, enter the certificate in this integration."
                    + _by_hand(message)
                ) from None
            if len(_keys) > KEYS_REMEMBERED:
                del _keys[next(iter(_keys))]
        return _keys[url]


def _certified(url: str) -> list[RSAPublicKey]:
    """From our own copy, or from Amazon: a new worker must not need the Internet to believe."""
    kept = _kept(url)
    if kept.exists() and (keys := keys_of(kept.read_text("ascii", "replace"))):
        return keys
    if _silent_until.get(url, 0.0) > monotonic():
        raise FetchError("it did not answer a moment ago")
    try:
        certificate = fetch(url).decode("ascii", "replace")
        keys = keys_of(certificate)
        if not keys:
            raise FetchError("it answers with something else")
    except FetchError:
        if len(_silent_until) > KEYS_REMEMBERED:
            _silent_until.clear()
        _silent_until[url] = monotonic() + ASK_AGAIN_AFTER.total_seconds()
        raise
    _keep(kept, certificate)
    return keys


def _kept(url: str) -> Path:
    name = hashlib.sha256(url.encode()).hexdigest()
    return Path(settings.DATA_DIR) / "certificates" / f"sns-{name}.pem"


def _keep(path: Path, text: str) -> None:
    part = path.with_suffix(f".{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text)
        part.replace(path)
    except OSError:
        logger.warning("Could not keep a certificate in %s", path.parent)


# --- Fetching ------------------------------------------------------------------------------------


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, *args: object, **kwargs: object) -> None:
        return None


_opener = build_opener(_NoRedirects)


def fetch(url: str) -> bytes:
    """What the address answers: at most 64 KB, within five seconds. Raises FetchError."""
    ends = monotonic() + FETCH_WITHIN.total_seconds()
    content = b""
    try:
        with _opener.open(url, timeout=FETCH_WITHIN.total_seconds()) as response:
            while part := response.read1(FETCH_LIMIT):
                content += part
                if len(content) > FETCH_LIMIT:
                    raise FetchError("the answer is far too long", is_final=True)
                if monotonic() > ends:
                    raise FetchError("it takes too long to answer")
    except HTTPError as error:
        error.close()
        is_final = 300 <= error.code < 500 and error.code not in (408, 429)
        raise FetchError(f"it answers with HTTP {error.code}", is_final=is_final) from None
    except (OSError, HTTPException, ValueError):
        raise FetchError("it does not answer") from None
    return content
