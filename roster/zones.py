"""Time zone names, as people type them and as the database keeps them."""

from datetime import UTC, datetime
from difflib import get_close_matches
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from django.core.exceptions import ValidationError


def default_zone() -> str:
    return settings.TIME_ZONE


def zone_of(name: str) -> ZoneInfo | None:
    """The zone of this name; None if the time zone database lacks it."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None


def validate_zone(name: str) -> None:
    """Refuse a name the time zone database lacks, and offer the nearest one it has."""
    if zone_of(name) is None:
        near = get_close_matches(name, available_timezones(), n=1)
        hint = f" Did you mean {near[0]}?" if near else " Write it like Europe/London."
        raise ValidationError(f"“{name}” is not a time zone.{hint}", code="zone")


def validate_reading(field: str, moment: datetime) -> None:
    """Refuse a local time that its zone's clock skips when it goes forward."""
    if moment.astimezone(UTC).astimezone(moment.tzinfo).time() != moment.time():
        raise ValidationError(
            {field: f"On {moment:%-d %B %Y} the clock in {moment.tzinfo} skips {moment:%H:%M}."}
        )
