"""A calendar as the browser's timeline wants it: plain values, placed by the viewer's clock.

Pure. The timeline knows no time zones, so it is given readings of the viewer's clock: a day of 23
or 25 hours is drawn as wide as any other, and a span ends where the clock says it does. What a
span says about itself is told from the instants.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from django.urls import reverse

from roster.calendar.facts import Viewer
from roster.calendar.links import links_of, override_url
from roster.calendar.period import Period, View
from roster.calendar.spans import Row, Span
from roster.models import Person

GOLDEN_ANGLE = 137.508  # degrees; consecutive numbers get hues far apart
# What ends, by the clock, when or before it begins: within the hour that comes twice.
SHORTEST = timedelta(minutes=15)

VIEWS = {View.DAY: "Day", View.TWO_WEEKS: "Two weeks", View.MONTH: "Month"}

type Plain = dict[str, object]


@dataclass(frozen=True)
class Look:
    """Who looks at what, and when. `back` is the page's address, for forms that return to it."""

    period: Period
    viewer: Viewer
    now: datetime
    zone_name: str
    back: str


@dataclass(frozen=True)
class Calendar:
    """All that is on a page. `holidays` are the names to show, by day."""

    look: Look
    rows: Sequence[Row]
    spans: Sequence[Span]
    holidays: Mapping[date, str]

    def legend(self) -> dict[str, int]:
        """The hue of everybody on the calendar, by name."""
        people = {span.person for span in self.spans if span.person}
        return {person.name: hue_of(person) for person in sorted(people, key=lambda p: p.name)}


def hue_of(person: Person) -> int:
    """Degrees on the colour wheel: the same for a person on every page."""
    return round(person.pk * GOLDEN_ANGLE) % 360


def as_json(calendar: Calendar) -> Plain:
    look, period = calendar.look, calendar.look.period
    return {
        "view": period.view,
        "from": period.first.isoformat(),
        "days": period.days,
        "title": period.title,
        "earlier": period.earlier.isoformat(),
        "later": period.later.isoformat(),
        "now": _reading(period.clock_of(look.now)),
        "offset": _offset(look.now.astimezone(period.zone)),
        "holidays": {day.isoformat(): name for day, name in calendar.holidays.items()},
        "legend": [{"name": name, "hue": hue} for name, hue in calendar.legend().items()],
        "rows": [
            {
                "id": row.key,
                "title": row.title,
                "note": row.note,
                "url": reverse("admin:roster_schedule_calendar", args=[row.schedule.pk]),
                "override": _override_here(row, look),
            }
            for row in calendar.rows
        ],
        "spans": [_placed(number, span, look) for number, span in enumerate(calendar.spans)],
    }


def when(starts_at: datetime, ends_at: datetime, zone: tzinfo, now: datetime) -> str:
    """“Mon 2 Mar 09:00 to Mon 9 Mar 09:00”, “Mon 2 Mar 09:00 to 17:00”.

    With the year if it is not this one, with GMT or BST if the clock changes in between.
    """
    begins, ends = starts_at.astimezone(zone), ends_at.astimezone(zone)
    year = "" if begins.year == ends.year == now.astimezone(zone).year else " %Y"
    offset = "" if begins.utcoffset() == ends.utcoffset() else " %Z"
    day, clock = f"%a %-d %b{year} ", f"%H:%M{offset}"
    until = clock if begins.date() == ends.date() else day + clock
    return f"{begins.strftime(day + clock)} to {ends.strftime(until)}"


def _placed(number: int, span: Span, look: Look) -> Plain:
    period = look.period
    begins = period.clock_of(max(span.starts_at, period.starts_at))
    ends = period.clock_of(min(span.ends_at, period.ends_at))
    ends = max(ends, begins + SHORTEST) if ends <= begins else ends
    return {
        "id": str(number),
        "row": span.row.key,
        "start": _reading(begins),
        "end": _reading(ends),
        "title": span.title,
        "tone": span.tone,
        "hue": hue_of(span.person) if span.person else None,
        "goesOn": [span.starts_at < period.starts_at, span.ends_at > period.ends_at],
        "isPast": span.ends_at <= look.now,
        "isOffered": span.offer is not None,
        "isFinal": span.is_final,
        "away": [
            share
            for since, until in span.away
            if (share := _share(period, since, until, begins, ends))
        ],
        "about": _about(span, look),
        "links": [
            {"label": link.label, "url": link.url}
            for link in links_of(span, look.viewer, look.now, look.back)
        ],
    }


def _about(span: Span, look: Look) -> Plain:
    zone, now = look.period.zone, look.now
    return {
        "schedule": span.row.schedule.name,
        "who": span.title if span.is_final else f"{span.title} ({span.row.title})",
        "when": when(span.starts_at, span.ends_at, zone, now),
        "zone": look.zone_name,
        "theirs": _theirs(span, zone, now),
        "why": list(span.why),
        "warnings": [
            f"{span.person} is away {when(since, until, zone, now)}." for since, until in span.away
        ],
    }


def _theirs(span: Span, zone: tzinfo, now: datetime) -> str:
    """The same by the clock of the person, where that shows another time."""
    if span.person is None:
        return ""
    own = ZoneInfo(span.person.time_zone)
    edges = (span.starts_at, span.ends_at)
    if all(at.astimezone(own).utcoffset() == at.astimezone(zone).utcoffset() for at in edges):
        return ""
    return f"{when(span.starts_at, span.ends_at, own, now)}, {span.person.time_zone}"


def _share(
    period: Period, since: datetime, until: datetime, begins: datetime, ends: datetime
) -> list[float] | None:
    """Where in the drawn span, in percent from its left, and how wide; None if not in it."""
    left = max(period.clock_of(since), begins)
    right = min(period.clock_of(until), ends)
    if right <= left:
        return None
    width = ends - begins
    return [round(100 * ((left - begins) / width), 3), round(100 * ((right - left) / width), 3)]


def _override_here(row: Row, look: Look) -> str:
    """Where a click beside the spans leads, to which the browser adds `start`."""
    if not look.viewer.may_override:
        return ""
    return override_url({"schedule": row.schedule.pk}, look.back)


def _reading(clock: datetime) -> str:
    return clock.isoformat(timespec="minutes")


def _offset(moment: datetime) -> str:
    """“+05:30”, as the timeline wants it to tell what its clock reads now."""
    return moment.strftime("%:z")[:6]
