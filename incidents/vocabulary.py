"""The words of the timeline: what kinds of entries there are, and the sentence each becomes.

Entries store a kind and data; wording is made here, when it is shown. Apps to the right register
kinds of their own when they are ready. A kind nobody registered is shown as it is.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from django.db.models import TextChoices
from django.utils import timezone

from incidents.phases import Phase

if TYPE_CHECKING:
    from incidents.timeline import TimelineEntry

# A moment as entries keep it, with its offset: 2026-03-02T10:00:00+00:00.
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$")


class Tone(StrEnum):
    """How loud an entry is on the page."""

    NEUTRAL = "neutral"
    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


class Kind(TextChoices):
    """What happens to incidents by this app's own doing, in the past tense."""

    INCIDENT_DETECTED = "incident_detected", "Detected"
    ALERT_ATTACHED = "alert_attached", "Alert attached"
    ALERT_RESOLVED = "alert_resolved", "Alert resolved"
    ALERTS_SUMMED = "alerts_summed", "Alerts counted"
    ALERT_FLAPPING = "alert_flapping", "Alert is flapping"
    ALERTS_TRUNCATED = "alerts_truncated", "Alerts truncated"
    ESCALATION_STARTED = "escalation_started", "Escalation started"
    ESCALATED = "escalated", "Escalated"
    PAGING_POSTPONED = "paging_postponed", "Paging postponed"
    NOBODY_ON_CALL = "nobody_on_call", "Nobody on call"
    STEP_PASSED_OVER = "step_passed_over", "Step passed over"
    RESPONDER_PAGED = "responder_paged", "Paged"
    PAGE_ACKNOWLEDGED = "page_acknowledged", "Page acknowledged"
    PAGE_DECLINED = "page_declined", "Page declined"
    PAGE_STOPPED = "page_stopped", "Page stopped"
    PAGE_UNREACHABLE = "page_unreachable", "Not reachable"
    ESCALATION_EXHAUSTED = "escalation_exhausted", "Escalation exhausted"
    ESCALATION_STOPPED = "escalation_stopped", "Escalation stopped"
    INCIDENT_ACKNOWLEDGED = "incident_acknowledged", "Acknowledged"
    INCIDENT_TAKEN_OVER = "incident_taken_over", "Taken over"
    INCIDENT_SNOOZED = "incident_snoozed", "Snoozed"
    ACKNOWLEDGEMENT_CONFIRMED = "acknowledgement_confirmed", "Still on it"
    ACKNOWLEDGEMENT_EXPIRED = "acknowledgement_expired", "Acknowledgement lapsed"
    INCIDENT_DECLARED = "incident_declared", "Declared"
    SEVERITY_CHANGED = "severity_changed", "Severity changed"
    PHASE_CHANGED = "phase_changed", "Phase changed"
    INCIDENT_RESTORED = "incident_restored", "Restored"
    INCIDENT_DISMISSED = "incident_dismissed", "Dismissed"
    INCIDENT_CLOSED = "incident_closed", "Closed"
    INCIDENT_REOPENED = "incident_reopened", "Reopened"
    ROLE_ASSIGNED = "role_assigned", "Role assigned"
    ROLE_ENDED = "role_ended", "Role ended"
    ROLES_UNFILLED = "roles_unfilled", "Roles unfilled"
    RESPONDER_REQUESTED = "responder_requested", "Responder requested"
    RESPONDER_REMINDED = "responder_reminded", "Responder reminded"
    RESPONDER_UNANSWERED = "responder_unanswered", "Request unanswered"
    RESPONDER_ACKNOWLEDGED = "responder_acknowledged", "Responder acknowledged"
    RESPONDER_DECLINED = "responder_declined", "Responder declined"
    RESPONDER_ASKED_TO_LEAVE = "responder_asked_to_leave", "Responder asked to leave"
    RESPONDER_RELEASED = "responder_released", "Responder released"
    REQUEST_WITHDRAWN = "request_withdrawn", "Request withdrawn"
    NOTE_ADDED = "note_added", "Note"
    MILESTONE_CORRECTED = "milestone_corrected", "Milestone corrected"
    DETAILS_CHANGED = "details_changed", "Details changed"
    REPORT_ATTACHED = "report_attached", "Report"
    LEAD_MISSING = "lead_missing", "Nobody leads"
    ESCALATED_TO_TEAM = "escalated_to_team", "Escalated to a team"
    RESOLVED_AT_FIRST_LINE = "resolved_at_first_line", "Resolved at first line"


# What tells that an incident has changed its phase.
PHASE_KINDS = (
    Kind.INCIDENT_DECLARED,
    Kind.PHASE_CHANGED,
    Kind.INCIDENT_RESTORED,
    Kind.INCIDENT_DISMISSED,
    Kind.INCIDENT_CLOSED,
    Kind.INCIDENT_REOPENED,
)


@dataclass(frozen=True)
class EntryKind:
    """How entries of one kind are shown.

    `icon` is a Material symbol. `sentence` is a format string over the entry's `data` and
    `{actor}`, plain text to be escaped where it is shown; what `data` lacks shows as "…".
    """

    slug: str
    label: str
    icon: str
    tone: Tone
    sentence: str


_kinds: dict[str, EntryKind] = {}


def register(kind: EntryKind) -> None:
    """Teach the timeline a kind. Registering a slug again replaces it."""
    _kinds[kind.slug] = kind


def describe(slug: str) -> EntryKind:
    """The kind of this name, or a plain stand-in that shows the name of an unknown one."""
    return _kinds.get(slug) or EntryKind(slug, slug, "circle", Tone.NEUTRAL, f"{{actor}}: {slug}.")


def known_kinds() -> list[EntryKind]:
    return list(_kinds.values())


def sentence(entry: "TimelineEntry") -> str:
    """What happened, as one sentence. No queries. What the person wrote is not part of it."""
    words = _Words({key: _word(value) for key, value in entry.data.items()})
    words["actor"] = entry.actor_name
    text = describe(entry.kind).sentence.format_map(words)
    return text[:1].upper() + text[1:]


class _Words(dict[str, str]):
    """Older entries may lack what a newer sentence names."""

    def __missing__(self, key: str) -> str:
        return "…"


def _word(value: object) -> str:
    if isinstance(value, list):
        return _in_a_row(str(item) for item in value)
    if value in Phase.values:
        return str(Phase(value).label)
    if isinstance(value, str) and _MOMENT.match(value):
        # Stored with its offset, read in the zone of whoever looks.
        return f"{timezone.localtime(datetime.fromisoformat(value)):%-d %b %Y, %H:%M %Z}"
    return "nothing" if value in (None, "") else str(value)


def _in_a_row(words: Iterable[str]) -> str:
    *first, last = list(words) or [""]
    return f"{', '.join(first)} and {last}" if first else last


def _register_own() -> None:
    shown: dict[Kind, tuple[str, Tone, str]] = {
        Kind.INCIDENT_DETECTED: (
            "radar",
            Tone.WARNING,
            "{actor} opened the incident: {title}.",
        ),
        Kind.ALERT_ATTACHED: ("add_alert", Tone.NEUTRAL, "Alert attached: {title}."),
        Kind.ALERT_RESOLVED: (
            "notifications_off",
            Tone.GOOD,
            "Alert resolved: {title}.",
        ),
        Kind.ALERTS_SUMMED: (
            "stacks",
            Tone.NEUTRAL,
            "More alerts came or went ({count}): {firing} of {total} still fire.",
        ),
        Kind.ALERT_FLAPPING: (
            "airwave",
            Tone.WARNING,
            "{title} is flapping: fired {times} times in {minutes} minutes; it is kept open until"
            " it has been quiet for {quiet_minutes} minutes.",
        ),
        Kind.ALERTS_TRUNCATED: (
            "content_cut",
            Tone.WARNING,
            "The monitor left out {count} more alerts of this group.",
        ),
        Kind.ESCALATION_STARTED: ("stairs", Tone.NEUTRAL, "Paging began by {policy}."),
        Kind.ESCALATED: (
            "keyboard_double_arrow_up",
            Tone.WARNING,
            "{actor} escalated the incident to the next level.",
        ),
        Kind.PAGING_POSTPONED: (
            "schedule",
            Tone.NEUTRAL,
            "Paging waits until {until}: every affected service is under maintenance.",
        ),
        Kind.NOBODY_ON_CALL: (
            "person_off",
            Tone.BAD,
            "Nobody was on call at step {step} of {policy}.",
        ),
        Kind.STEP_PASSED_OVER: (
            "skip_next",
            Tone.WARNING,
            "Step {step} of {policy} paged nobody: {reason}.",
        ),
        Kind.RESPONDER_PAGED: (
            "ring_volume",
            Tone.NEUTRAL,
            "{person} was paged ({target}; {policy}, version {policy_version}).",
        ),
        Kind.PAGE_ACKNOWLEDGED: (
            "check_circle",
            Tone.GOOD,
            "{actor} answered the page.",
        ),
        Kind.PAGE_DECLINED: ("cancel", Tone.WARNING, "{actor} declined the page."),
        Kind.PAGE_STOPPED: (
            "person_off",
            Tone.WARNING,
            "{person} is no longer active and cannot answer the page.",
        ),
        Kind.PAGE_UNREACHABLE: (
            "phone_disabled",
            Tone.BAD,
            "{person} has no address that works and could not be paged.",
        ),
        Kind.ESCALATION_EXHAUSTED: (
            "report",
            Tone.BAD,
            "Nobody answered, to the end of {policy}; {then}.",
        ),
        Kind.ESCALATION_STOPPED: (
            "stop_circle",
            Tone.NEUTRAL,
            "Paging stopped: {reason}.",
        ),
        Kind.INCIDENT_ACKNOWLEDGED: (
            "check_circle",
            Tone.GOOD,
            "{actor} took the incident.",
        ),
        Kind.INCIDENT_TAKEN_OVER: (
            "check_circle",
            Tone.GOOD,
            "{actor} took the incident over.",
        ),
        Kind.INCIDENT_SNOOZED: (
            "snooze",
            Tone.NEUTRAL,
            "{actor} snoozed the incident until {until}.",
        ),
        Kind.ACKNOWLEDGEMENT_CONFIRMED: (
            "thumb_up",
            Tone.GOOD,
            "{actor} is still on it.",
        ),
        Kind.ACKNOWLEDGEMENT_EXPIRED: (
            "alarm",
            Tone.WARNING,
            "{reason}: {asked} paged again.",
        ),
        Kind.INCIDENT_DECLARED: (
            "campaign",
            Tone.WARNING,
            "{actor} declared the incident, as {severity_name}.",
        ),
        Kind.SEVERITY_CHANGED: (
            "swap_vert",
            Tone.WARNING,
            "{actor} changed the severity from {old_name} to {new_name}.",
        ),
        Kind.PHASE_CHANGED: (
            "arrow_forward",
            Tone.NEUTRAL,
            "{actor} moved the incident from {old} to {new}.",
        ),
        Kind.INCIDENT_RESTORED: (
            "healing",
            Tone.GOOD,
            "{actor} marked service as restored.",
        ),
        Kind.INCIDENT_DISMISSED: (
            "block",
            Tone.NEUTRAL,
            "{actor} dismissed it: no incident.",
        ),
        Kind.INCIDENT_CLOSED: ("task_alt", Tone.GOOD, "{actor} closed the incident."),
        Kind.INCIDENT_REOPENED: (
            "undo",
            Tone.WARNING,
            "{actor} reopened the incident, from {old} to {new}.",
        ),
        Kind.ROLE_ASSIGNED: ("badge", Tone.NEUTRAL, "{person} became {role_name}."),
        Kind.ROLE_ENDED: ("badge", Tone.NEUTRAL, "{person} is no longer {role_name}."),
        Kind.ROLES_UNFILLED: (
            "person_search",
            Tone.BAD,
            "Nobody is on call for {role_names}.",
        ),
        Kind.RESPONDER_REQUESTED: (
            "person_add",
            Tone.NEUTRAL,
            "{actor} asked {person} to help ({purpose}).",
        ),
        Kind.RESPONDER_REMINDED: ("replay", Tone.NEUTRAL, "{person} was asked again."),
        Kind.RESPONDER_UNANSWERED: (
            "person_alert",
            Tone.BAD,
            "{person} has not answered after {reminders} reminders.",
        ),
        Kind.RESPONDER_ACKNOWLEDGED: (
            "how_to_reg",
            Tone.GOOD,
            "{person} joined as responder.",
        ),
        Kind.RESPONDER_DECLINED: (
            "person_cancel",
            Tone.WARNING,
            "{person} cannot help.",
        ),
        Kind.RESPONDER_ASKED_TO_LEAVE: (
            "logout",
            Tone.WARNING,
            "{person} asked to leave.",
        ),
        Kind.RESPONDER_RELEASED: (
            "person_remove",
            Tone.NEUTRAL,
            "{actor} released {person}.",
        ),
        Kind.REQUEST_WITHDRAWN: (
            "person_remove",
            Tone.NEUTRAL,
            "{actor} withdrew the request to {person}.",
        ),
        Kind.NOTE_ADDED: ("edit_note", Tone.NEUTRAL, "{actor} noted:"),
        Kind.MILESTONE_CORRECTED: (
            "history",
            Tone.NEUTRAL,
            "{actor} corrected {milestone_name} from {old} to {new}.",
        ),
        Kind.DETAILS_CHANGED: ("edit", Tone.NEUTRAL, "{actor} changed {fields}."),
        Kind.REPORT_ATTACHED: ("record_voice_over", Tone.NEUTRAL, "{reporter} reported: {title}."),
        Kind.LEAD_MISSING: (
            "person_alert",
            Tone.BAD,
            "Nobody has led this incident for {minutes} minutes.",
        ),
        Kind.ESCALATED_TO_TEAM: ("forward", Tone.NEUTRAL, "{actor} escalated it to {team}."),
        Kind.RESOLVED_AT_FIRST_LINE: (
            "done_all",
            Tone.GOOD,
            "{actor} resolved it at first line.",
        ),
    }
    for kind, (icon, tone, text) in shown.items():
        register(EntryKind(kind.value, str(kind.label), icon, tone, text))


_register_own()
