"""Time zone names, as people type them and as the database keeps them."""

from datetime import UTC, datetime
from difflib import get_close_matches
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from django.core.exceptions import ValidationError


def default_zone() -> str:
    return settings.TIME_ZONE


def validate_zone(name: str) -> None:
    """Refuse a name the time zone database lacks, and offer the nearest one it has."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        near = get_close_matches(name, available_timezones(), n=1)
        hint = f" Did you mean {near[0]}?" if near else " Write it like Europe/London."
        raise ValidationError(f"“{name}” is not a time zone.{hint}", code="zone") from None


def validate_reading(field: str, moment: datetime) -> None:
    """Refuse a local time that its zone's clock skips when it goes forward."""
    if moment.astimezone(UTC).astimezone(moment.tzinfo).time() != moment.time():
        raise ValidationError(
            {field: f"On {moment:%-d %B %Y} the clock in {moment.tzinfo} skips {moment:%H:%M}."}
        )
