"""Proof that a person reads what is sent to a contact method: a code sent there and typed back.

The code itself is made when its message is written and kept nowhere else; here is a salted digest
of it, keyed with the installation's secret and bound to the address.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F
from django.utils.crypto import constant_time_compare, salted_hmac

from roster.actors import Actor
from roster.errors import DomainError
from roster.models import ContactMethod, ContactVerification, Layer, Notice, NoticeKind, Urgency
from roster.notices import tell
from roster.watch import prove_soon

CODE_LIFETIME = timedelta(minutes=15)
WRONG_TRIES = 5
ONE_EVERY = timedelta(minutes=1)
PER_HOUR = 5
HOUR = timedelta(hours=1)
REASON_LENGTH = 100  # what the history has room for


@dataclass(frozen=True)
class SentCode:
    """A code on its way, as a page shows it: sent when, good until when."""

    sent_at: datetime
    expires_at: datetime


def send_code(method: ContactMethod, *, at: datetime) -> SentCode:
    """Have a new code sent to exactly this method; any earlier one stops counting.

    Refused within a minute of the last, after five within an hour, and where the method is
    verified already.
    """
    if method.verified_at:
        raise DomainError("already_verified", f"“{method}” is verified. It needs no code.")
    _refuse_too_many(method, at=at)
    with transaction.atomic():
        fresh = {
            "code_digest": "",
            "sent_at": at,
            "expires_at": at + CODE_LIFETIME,
            "wrong_tries": 0,
        }
        ContactVerification.objects.update_or_create(contact_method=method, defaults=fresh)
        tell(
            method.person,
            NoticeKind.VERIFICATION_CODE,
            key=f"code-{method.pk}-{at.timestamp():.3f}",
            at=at,
            data={"sent_at": at.isoformat()},
            urgency=Urgency.HIGH,
            contact_method=method,
        )
    return SentCode(sent_at=at, expires_at=at + CODE_LIFETIME)


def _refuse_too_many(method: ContactMethod, *, at: datetime) -> None:
    sent = Notice.objects.filter(
        kind=NoticeKind.VERIFICATION_CODE, contact_method=method, created_at__gt=at - HOUR
    )
    moments = sorted(sent.values_list("created_at", flat=True))
    if moments and moments[-1] > at - ONE_EVERY:
        raise DomainError(
            "code_just_sent",
            "A code was sent less than a minute ago. Look for it, or wait a moment.",
        )
    if len(moments) >= PER_HOUR:
        raise DomainError(
            "too_many_codes",
            f"{PER_HOUR} codes were sent within an hour and none was entered. Check the address, "
            "then try again in an hour.",
        )


def make_code(method: ContactMethod, *, sent_at: datetime) -> tuple[str, datetime] | None:
    """The code asked for at `sent_at` and until when it counts, made now for its message.

    None if another was asked for since, or the method is gone or verified: nothing to send then.
    """
    code = f"{secrets.randbelow(10**6):06}"
    salt = secrets.token_hex(8)
    asked = ContactVerification.objects.filter(
        contact_method=method, sent_at=sent_at, contact_method__verified_at__isnull=True
    )
    if not asked.update(code_digest=f"{salt}${_digest(method, salt, code)}"):
        return None
    return code, sent_at + CODE_LIFETIME


def pending(method: ContactMethod, *, at: datetime) -> SentCode | None:
    """The code that can be entered now, if there is one. One query."""
    row = ContactVerification.objects.filter(
        contact_method=method, expires_at__gt=at, wrong_tries__lt=WRONG_TRIES
    ).first()
    return SentCode(row.sent_at, row.expires_at) if row and not method.verified_at else None


def verify(method: ContactMethod, code: str, *, at: datetime) -> None:
    """Take the right code as proof: messages arrive at this address.

    Each try is counted before it is looked at, so that tries at once are counted too. Refused
    with a wrong code, after five wrong ones, and once the code has expired.
    """
    tries = ContactVerification.objects.filter(
        contact_method=method, expires_at__gt=at, wrong_tries__lt=WRONG_TRIES
    )
    counted = tries.update(wrong_tries=F("wrong_tries") + 1)
    row = ContactVerification.objects.filter(contact_method=method).first()
    if not counted or row is None:
        text = "There is no code to enter any more. Have a new one sent."
        raise DomainError("no_code", text, {"code": [text]})
    salt, _, digest = row.code_digest.partition("$")
    if not (digest and constant_time_compare(digest, _digest(method, salt, code.strip()))):
        raise _wrong(WRONG_TRIES - row.wrong_tries)
    with transaction.atomic():
        row.delete()
        _mark(method, at=at, reason="A code sent there was entered.")


def _wrong(left: int) -> DomainError:
    again = f"{left} more {'try' if left == 1 else 'tries'}" if left else "Have a new one sent"
    text = f"This is not the code that was sent. {again}."
    return DomainError("wrong_code", text, {"code": [text]})


def vouch(method: ContactMethod, *, by: Actor, at: datetime, reason: str) -> None:
    """Have an administrator's word stand for a code, with the reason in the history.

    For an address that cannot be read at a screen, such as a pager. The caller checks that
    they may. Refused without a reason.
    """
    if not reason.strip():
        text = "Say how you know that messages arrive there."
        raise DomainError("reason_missing", text, {"reason": [text]})
    with transaction.atomic():
        ContactVerification.objects.filter(contact_method=method).delete()
        _mark(method, at=at, reason=f"{by.name}: {reason.strip()}"[:REASON_LENGTH])


def _mark(method: ContactMethod, *, at: datetime, reason: str) -> None:
    method.verified_at = at
    method._change_reason = reason  # type: ignore[attr-defined]  # django-simple-history looks there
    method.save(update_fields=["verified_at"])
    schedules = Layer.objects.filter(participants__person=method.person_id)
    prove_soon(schedules.values_list("schedule_id", flat=True), at=at)


def _digest(method: ContactMethod, salt: str, code: str) -> str:
    subject = f"{method.pk}:{method.channel}:{method.address}:{code}"
    return salted_hmac(f"roster.verification.{salt}", subject, algorithm="sha256").hexdigest()
