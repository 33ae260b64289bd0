"""Asking people how confident they felt, after a shift."""

from django.conf import settings
from django.urls import reverse

from comms.content import Content
from comms.notices.registry import words_for
from comms.rendering import escape_markdown
from roster.confidence import has_answered
from roster.link_purposes.confidence import RateConfidence
from roster.links import make_url
from roster.models import Notice, NoticeKind, Schedule


@words_for(NoticeKind.CONFIDENCE_ASKED)
def asked(notice: Notice) -> Content | None:
    if has_answered(notice):
        return None
    schedule = Schedule.objects.filter(pk=notice.data.get("schedule")).first()
    where = f" on {escape_markdown(schedule.name)}" if schedule else ""
    url = make_url(RateConfidence.name, notice.pk, notice.person)
    path = reverse("admin:roster_person_path", args=[notice.person_id])
    return Content(
        f"How confident did you feel{f' on {schedule.name}' if schedule else ''}?",
        f"Your shift{where} is over. Two questions, ten seconds: how confident do you feel to "
        f"respond, and to lead?\n\n[Answer]({url})\n\nOnly you and the roster editors see it; it "
        f"helps to plan what you learn next: {settings.PUBLIC_URL}{path}",
    )
