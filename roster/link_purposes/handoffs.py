"""Writing the note for the next person, for those without a login too."""

from datetime import datetime, timedelta

from django import forms
from django.utils import timezone

from roster import handoffs
from roster.links import LinkPurpose, register_purpose
from roster.models import Person, Schedule


class NoteForm(forms.Form):
    text = forms.CharField(
        label="What does the next person need to know?",
        max_length=handoffs.LONGEST_NOTE,
        widget=forms.Textarea(attrs={"rows": 8}),
        help_text="What is unstable, what was tried, whom you talked to, what to watch.",
    )


class WriteHandoffNote(LinkPurpose[Schedule]):
    name = "handoff.note"
    lifetime = timedelta(days=2)
    button = "Send the note"
    form = NoteForm

    def load(self, pk: int) -> Schedule | None:
        return Schedule.objects.filter(pk=pk).first()

    def title(self, subject: Schedule) -> str:
        return f"Hand over {subject}"

    def context(self, subject: Schedule, person: Person) -> dict[str, object]:
        now = timezone.now()
        handoff = handoffs.handoff_of(subject, person, at=now)
        if handoff is None:
            return {"facts": [("Handoff", "You have nothing to hand over here any more.")]}
        local = timezone.localtime(handoff.at)
        facts = [
            ("To", ", ".join(each.name for each in handoff.incoming) or "nobody yet"),
            ("At", f"{local:%A %-d %B %Y, %H:%M %Z}"),
        ]
        return {"facts": facts, "links": handoffs.open_work(subject, at=now, viewer=person)}

    def perform(self, subject: Schedule, person: Person, *, at: datetime, text: str) -> str:
        handoffs.write_note(subject, author=person, text=text, at=at)
        return "Thank you. The next person has your note now, and finds it beside their name."


register_purpose(WriteHandoffNote())
