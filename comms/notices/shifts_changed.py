"""Telling somebody whose shifts an editor changed: what was, and what comes instead."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.urls import reverse

from comms.content import Content
from comms.notices.registry import words_for
from comms.rendering import escape_markdown
from roster.models import Notice, NoticeKind


@words_for(NoticeKind.SHIFTS_CHANGED)
def shifts_changed(notice: Notice) -> Content | None:
    """The shifts that go and those that come, in the person's zone."""
    data, zone = notice.data, ZoneInfo(notice.person.time_zone)
    schedule, by = escape_markdown(str(data["schedule"])), escape_markdown(str(data["by"]))
    gone = [_span(span, zone) for span in data["before"]]
    come = [_span(span, zone) for span in data["after"]]
    lines = [f"{by} changed who is on call for **{schedule}**, and with it your shifts.", ""]
    lines += _part("No longer yours" if not come else "Before", gone)
    lines += _part("New for you" if not gone else "Now", come)
    if data.get("more"):
        lines += ["There are more; the calendar shows them all.", ""]
    calendar = reverse("admin:roster_schedule_calendar", args=[data["schedule_id"]])
    lines += [
        f"Times are in {zone.key}. If a shift does not suit you, talk to {by}, or offer it as a "
        "swap.",
        "",
        f"[See the calendar]({settings.PUBLIC_URL}{calendar})",
    ]
    return Content(f"Your shifts changed: {data['schedule']}", "\n".join(lines))


def _part(title: str, spans: list[str]) -> list[str]:
    return [f"{title}:", "", *(f"- {span}" for span in spans), ""] if spans else []


def _span(stretch: Sequence[str | int], zone: ZoneInfo) -> str:
    """A beginning, an end, and how many shifts in a row lie between."""
    start, end = (datetime.fromisoformat(str(each)).astimezone(zone) for each in stretch[:2])
    ends = f"{end:%H:%M}" if end.date() == start.date() else f"{end:%a %-d %b %H:%M}"
    parts = f", in {stretch[2]} parts" if stretch[2] != 1 else ""
    return f"{start:%a %-d %b %H:%M} to {ends}{parts}"
