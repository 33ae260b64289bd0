"""What comms writes on an incident's timeline. Nothing reacts to any of it: comms would answer
itself."""

from django.db.models import TextChoices

from incidents.vocabulary import EntryKind, Tone, register


class Kind(TextChoices):
    UPDATE_SENT = "update_sent", "Update sent"
    UPDATE_APPROVED = "update_approved", "Update approved"
    PROMISE_MADE = "promise_made", "Next update promised"
    PROMISE_KEPT = "promise_kept", "Promise kept"
    PROMISE_MISSED = "promise_missed", "Promise missed"
    PROMISE_REMINDED = "promise_reminded", "Reminded of a promise"
    MESSAGE_FAILED = "message_failed", "Message not delivered"
    MESSAGE_UNDELIVERED = "message_undelivered", "Message came back"
    MESSAGE_RETRIED = "message_retried", "Message tried again"


_SHOWN: dict[Kind, tuple[str, Tone, str]] = {
    Kind.UPDATE_SENT: (
        "campaign",
        Tone.NEUTRAL,
        "{actor} sent an {audience} update to {audiences} (recipients: {recipients}): {subject}",
    ),
    Kind.UPDATE_APPROVED: (
        "verified",
        Tone.NEUTRAL,
        "{actor} approved the {audience} update: {subject}",
    ),
    Kind.PROMISE_MADE: (
        "schedule",
        Tone.NEUTRAL,
        "The next {audience} update is promised for {promised_for}.",
    ),
    Kind.PROMISE_KEPT: (
        "task_alt",
        Tone.GOOD,
        "The {audience} update promised for {promised_for} came in time.",
    ),
    Kind.PROMISE_MISSED: (
        "running_with_errors",
        Tone.BAD,
        "The {audience} update promised for {promised_for} is late.",
    ),
    Kind.PROMISE_REMINDED: (
        "notifications",
        Tone.WARNING,
        "{person} was reminded of the {audience} update promised for {promised_for}.",
    ),
    Kind.MESSAGE_FAILED: (
        "unsubscribe",
        Tone.BAD,
        "“{subject}” did not reach {person} by {channel}: {error}",
    ),
    Kind.MESSAGE_UNDELIVERED: (
        "undo",
        Tone.BAD,
        "“{subject}” was sent to {person} by {channel} and came back: {error}",
    ),
    Kind.MESSAGE_RETRIED: (
        "refresh",
        Tone.NEUTRAL,
        "{actor} had “{subject}” to {person} tried again.",
    ),
}


def register_all() -> None:
    for kind, (icon, tone, sentence) in _SHOWN.items():
        register(EntryKind(kind.value, str(kind.label), icon, tone, sentence))
