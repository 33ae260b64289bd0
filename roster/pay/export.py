"""Statements as a file for a spreadsheet."""

import csv
from collections.abc import Iterable
from datetime import date, timedelta
from typing import TextIO

from roster.pay.statement import Statement

COLUMNS = (
    "person",
    "name",
    "country",
    "from",
    "to",
    "hours",
    "off_hours",
    "night_hours",
    "weekend_hours",
    "holiday_hours",
    "hours_on_two_schedules",
    "pages",
    "off_hours_pages",
    "night_pages",
    "interrupted_nights",
    "plan",
    "currency",
    "amount",
)
# What a spreadsheet would take for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_csv(found: Iterable[Statement], first: date, last: date, file: TextIO) -> None:
    """One row per person; hours with two decimals; no amount where no plan is."""
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    for each in found:
        burden, plan = each.burden, each.plan
        row = (
            each.person.slug,
            each.person.name,
            each.person.country,
            first.isoformat(),
            last.isoformat(),
            hours(burden.hours),
            hours(burden.off_hours),
            hours(burden.night_hours),
            hours(burden.weekend_hours),
            hours(burden.holiday_hours),
            hours(burden.doubled),
            burden.pages,
            burden.off_hours_pages,
            burden.night_pages,
            burden.interrupted_nights,
            plan.name if plan else "",
            plan.currency if plan else "",
            "" if each.amount is None else each.amount,
        )
        writer.writerow([_harmless(str(cell)) for cell in row])


def hours(value: timedelta) -> str:
    return f"{value / timedelta(hours=1):.2f}"


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
