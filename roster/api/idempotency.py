"""`Idempotency-Key` on every POST: a client that lost the answer may ask again without harm."""

import hashlib
from contextlib import suppress
from datetime import timedelta
from typing import Any

from django.db import DatabaseError
from django.utils import timezone
from rest_framework import exceptions, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from roster.api.authentication import account_of
from roster.models import IdempotencyRecord

HEADER = "Idempotency-Key"
MAX_LENGTH = 200
# A process that died in the middle leaves its record open; after this the key may be tried again.
GIVE_UP_AFTER = timedelta(seconds=60)


class KeyConflict(exceptions.APIException):
    """The key stands for another request, or its first request is still being worked on."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "idempotency_conflict"
    default_detail = (
        "This Idempotency-Key was used for a different request, or that request is still running. "
        "Use a new key for a new request; for the same one, try again in a moment."
    )


class IdempotentPosts(APIView):
    """View mixin: a POST repeated with the same key is answered as the first time."""

    # Parts of an answer that are nowhere else in the database, so not here either.
    secret_fields: frozenset[str] = frozenset()
    _record: IdempotencyRecord | None = None
    _replayed: Response | None = None

    # The signature is DRF's.
    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Look the key up once the caller is known."""
        super().initial(request, *args, **kwargs)
        key = request.headers.get(HEADER, "")
        if request.method != "POST" or not key:
            return
        if len(key) > MAX_LENGTH:
            raise exceptions.ValidationError({HEADER: [f"Use at most {MAX_LENGTH} characters."]})
        at = timezone.now()
        self._record = IdempotencyRecord.objects.open(
            user=account_of(request),
            key=key,
            fingerprint=_fingerprint(request),
            at=at,
            give_up_after=GIVE_UP_AFTER,
        )
        if self._record is None:
            raise KeyConflict
        if self._record.status_code is not None:
            self._replayed = Response(
                self._record.body,
                status=self._record.status_code,
                headers={"Idempotent-Replayed": "true"},
            )
            raise _AnsweredBefore

    def handle_exception(self, exc: Exception) -> Response:
        """Answer a repeated request as before; forget one that failed in an unforeseen way."""
        if isinstance(exc, _AnsweredBefore) and self._replayed is not None:
            return self._replayed
        try:
            return super().handle_exception(exc)
        except Exception:
            self._settle(status.HTTP_500_INTERNAL_SERVER_ERROR, None)
            raise

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        """Keep the answer for the next time, unless the fault was ours."""
        response = super().finalize_response(request, response, *args, **kwargs)
        if self._record is not None and self._replayed is None:
            self._settle(response.status_code, getattr(response, "data", None))
        return response

    # Any JSON the API answers with.
    def _settle(self, status_code: int, body: Any) -> None:
        if self._record is None:
            return
        if isinstance(body, dict):
            body = {name: body[name] for name in body if name not in self.secret_fields}
        # With the database away the record stays open, and is taken over like a dead process's.
        with suppress(DatabaseError):
            self._record.settle(status_code=status_code, body=body)


class _AnsweredBefore(Exception):
    """Leaves the view before its handler runs; never seen outside this module."""


def _fingerprint(request: Request) -> str:
    # DRF parses what it finds here, so that it can be read after a session's CSRF check too.
    raw = request._request.body
    return hashlib.sha256(b"\n".join([request.get_full_path().encode(), raw])).hexdigest()
