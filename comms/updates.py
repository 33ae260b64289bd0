"""Telling stakeholders: drafted, approved where an audience demands it, sent once.

What customers read must say when they hear from us next, or that this was the last (R213); the
promise that this makes is kept in `comms.promises`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from django.db import transaction

from comms import promises
from comms.audiences import recipients
from comms.content import Content
from comms.entry_kinds import Kind
from comms.facts import absolute, context, moment
from comms.models import (
    Audience,
    AudienceKind,
    Message,
    Priority,
    Purpose,
    Template,
    Update,
    UpdateState,
)
from comms.outbox import About, Address, compose, enqueue
from comms.wording import written
from incidents.models import LIVE_PHASES, Incident
from incidents.timeline import TimelineEntry
from roster.actors import Actor
from roster.errors import DomainError


class UpdateError(DomainError):
    """An update that cannot be drafted, approved or sent as it is."""


@dataclass(frozen=True)
class Draft:
    """What a person decides about an update. `next_due_at` None and not last: nothing is said."""

    subject: str
    body: str  # Markdown
    audiences: Sequence[Audience]
    next_due_at: datetime | None = None
    is_last: bool = False
    template: Template | None = None


def draft_update(incident: Incident, *, kind: str, draft: Draft, by: Actor, at: datetime) -> Update:
    """Keep a draft. Raises UpdateError naming the fields that are not right.

    An internal update of a live incident that says nothing of the next promises it after the
    minutes that the severity asks for.
    """
    if not draft.is_last and not draft.next_due_at and kind == AudienceKind.INTERNAL:
        next_due_at = usual_next(incident, kind=kind, at=at)
    else:
        next_due_at = draft.next_due_at
    _refuse_incomplete(draft, kind=kind, next_due_at=next_due_at, at=at)
    with transaction.atomic():
        update = Update.objects.create(
            incident=incident,
            kind=kind,
            subject=draft.subject.strip(),
            body=draft.body.strip(),
            template=draft.template,
            author=by.person,
            author_name=by.name,
            created_at=at,
            next_update_due_at=next_due_at,
            is_last=draft.is_last,
        )
        update.audiences.set(draft.audiences)
    return update


def usual_next(incident: Incident, *, kind: str, at: datetime) -> datetime | None:
    """When the severity wants the next update of this kind; None when it asks for none."""
    severity = incident.severity
    minutes = (
        severity.external_update_minutes
        if kind == AudienceKind.EXTERNAL
        else severity.internal_update_minutes
    )
    if minutes is None or incident.phase not in LIVE_PHASES:
        return None
    return at + timedelta(minutes=minutes)


def _refuse_incomplete(
    draft: Draft, *, kind: str, next_due_at: datetime | None, at: datetime
) -> None:
    fields: dict[str, list[str]] = {}
    if not draft.subject.strip():
        fields["subject"] = ["Write a subject."]
    if not draft.body.strip():
        fields["body"] = ["Write what happened, or choose a template."]
    if not draft.audiences:
        fields["audiences"] = ["Choose who is told."]
    elif wrong := [audience.name for audience in draft.audiences if audience.kind != kind]:
        fields["audiences"] = [f"{', '.join(wrong)}: not for {kind} updates."]
    if draft.is_last and draft.next_due_at:
        fields["is_last"] = ["The last update cannot promise another. Choose one of the two."]
    elif next_due_at and next_due_at <= at:
        fields["next_due_at"] = ["Promise the next update for a time still to come."]
    elif kind == AudienceKind.EXTERNAL and not (next_due_at or draft.is_last):
        fields["next_due_at"] = ["Say when the next update comes, or that this is the last."]
    if fields:
        message = " ".join(text for texts in fields.values() for text in texts)
        raise UpdateError("update_incomplete", message, fields)


def approve(update: Update, *, by: Actor, at: datetime) -> None:
    """Let a draft go out; anybody but its author may. Repeating it is refused."""
    is_author = by.person == update.author if by.person else by.name == update.author_name
    if is_author:
        raise UpdateError("own_update", "You wrote this update. Ask somebody else to approve it.")
    with transaction.atomic():
        drafts = Update.objects.filter(pk=update.pk, state=UpdateState.DRAFT)
        if not drafts.update(
            state=UpdateState.APPROVED,
            approved_by=by.person,
            approved_by_name=by.name,
            approved_at=at,
        ):
            raise UpdateError("not_a_draft", f"“{update.subject}” is approved or sent already.")
        data = {"update": update.pk, "audience": update.kind, "subject": update.subject}
        TimelineEntry.record(update.incident, Kind.UPDATE_APPROVED, by=by, at=at, data=data)
    update.refresh_from_db()


def send_update(update: Update, *, by: Actor, at: datetime) -> int:
    """Send it: one message per address, the promise it makes, one entry. Answers how many.

    Raises UpdateError when it was sent already, waits for approval, or reaches nobody.
    """
    audiences = list(update.audiences.all())
    to = recipients(audiences, incident=update.incident)
    _refuse_unready(update, audiences, to)
    with transaction.atomic():
        unsent = Update.objects.filter(pk=update.pk).unsent()
        if not unsent.update(state=UpdateState.SENT, sent_at=at):
            raise UpdateError("update_sent", f"“{update.subject}” was sent already.")
        update.state, update.sent_at = UpdateState.SENT, at
        TimelineEntry.record(
            update.incident,
            Kind.UPDATE_SENT,
            by=by,
            at=at,
            data={
                "update": update.pk,
                "audience": update.kind,
                "subject": update.subject,
                "recipients": len(to),
                "audiences": [audience.name for audience in audiences],
                "is_last": update.is_last,
            },
        )
        promises.settle(update, by=by, at=at)
        enqueue(_messages(update, to, at=at))
    return len(to)


def _refuse_unready(update: Update, audiences: Iterable[Audience], to: Sequence[Address]) -> None:
    wary = [audience.name for audience in audiences if audience.requires_approval]
    if wary and update.state == UpdateState.DRAFT:
        raise UpdateError(
            "approval_required",
            f"{', '.join(wary)}: a second person approves what is sent. The draft is kept;"
            " ask somebody who may approve it.",
        )
    if not to:
        sentence = "Nobody in these audiences can be reached by e-mail"
        if update.incident.is_private:
            sentence += " and takes part in this private incident"
        raise UpdateError("nobody_to_tell", f"{sentence}. Choose other audiences.")


def _messages(update: Update, to: Iterable[Address], *, at: datetime) -> list[Message]:
    content = Content(update.subject, _with_closing(update))
    return [
        compose(
            content,
            address,
            key=f"update-{update.pk}-{sha256(address.recipient.lower().encode()).hexdigest()[:16]}",
            priority=Priority.UPDATE,
            about=About(incident=update.incident, update=update),
            at=at,
        )
        for address in to
    ]


def _with_closing(update: Update) -> str:
    """The body, and the line that says when the next comes, unless the author wrote it."""
    lines = [update.body]
    next_at = moment(update.next_update_due_at)
    if next_at and next_at not in update.body:
        lines.append(f"Next update by {next_at}.")
    if update.is_last and "last update" not in update.body.lower():
        lines.append("This is the last update on this incident.")
    if update.kind == AudienceKind.INTERNAL:
        lines.append(absolute(update.incident.get_absolute_url()))
    return "\n\n".join(lines)


def worded(
    incident: Incident,
    *,
    kind: str,
    author: str,
    at: datetime,
    next_due_at: datetime | None = None,
    is_last: bool = False,
    purpose: str = Purpose.UPDATE,
) -> Content:
    """Subject and body from the template that fits the incident now."""
    facts = update_facts(
        incident, kind=kind, author=author, next_due_at=next_due_at, is_last=is_last
    )
    return written(purpose, context(incident, at=at, update=facts), incident=incident, kind=kind)


def update_facts(
    incident: Incident, *, kind: str, author: str, next_due_at: datetime | None, is_last: bool
) -> dict[str, object]:
    """What templates are told of the update that they become. One query."""
    sent_before = Update.objects.sent().filter(incident=incident, kind=kind).count()
    return {
        "next_at": moment(next_due_at),
        "is_last": is_last,
        "number": sent_before + 1,
        "author": author,
    }
