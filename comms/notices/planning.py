"""Telling whoever asked for a roster proposal that it is there, or why there is none."""

from django.conf import settings
from django.urls import reverse

from comms.content import Content
from comms.notices.registry import words_for
from comms.rendering import escape_markdown
from roster.models import Notice, NoticeKind, RosterPlan

State = RosterPlan.State


@words_for(NoticeKind.PLAN_READY)
def plan_ready(notice: Notice) -> Content | None:
    """None if it was thrown away, accepted or asked for again meanwhile."""
    plan = RosterPlan.objects.filter(pk=notice.data["plan"]).first()
    if plan is None or plan.state not in (State.PROPOSED, State.IMPOSSIBLE, State.FAILED):
        return None
    link = settings.PUBLIC_URL + reverse("admin:roster_plan", args=[plan.pk])
    name = escape_markdown(plan.name)
    if plan.state == State.PROPOSED:
        return Content(
            f"Roster proposal ready: {plan.name}",
            f"The proposal **{name}** is ready. Nothing changes until somebody accepts it.\n\n"
            f"[Look at it]({link})",
        )
    reasons = "\n".join(f"- {escape_markdown(reason)}" for reason in plan.result["reasons"])
    return Content(
        f"No roster found: {plan.name}",
        f"No roster was found for **{name}**.\n\n{reasons}\n\n[Change what is asked for]({link})",
    )
