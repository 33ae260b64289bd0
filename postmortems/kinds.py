"""The timeline entries that this app writes, and how each reads."""

from enum import StrEnum

from incidents.vocabulary import EntryKind, Tone, register


class Kind(StrEnum):
    POSTMORTEM_OPENED = "postmortem_opened"
    POSTMORTEM_HANDED_OVER = "postmortem_handed_over"
    POSTMORTEM_NOTED = "postmortem_noted"
    POSTMORTEM_REVIEW_STARTED = "postmortem_review_started"
    POSTMORTEM_RETURNED = "postmortem_returned"
    POSTMORTEM_APPROVED = "postmortem_approved"
    POSTMORTEM_PUBLISHED = "postmortem_published"
    INVITATIONS_SENT = "invitations_sent"
    REVIEW_MOVED = "review_moved"
    INVITATION_CHANGED = "invitation_changed"
    ACTION_ITEM_ADDED = "action_item_added"
    ACTION_ITEM_DONE = "action_item_done"
    ACTION_ITEM_DROPPED = "action_item_dropped"


SENTENCES = (
    (Kind.POSTMORTEM_OPENED, "Postmortem opened", "menu_book", Tone.NEUTRAL,
     "{actor} opened {postmortem}."),
    (Kind.POSTMORTEM_HANDED_OVER, "Postmortem handed over", "swap_horiz", Tone.NEUTRAL,
     "{actor} gave {postmortem} to {owner}."),
    (Kind.POSTMORTEM_NOTED, "Postmortem", "menu_book", Tone.WARNING,
     "{postmortem} stays open: {why}."),
    (Kind.POSTMORTEM_REVIEW_STARTED, "Postmortem in review", "rate_review", Tone.NEUTRAL,
     "{actor} sent {postmortem} to review."),
    (Kind.POSTMORTEM_RETURNED, "Postmortem back to draft", "undo", Tone.WARNING,
     "{actor} took {postmortem} back to draft."),
    (Kind.POSTMORTEM_APPROVED, "Postmortem approved", "verified", Tone.GOOD,
     "{actor} approved {postmortem}."),
    (Kind.POSTMORTEM_PUBLISHED, "Postmortem published", "auto_stories", Tone.GOOD,
     "{actor} published {postmortem}."),
    (Kind.INVITATIONS_SENT, "Review invitations sent", "event", Tone.NEUTRAL,
     "{actor} invited {people} to the review of {postmortem}."),
    (Kind.REVIEW_MOVED, "Review moved", "event_repeat", Tone.NEUTRAL,
     "{actor} moved the review of {postmortem} from {old} to {new}."),
    (Kind.INVITATION_CHANGED, "Review invitation changed", "event", Tone.NEUTRAL,
     "{postmortem}: {person} {change}."),
    (Kind.ACTION_ITEM_ADDED, "Action item added", "add_task", Tone.NEUTRAL,
     "{actor} added {action_item}: {title}."),
    (Kind.ACTION_ITEM_DONE, "Action item done", "task_alt", Tone.GOOD,
     "{actor} finished {action_item}: {title}."),
    (Kind.ACTION_ITEM_DROPPED, "Action item dropped", "block", Tone.WARNING,
     "{actor} dropped {action_item}: {title}."),
)  # fmt: skip


def register_all() -> None:
    for row in SENTENCES:
        register(EntryKind(*row))
