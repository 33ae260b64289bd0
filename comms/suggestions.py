"""What comms would do next on an incident: tell those who wait to hear."""

from django.db.models import Exists, OuterRef

from comms.models import AudienceKind, Promise, Update
from incidents.models import Announcement, Incident
from incidents.next_step import NextStep, register_suggestion
from incidents.vocabulary import Kind

ACTION = {AudienceKind.INTERNAL: "update", AudienceKind.EXTERNAL: "update-external"}


def register_all() -> None:
    register_suggestion(overdue_update)
    register_suggestion(first_update)


def overdue_update(incident: Incident) -> NextStep | None:
    """One query."""
    late = Promise.objects.overdue().filter(incident=incident).order_by("promised_for").first()
    if late is None or not incident.is_live:
        return None
    kind = AudienceKind(late.kind)
    return NextStep(
        ACTION[kind],
        f"Send the overdue {kind.label.lower()} update",
        "It was promised, and the time has passed. A short one that says when the next comes"
        " is enough.",
    )


def first_update(incident: Incident) -> NextStep | None:
    """One query, on incidents whose severity asks for internal updates.

    Not while a declaration waits to be announced: what is sent for it is about to go out.
    """
    if not incident.is_live or incident.severity.internal_update_minutes is None:
        return None
    said = Update.objects.sent().filter(incident=OuterRef("pk"))
    announced_soon = Announcement.objects.filter(
        entry__incident=OuterRef("pk"), entry__kind=Kind.INCIDENT_DECLARED
    )
    if Incident.objects.filter(Exists(said) | Exists(announced_soon), pk=incident.pk).exists():
        return None
    return NextStep("update", "Post the first update", "Nobody has been told anything yet.")
