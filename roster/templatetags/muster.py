"""How every page shows moments, durations, chips and icons."""

from datetime import datetime, timedelta

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR


@register.filter
def duration(value: timedelta | None) -> str:
    """`timedelta` in two units at most: “40 s”, “12 min”, “3 h 05 min”, “2 d 4 h”."""
    if value is None:
        return ""
    seconds = int(abs(value.total_seconds()))
    if seconds < MINUTE:
        return f"{seconds} s"
    if seconds < HOUR:
        return f"{seconds // MINUTE} min"
    if seconds < DAY:
        return f"{seconds // HOUR} h {seconds % HOUR // MINUTE:02} min"
    return f"{seconds // DAY} d {seconds % DAY // HOUR} h"


@register.filter
def clock(value: datetime) -> str:
    """The moment in the viewer's zone, with the zone's name and the day unless it is today."""
    local = timezone.localtime(value)
    is_today = local.date() == timezone.localdate()
    return local.strftime("%H:%M %Z" if is_today else "%-d %b %H:%M %Z")


@register.simple_tag
def moment(value: datetime | None, show: str = "both") -> SafeString | str:
    """A moment as clock time and age. `show` is "both", "clock" or "age"; none is a dash.

    The age is kept current in the browser (`data-since`), and the full date is in the tooltip.
    """
    if value is None:
        return "–"
    full = timezone.localtime(value).strftime("%A %-d %B %Y, %H:%M:%S %Z")
    iso = value.isoformat()
    age = format_html('<span class="mu-age" data-since="{}">{}</span>', iso, _age(value))
    text = {"both": format_html("{} {}", clock(value), age), "clock": clock(value), "age": age}
    return format_html('<time datetime="{}" title="{}">{}</time>', iso, full, text[show])


def _age(value: datetime) -> str:
    gone = timezone.now() - value
    if gone < timedelta():
        return f"in {duration(gone)}"
    return "just now" if gone < timedelta(seconds=10) else f"{duration(gone)} ago"


@register.simple_tag
def countdown(value: datetime | None) -> SafeString | str:
    """The time left until `value`, red and “overdue” once it has passed."""
    if value is None:
        return "–"
    left = value - timezone.now()
    is_over = left < timedelta()
    return format_html(
        '<time class="mu-due{}" datetime="{}" title="{}" data-due="{}">{}</time>',
        " is-overdue" if is_over else "",
        value.isoformat(),
        clock(value),
        value.isoformat(),
        f"{duration(left)} overdue" if is_over else f"in {duration(left)}",
    )


@register.simple_tag
def chip(text: str, tone: str = "gray") -> SafeString:
    return format_html('<span class="mu-chip" data-tone="{}">{}</span>', tone, text)


@register.simple_tag
def icon(name: str) -> SafeString:
    """A symbol of the font that the admin theme ships; decoration, hidden from screen readers."""
    return format_html(
        '<span class="material-symbols-outlined mu-icon" aria-hidden="true">{}</span>', name
    )
