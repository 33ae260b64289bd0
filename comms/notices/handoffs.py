"""A handoff in words: asking for the note, and passing it on with what is open."""

from datetime import datetime

from comms.content import Content
from comms.notices.moments import day_and_time
from comms.notices.registry import words_for
from comms.rendering import escape_markdown
from roster import handoffs
from roster.link_purposes.handoffs import WriteHandoffNote
from roster.links import make_url
from roster.models import HandoffNote, Notice, NoticeKind, Person, Schedule


@words_for(NoticeKind.HANDOFF_NOTE)
def note(notice: Notice) -> Content | None:
    found = HandoffNote.objects.select_related("schedule", "author")
    written = found.filter(pk=notice.data["note"]).first()
    if written is None:
        return None
    when = day_and_time(written.handoff_at, notice.person)
    author, schedule = escape_markdown(written.author.name), escape_markdown(written.schedule.name)
    lines = [
        f"{author} hands **{schedule}** over to you, {when}:",
        quoted(written),
        *open_work_lines(written.schedule, notice.person, at=notice.created_at),
    ]
    return Content(f"Handoff of {written.schedule.name}", "\n\n".join(lines))


@words_for(NoticeKind.HANDOFF_ASKED)
def asked(notice: Notice) -> Content | None:
    schedule = Schedule.objects.filter(pk=notice.data["schedule"]).first()
    if schedule is None:
        return None
    when = datetime.fromisoformat(str(notice.data["handoff_at"]))
    to = " and ".join(escape_markdown(name) for name in notice.data["incoming"])
    link = make_url(WriteHandoffNote.name, schedule.pk, notice.person)
    lines = [
        f"You hand **{escape_markdown(schedule.name)}** over to {to}, "
        f"{day_and_time(when, notice.person)}.",
        f"[Write what they need to know]({link})",
        *open_work_lines(schedule, notice.person, at=notice.created_at),
    ]
    return Content(f"You hand over {schedule.name} soon", "\n\n".join(lines))


def quoted(written: HandoffNote) -> str:
    """The author's words as a quotation, whatever signs are in them."""
    lines = escape_markdown(written.text).splitlines()
    return "\n".join(f"> {line}" for line in lines)


def open_work_lines(schedule: Schedule, reader: Person, *, at: datetime) -> list[str]:
    """What is open, as far as the reader may see it; nothing where nothing is."""
    work = handoffs.open_work(schedule, at=at, viewer=reader)
    if not work:
        return []
    listed = "\n".join(f"- [{escape_markdown(label)}]({url})" for label, url in work)
    return [f"**Open now**\n\n{listed}"]
