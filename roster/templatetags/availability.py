"""How pages say when somebody is away."""

from datetime import time, timedelta

from django import template
from django.utils import timezone

from roster.models import TimeOff

register = template.Library()


@register.simple_tag
def span_of(row: TimeOff) -> str:
    """Whole days by name, inclusive; anything else with its times, in the zone of the page."""
    begins, ends = timezone.localtime(row.starts_at), timezone.localtime(row.ends_at)
    if begins.time() == time.min and ends.time() == time.min:
        last = ends - timedelta(days=1)
        if last.date() == begins.date():
            return begins.strftime("%A %-d %B %Y")
        return f"{begins:%a %-d %b} to {last:%a %-d %b %Y}"
    if begins.date() == ends.date():
        return f"{begins:%a %-d %b %Y, %H:%M} to {ends:%H:%M}"
    return f"{begins:%a %-d %b, %H:%M} to {ends:%a %-d %b %Y, %H:%M}"
