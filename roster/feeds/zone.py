"""A zone's rules as VTIMEZONE, in the form that every calendar program reads."""

from calendar import monthrange
from datetime import date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from icalendar import Component, Timezone, vDDDLists

_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_YEARS_BACK, _YEARS_AHEAD = 1, 5


@lru_cache(maxsize=64)
def component_of(zone: ZoneInfo, year: int) -> Component:
    """The changes of its clock from the year before to five years on.

    The library lists each change by date, which Outlook does not read; where the dates follow the
    usual pattern, such as the last Sunday in March, they are said as that rule. Shared: not to be
    changed.
    """
    first, last = date(year - _YEARS_BACK, 1, 1), date(year + _YEARS_AHEAD, 1, 1)
    component = Timezone.from_tzinfo(zone, zone.key, first, last)
    component.pop("COMMENT", None)
    for part in component.subcomponents:
        moments = [each.dt for group in _listed(part) for each in group.dts]
        dates = sorted(each for each in moments if isinstance(each, datetime))
        if dates and (rule := _rule([part.DTSTART, *dates])):
            del part["RDATE"]
            part.add("rrule", rule)
    return component


def _listed(part: Component) -> list[vDDDLists]:
    found = part.get("RDATE", [])
    return found if isinstance(found, list) else [found]


def _rule(moments: list[datetime]) -> dict[str, object] | None:
    """What these yearly moments have in common; None if they do not come by one rule."""
    years = [moment.year for moment in moments]
    clocks = {(moment.month, moment.weekday(), moment.time()) for moment in moments}
    if len(clocks) > 1 or years != list(range(years[0], years[0] + len(years))):
        return None
    month, weekday, _ = clocks.pop()
    for places in (
        {(moment.day - 1) // 7 + 1 for moment in moments},
        {-((monthrange(moment.year, month)[1] - moment.day) // 7 + 1) for moment in moments},
    ):
        if len(places) == 1:
            day = f"{places.pop()}{_WEEKDAYS[weekday]}"
            return {"freq": "yearly", "bymonth": month, "byday": day}
    return None
