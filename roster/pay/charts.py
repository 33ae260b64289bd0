"""Statements as what the admin theme's bar charts read."""

import json
from collections.abc import Sequence
from datetime import timedelta

from roster.pay.statement import Statement

BARS_SHOWN = 30
_BAR = 18  # pixels; a line of text needs half as much again
_COLOURS = ("#94a3b8", "#f59e0b", "#4f46e5")
_TEXT = "#8b95a5"  # readable on the light and on the dark surface


def hours_chart(found: Sequence[Statement]) -> dict[str, str | int]:
    """Hours by person, the most burdened first: by day, in the evenings, at night."""
    shown = sorted(found, key=lambda each: -each.burden.hours)[:BARS_SHOWN]
    nights = [_hours(each.burden.night_hours) for each in shown]
    off = [_hours(each.burden.off_hours) for each in shown]
    series = {
        "Working hours": [_hours(each.burden.hours - each.burden.off_hours) for each in shown],
        "Evenings, weekends, holidays": [
            round(max(0.0, most - night), 1) for most, night in zip(off, nights, strict=True)
        ],
        "Nights": nights,
    }
    return _chart([each.person.name for each in shown], series)


def pages_chart(found: Sequence[Statement]) -> dict[str, str | int]:
    """Pages by person, the most paged first; people without a page are left out."""
    paged = [each for each in found if each.burden.pages]
    shown = sorted(paged, key=lambda each: -each.burden.pages)[:BARS_SHOWN]
    burdens = [each.burden for each in shown]
    series = {
        "Working hours": [float(each.pages - each.off_hours_pages) for each in burdens],
        "Evenings, weekends, holidays": [
            float(max(0, each.off_hours_pages - each.night_pages)) for each in burdens
        ],
        "Nights": [float(each.night_pages) for each in burdens],
    }
    return _chart([each.person.name for each in shown], series)


def _chart(names: list[str], series: dict[str, list[float]]) -> dict[str, str | int]:
    data = {
        "labels": names,
        "datasets": [
            {"label": label, "data": values, "backgroundColor": colour, "maxBarThickness": _BAR}
            for (label, values), colour in zip(series.items(), _COLOURS, strict=True)
        ],
    }
    axis = {"stacked": True, "ticks": {"color": _TEXT, "precision": 0, "autoSkip": False}}
    options = {
        "indexAxis": "y",
        "maintainAspectRatio": False,
        "animation": False,
        "scales": {
            "x": {**axis, "ticks": {"color": _TEXT, "precision": 0}},
            "y": {**axis, "grid": {"display": False}},
        },
        "plugins": {
            "legend": {
                "position": "bottom",
                "labels": {"color": _TEXT, "boxWidth": 12, "boxHeight": 12},
            }
        },
    }
    height = 90 + 3 * _BAR // 2 * max(2, len(names))
    return {"data": json.dumps(data), "options": json.dumps(options), "height": height}


def _hours(value: timedelta) -> float:
    return round(value / timedelta(hours=1), 1)
