"""The first draft of a postmortem, written from the incident's record in Markdown."""

from collections.abc import Callable
from datetime import datetime, timedelta

from incidents.models import Alert, Incident, TimelineEntry
from incidents.vocabulary import sentence
from postmortems.contributions import contributions
from postmortems.models import ActionItem, Postmortem, Section, SectionGuide
from postmortems.models.sections import Facts

MILESTONES = (
    ("impact_began_at", "Impact began"),
    ("detected_at", "Detected"),
    ("acknowledged_at", "Acknowledged"),
    ("declared_at", "Declared"),
    ("cause_found_at", "Cause found"),
    ("restored_at", "Restored"),
)
# What explains the course of events; pages, reminders and deliveries do not.
TELLING_KINDS = (
    "incident_detected",
    "incident_acknowledged",
    "incident_declared",
    "severity_changed",
    "phase_changed",
    "incident_restored",
    "incident_reopened",
    "role_assigned",
    "note_added",
    "update_sent",
    "alert_resolved",
    "escalation_exhausted",
    "nobody_on_call",
)
MAX_LINES = 200


def draft_sections(postmortem: Postmortem, *, at: datetime) -> None:
    """Make the sections that the incident's severity asks for, filled from the record."""
    incident = postmortem.incident
    Section.objects.bulk_create(
        Section(
            postmortem=postmortem,
            title=guide.title,
            guidance=guide.guidance,
            position=guide.position,
            is_required=guide.is_required,
            body=WRITERS[guide.facts](incident, at) if guide.facts else "",
        )
        for guide in SectionGuide.objects.for_severity(incident.severity)
    )
    # What was promised while the incident was open belongs to its postmortem from now on.
    ActionItem.objects.filter(incident=incident, postmortem=None).update(postmortem=postmortem)


def summary(incident: Incident, at: datetime) -> str:
    parts = [
        incident.summary,
        f"**Cause:** {incident.confirmed_cause}" if incident.confirmed_cause else "",
        f"**Suspected cause:** {incident.suspected_cause}"
        if incident.suspected_cause and not incident.confirmed_cause
        else "",
    ]
    return "\n\n".join(part for part in parts if part)


def impact(incident: Incident, at: datetime) -> str:
    services = ", ".join(service.name for service in incident.services.all())
    lines = [incident.customer_impact, f"- Services: {services}" if services else ""]
    began_at = incident.impact_began_at or incident.detected_at
    if began_at:
        lines.append(f"- From {moment(began_at)} to {moment(incident.restored_at)}")
    if began_at and incident.restored_at:
        lines.append(f"- Duration: {duration(incident.restored_at - began_at)}")
    if incident.workaround:
        lines.append(f"- Way round: {incident.workaround}")
    return "\n".join(line for line in lines if line)


def milestones(incident: Incident, at: datetime) -> str:
    """A table of the milestones known, each with the time since the one before."""
    known = sorted(
        (getattr(incident, name), label)
        for name, label in MILESTONES
        if getattr(incident, name) is not None
    )
    rows = ["| Milestone | Time | After |", "|---|---|---|"]
    previous = None
    for reached_at, label in known:
        after = duration(reached_at - previous) if previous else ""
        rows.append(f"| {label} | {moment(reached_at)} | {after} |")
        previous = reached_at
    return "\n".join(rows)


def timeline(incident: Incident, at: datetime) -> str:
    """What explains the course of events, and whatever somebody pinned, oldest first."""
    entries = TimelineEntry.objects.filter(incident=incident).order_by("at", "pk")
    telling = [entry for entry in entries if entry.is_pinned or entry.kind in TELLING_KINDS]
    lines = [f"- {moment(entry.at)}: {told(entry)}" for entry in telling[:MAX_LINES]]
    if len(telling) > MAX_LINES:
        lines.append(f"- … and {len(telling) - MAX_LINES} more on the incident's timeline.")
    return "\n".join(lines)


def responders(incident: Incident, at: datetime) -> str:
    return "\n".join(f"- {found.person}: {found}" for found in contributions(incident, at=at))


def alerts(incident: Incident, at: datetime) -> str:
    found = Alert.objects.filter(incident=incident).order_by("first_seen_at", "pk")
    return "\n".join(
        f"- {moment(alert.started_at or alert.first_seen_at)}: {alert.title}"
        f" (seen {alert.count} ×, {ending(alert)})"
        for alert in found[:MAX_LINES]
    )


WRITERS: dict[str, Callable[[Incident, datetime], str]] = {
    Facts.SUMMARY: summary,
    Facts.IMPACT: impact,
    Facts.MILESTONES: milestones,
    Facts.TIMELINE: timeline,
    Facts.RESPONDERS: responders,
    Facts.ALERTS: alerts,
}


def told(entry: TimelineEntry) -> str:
    said = sentence(entry)
    return f"{said.rstrip('.:')}: {entry.text}" if entry.text else said


def ending(alert: Alert) -> str:
    return f"resolved {moment(alert.resolved_at)}" if alert.resolved_at else "still firing"


def moment(at: datetime | None) -> str:
    """As it stands in the text, which people of several zones read: in UTC, and saying so."""
    return f"{at:%Y-%m-%d %H:%M} UTC" if at else "now"


def duration(span: timedelta) -> str:
    minutes = int(span.total_seconds() // 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
