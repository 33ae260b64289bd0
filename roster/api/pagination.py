"""Cursor pagination: `{next, previous, results}`, stable while rows are added."""

import re

from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request

_COUNT = re.compile(r"[1-9][0-9]{0,8}")
_KEY = re.compile(r"[0-9]{1,19}")


class StableCursorPagination(CursorPagination):
    """Newest first by key, which is unique; `?page_size=`, cut to 200."""

    ordering = "-pk"
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200

    def get_page_size(self, request: Request) -> int | None:
        """Refuse what is no number, where DRF would answer with its default."""
        asked = request.query_params.get(self.page_size_query_param, "1")
        if not _COUNT.fullmatch(asked):
            raise ValidationError({"page_size": ["Give a whole number from 1 to 200."]})
        return super().get_page_size(request)

    def decode_cursor(self, request: Request) -> Cursor | None:
        """Refuse a cursor that is none of ours; every ordering here is by a number."""
        refusal = ValidationError({"cursor": ["Follow the addresses in `next` and `previous`."]})
        try:
            cursor = super().decode_cursor(request)
        except NotFound as error:
            raise refusal from error
        if cursor and cursor.position is not None and not _KEY.fullmatch(str(cursor.position)):
            raise refusal
        return cursor
