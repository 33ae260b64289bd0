"""Signatures with a shared secret, checked on the raw bytes and in constant time."""

import hashlib
import hmac
from datetime import datetime, timedelta

from incidents.intake.notification import Envelope, IntakeError, unix_moment

# How far the sender's clock may be from ours, where it signs the time as well.
SKEW = timedelta(minutes=5)


def require_hmac(
    envelope: Envelope, header: str, *, prefix: str = "", signed: bytes | None = None
) -> None:
    """Raise IntakeError (401) unless `header` holds the hex HMAC-SHA256 of what was signed.

    That is the body, unless `signed` says otherwise. Does nothing if the integration has no secret.
    """
    if not envelope.secret:
        return
    given = envelope.headers.get(header.lower(), "").strip()
    if not given:
        raise unsigned(f"This integration has a secret, and the header {header} is missing.")
    message = envelope.body if signed is None else signed
    digest = hmac.new(envelope.secret.encode(), message, hashlib.sha256).hexdigest()
    if not is_same(given.lower(), prefix + digest):
        raise unsigned(f"The signature in {header} is not of this body and this secret.")


def require_token(envelope: Envelope, header: str) -> None:
    """Raise IntakeError (401) unless `header` holds the secret itself; nothing if there is none."""
    if envelope.secret and not is_same(envelope.headers.get(header.lower(), ""), envelope.secret):
        raise unsigned(f"The header {header} does not hold this integration's secret.")


def require_fresh(envelope: Envelope, stamp: str, header: str) -> None:
    """Raise IntakeError (401) unless the seconds in `stamp` are about when this was received."""
    signed_at = unix_moment(stamp)
    if signed_at is None:
        raise unsigned(f"The header {header} holds no time in seconds since 1970.")
    if is_stale(signed_at, envelope.received_at):
        raise unsigned(
            f"The time in {header} is over five minutes from ours. Set the clocks right on both"
            " sides."
        )


def is_stale(signed_at: datetime, received_at: datetime | None) -> bool:
    return received_at is not None and abs(received_at - signed_at) > SKEW


def is_same(given: str, expected: str) -> bool:
    """Compare without telling, by how long it takes, how much of a guess is right."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())


def unsigned(sentence: str) -> IntakeError:
    advice = " Enter the same secret on both sides."
    return IntakeError("bad_signature", sentence + advice, status=401)
