"""How hours and money are shown."""

from datetime import timedelta
from decimal import Decimal

from django import template

register = template.Library()


@register.filter
def hours(value: timedelta) -> str:
    """Hours with one decimal where there is a part of one: “1,204”, “7.5”."""
    count = round(value / timedelta(hours=1), 1)
    return f"{count:,.0f}" if count == int(count) else f"{count:,.1f}"


@register.filter
def money(value: Decimal) -> str:
    return f"{value:,.2f}"
