"""Keeping informed whoever reported that something is broken (R176).

They hear of their own report only: its words, and how far the response is. What the incident is
called and who works on it may be none of their business.
"""

from django.db import transaction

from comms.content import Content
from comms.models import Message, Priority
from comms.outbox import About, Address, compose, enqueue
from comms.rendering import escape_markdown
from incidents.models import Report
from incidents.signals import entry_recorded
from incidents.timeline import TimelineEntry
from incidents.vocabulary import Kind
from roster.models import Channel

TAKEN = "It is being worked on as {reference}."
SAID = {
    Kind.INCIDENT_ACKNOWLEDGED: "Somebody has taken it and is looking into it.",
    Kind.INCIDENT_DECLARED: "It was found to be an incident, and people are at work on it.",
    Kind.INCIDENT_RESTORED: "It works again. If you still see it, please report it once more.",
    Kind.INCIDENT_DISMISSED: "It was looked at and found to be over, or no incident.",
}


def connect() -> None:
    entry_recorded.connect(tell_reporters, dispatch_uid="comms.reporters")


def tell_reporters(sender: type[TimelineEntry], entry: TimelineEntry, **kwargs: object) -> None:
    """Write to everybody who reported this incident and left an address; once an entry."""
    told = Report.objects.filter(incident=entry.incident).exclude(reporter_email="")
    if entry.kind == Kind.REPORT_ATTACHED:
        told = told.filter(pk=entry.data["report"])
        sentence = TAKEN.format(reference=entry.incident.reference)
    elif entry.kind in SAID:
        sentence = SAID[Kind(entry.kind)]
    else:
        return
    with transaction.atomic():
        enqueue(_message(report, entry, sentence) for report in told.select_related("reporter"))


def _message(report: Report, entry: TimelineEntry, sentence: str) -> Message:
    title = escape_markdown(report.title)
    when = f"{report.created_at:%-d %B, %H:%M} UTC"
    return compose(
        Content(
            f"Your report {report.reference}: {report.title}",
            f"You reported on {when}: {title}\n\n{sentence}",
        ),
        Address(Channel.EMAIL, report.reporter_email, person=report.reporter),
        key=f"report-{report.pk}-{entry.pk}-profile",
        priority=Priority.UPDATE,
        about=About(incident=entry.incident),
        at=entry.at,
    )
