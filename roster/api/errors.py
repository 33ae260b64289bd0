"""The one error shape of the API: `{"error": {"code", "message", "fields"}}` (DESIGN.md §6)."""

from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, PermissionDenied, RequestDataTooBig
from django.core.exceptions import ValidationError as ModelValidationError
from django.db import InterfaceError, OperationalError
from django.http import Http404
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import exception_handler

from roster.errors import DomainError

MESSAGES = {
    status.HTTP_400_BAD_REQUEST: "Some fields need another look.",
    status.HTTP_401_UNAUTHORIZED: "Send a token as: Authorization: Bearer <token>.",
    status.HTTP_403_FORBIDDEN: "Your account may not do this. Ask an administrator for the right.",
    status.HTTP_404_NOT_FOUND: "There is nothing here, or you may not see it.",
}

# What DRF and Django call errors that are no single field's.
_WHOLE = {"non_field_errors", NON_FIELD_ERRORS}


# DRF hands over whatever was raised and a context of its own making.
def error_response(exc: Exception, context: dict[str, Any]) -> Response | None:
    """Answer refusals of the domain with 409 (400 where fields are named), the rest as DRF would.

    Unexpected exceptions return None: they propagate, are logged and become a 500.
    """
    if isinstance(exc, DomainError):
        code = status.HTTP_400_BAD_REQUEST if exc.fields else status.HTTP_409_CONFLICT
        return _answer(code, exc.code, exc.message, exc.fields)
    if isinstance(exc, ModelValidationError):
        fields = exc.message_dict if hasattr(exc, "error_dict") else {"": exc.messages}
        exc = exceptions.ValidationError(fields)
    if isinstance(exc, RequestDataTooBig):
        sentence = "This is more than one request may carry. Send it in smaller parts."
        return _answer(status.HTTP_413_REQUEST_ENTITY_TOO_LARGE, "too_large", sentence, {})
    if isinstance(exc, OperationalError | InterfaceError):
        return _answer(
            status.HTTP_503_SERVICE_UNAVAILABLE,
            "database_unavailable",
            "The database does not answer. Try again in a few seconds.",
            {},
            headers={"Retry-After": "5"},
        )
    response = exception_handler(exc, context)
    if response is None:
        return None
    fields = _fields(response.data) if isinstance(exc, exceptions.ValidationError) else {}
    kept = {
        name: response[name] for name in ("WWW-Authenticate", "Retry-After") if name in response
    }
    return _answer(
        response.status_code,
        _code(exc),
        _message(exc, response.status_code, fields),
        fields,
        headers=kept,
    )


def _answer(
    status_code: int,
    code: str,
    message: str,
    fields: dict[str, list[str]],
    headers: dict[str, str] | None = None,
) -> Response:
    body = {"error": {"code": code, "message": message, "fields": fields}}
    return Response(body, status=status_code, headers=headers)


def _code(exc: Exception) -> str:
    if isinstance(exc, exceptions.ValidationError):
        return "invalid"
    if isinstance(exc, Http404):
        return "not_found"
    if isinstance(exc, PermissionDenied):
        return "permission_denied"
    return str(getattr(exc, "default_code", "error"))


def _message(exc: Exception, status_code: int, fields: dict[str, list[str]]) -> str:
    if isinstance(exc, exceptions.ValidationError):
        return fields.get("", [MESSAGES[status.HTTP_400_BAD_REQUEST]])[0]
    detail = str(exc.detail) if isinstance(exc, exceptions.APIException) else ""
    if detail and detail != str(getattr(exc, "default_detail", "")):
        return detail
    return MESSAGES.get(status_code, detail)


# A validation error's detail is nested lists and dicts of texts, as deep as the serializer is.
def _fields(detail: Any, path: str = "") -> dict[str, list[str]]:
    """Flatten nested details to `layers[0].start` → sentences."""
    if isinstance(detail, dict):
        found: dict[str, list[str]] = {}
        for name, value in detail.items():
            own = "" if name in _WHOLE else str(name)
            # A list of objects comes as a dict of those places that are wrong.
            step = f"[{own}]" if isinstance(name, int) else f".{own}" if path and own else own
            found |= _fields(value, path + step)
        return found
    if isinstance(detail, list) and detail and isinstance(detail[0], dict | list):
        found = {}
        for index, value in enumerate(detail):
            found |= _fields(value, f"{path}[{index}]")
        return found
    return {path: [str(text) for text in detail]} if detail else {}
