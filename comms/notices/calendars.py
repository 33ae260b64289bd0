"""What is said about a calendar that cannot be read any more."""

from django.conf import settings
from django.urls import reverse

from comms.content import Content
from comms.notices.moments import day_and_time
from comms.notices.registry import words_for
from comms.rendering import escape_markdown
from roster.models import ImportedCalendar, Notice, NoticeKind


@words_for(NoticeKind.CALENDAR_FAILED)
def calendar_failed(notice: Notice) -> Content | None:
    """Whose calendar it is, since when and why. None if it is read again, or no more."""
    rows = ImportedCalendar.objects.filter(is_active=True, failing_since__isnull=False)
    calendar = rows.select_related("schedule").filter(pk=notice.data["calendar"]).first()
    if calendar is None or calendar.failing_since is None:
        return None
    name = escape_markdown(calendar.name)
    since = day_and_time(calendar.failing_since, notice.person)
    if calendar.schedule:
        what = f"shifts of {escape_markdown(calendar.schedule.name)}"
        path = reverse("admin:roster_schedule_calendars", args=[calendar.schedule.pk])
    else:
        what = "time off"
        path = reverse("admin:roster_person_time_off", args=[calendar.person_id])
    body = [
        f"Muster reads {what} from the calendar “{name}”, and has not been able to since {since}.",
        escape_markdown(calendar.last_error),
        "What it said last still counts. What was changed there since is not known here: enter it "
        "by hand, or give the calendar's new address.",
        f"[Show calendars]({settings.PUBLIC_URL}{path})",
    ]
    return Content(f"The calendar “{calendar.name}” cannot be read", "\n\n".join(body))
