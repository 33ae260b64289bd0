"""Telling somebody whose shifts an editor changed: what was, and what comes instead."""

from datetime import datetime, timedelta
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


def _span(span: list[str], zone: ZoneInfo) -> str:
    start, end = (datetime.fromisoformat(moment).astimezone(zone) for moment in span)
    same_day = end.date() == start.date() and end - start < timedelta(days=1)
    return f"{start:%a %-d %b %H:%M} to {end:{'%H:%M' if same_day else '%a %-d %b %H:%M'}}"
