"""Before a shift: when, for what, after whom, and where to go if it does not suit."""

from datetime import datetime

from django.conf import settings
from django.urls import reverse

from comms.content import Content
from comms.notices.handoffs import quoted
from comms.notices.moments import day_and_time, span
from comms.notices.registry import words_for
from comms.rendering import escape_markdown
from roster.link_purposes.page_tests import SendTestPage
from roster.links import make_url
from roster.models import DutyRecord, HandoffNote, Notice, NoticeKind, Person, Schedule
from roster.page_tests import last_answered


@words_for(NoticeKind.SHIFT_REMINDER)
def reminder(notice: Notice) -> Content | None:
    schedule = Schedule.objects.filter(pk=notice.data["schedule"], is_active=True).first()
    if schedule is None:
        return None
    person = notice.person
    begin, end = (
        datetime.fromisoformat(str(notice.data[name])) for name in ("starts_at", "ends_at")
    )
    lines = [
        f"You are on call for **{escape_markdown(schedule.name)}**, {span(begin, end, person)}."
    ]
    if names := notice.data["takes_over_from"]:
        lines.append(f"You take over from {' and '.join(map(escape_markdown, names))}.")
    lines += _notes(schedule, begin)
    lines += _links(schedule, person)
    if _is_first(person):
        link = make_url(SendTestPage.name, person.pk, person)
        lines.append(
            "You have not been on call with Muster yet. See that a page reaches you: "
            f"[send me a test page]({link})"
        )
    subject = f"On call for {schedule.name} from {day_and_time(begin, person)}"
    return Content(subject, "\n\n".join(lines))


def _notes(schedule: Schedule, begin: datetime) -> list[str]:
    notes = HandoffNote.objects.filter(schedule=schedule, handoff_at=begin)
    return [
        f"{escape_markdown(note.author.name)} writes:\n\n{quoted(note)}"
        for note in notes.select_related("author").order_by("created_at", "pk")
    ]


def _links(schedule: Schedule, person: Person) -> list[str]:
    """The calendar offers swaps too; it asks for a log-in, so it is for those who have one."""
    if person.user_id is None:
        return []
    calendar = reverse("admin:roster_schedule_calendar", args=[schedule.pk])
    return [f"[Calendar of this schedule]({settings.PUBLIC_URL}{calendar}), also to offer a swap"]


def _is_first(person: Person) -> bool:
    """Never on call before, and never seen a test page arrive (R110)."""
    return not last_answered([person]) and not DutyRecord.objects.filter(person=person).exists()
