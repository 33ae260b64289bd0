"""The moment a reader asks about, as an address carries it."""

from contextlib import suppress
from datetime import UTC, datetime

from django.utils import timezone
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from roster.preview.reading import YEARS


def moment_asked(request: Request, name: str = "at") -> datetime:
    """`?at=` in UTC; now without it. Raises ValidationError on that name."""
    text = request.query_params.get(name)
    if not text:
        return timezone.now()
    # In an address a plus sign reads as a space: `+01:00` arrives as ` 01:00`.
    with suppress(ValueError):
        moment = datetime.fromisoformat(text.replace(" ", "+"))
        if moment.tzinfo and moment.year in YEARS:
            return moment.astimezone(UTC)
    raise ValidationError({name: ["Give a moment with offset: 2026-03-02T10:00:00+01:00."]})
