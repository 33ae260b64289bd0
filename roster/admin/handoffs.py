"""The page on which the note for the next person is written."""

from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from unfold.widgets import UnfoldAdminTextareaWidget

from roster import handoffs, oncall
from roster.admin.sheets import answer_sheet, show_sheet
from roster.admin_base import person_of
from roster.handoffs import Handoff
from roster.link_purposes.handoffs import NoteForm
from roster.models import HandoffNote, Schedule

TEMPLATE = "admin/roster/handoff_note.html"


class AdminNoteForm(NoteForm):
    """The same question as the link in a message asks, in the admin's clothes."""

    text = forms.CharField(
        label=NoteForm.base_fields["text"].label,
        max_length=handoffs.LONGEST_NOTE,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 6}),
        help_text=NoteForm.base_fields["text"].help_text,
    )


def handoff_note_page(request: HttpRequest, pk: int) -> HttpResponse:
    """What is open and what was written; the form for whoever goes off duty."""
    if not request.user.has_perm("roster.view_schedule"):
        raise PermissionDenied
    schedule = get_object_or_404(Schedule, pk=pk)
    now = timezone.now()
    person = person_of(request)
    handoff = handoffs.handoff_of(schedule, person, at=now) if person else None
    to = reverse("admin:roster_schedule_calendar", args=[pk])
    context: dict[str, Any] = {
        "title": f"Hand over {schedule}",
        "handoff": handoff,
        "work": handoffs.open_work(schedule, at=now, viewer=request.user),
        "notes": _notes(schedule, now),
    }
    if handoff is None:
        if request.method == "POST":
            raise PermissionDenied
        return show_sheet(request, TEMPLATE, to=to, **context)
    form = AdminNoteForm(request.POST if request.method == "POST" else None)

    def change() -> str:
        text = form.cleaned_data["text"]
        handoffs.write_note(schedule, author=handoff.outgoing, text=text, at=now)
        return f"Your note is with {_names(handoff) or 'nobody yet'}."

    return answer_sheet(
        request, form, change, to=to, template=TEMPLATE, button="Send the note", **context
    )


def _names(handoff: Handoff) -> str:
    return " and ".join(person.name for person in handoff.incoming)


def _notes(schedule: Schedule, now: datetime) -> list[HandoffNote]:
    on_call = oncall.on_call([schedule], now)
    return handoffs.notes_of([schedule], on_call, at=now)[schedule.pk]
