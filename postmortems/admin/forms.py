"""What the buttons of a postmortem ask for."""

from typing import Any

from django import forms
from django.db.models import Max
from django.http import HttpRequest
from unfold.forms import BaseDialogForm
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminSplitDateTimeWidget,
    UnfoldAdminTextareaWidget,
)

from postmortems.models import Invitation, Postmortem, Section
from roster.models import Person


class SectionForm(forms.ModelForm[Section]):
    """Writes one section: its guidance stands under the text, an added one goes to the end."""

    class Meta:
        model = Section
        fields = ["title", "body"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # as the form set's base takes them
        super().__init__(*args, **kwargs)
        if self.instance.guidance:
            self.fields["body"].help_text = f"{self.instance.guidance} Markdown."

    def save(self, commit: bool = True) -> Section:
        """Keep it; nobody has to write what was added by hand."""
        if self.instance._state.adding:
            last = self.instance.postmortem.sections.aggregate(last=Max("position"))["last"]
            self.instance.position, self.instance.is_required = (last or 0) + 1, False
        return super().save(commit)


class Dialog(BaseDialogForm):
    """Shows a refusal that belongs to no field, which Unfold's own dialogs leave out."""

    form_before_template = "admin/incidents/incident/errors.html"

    def get_before_template_context(
        self, request: HttpRequest, object_id: int | str | None = None
    ) -> dict[str, Any]:
        return {"form": self}


class PersonDialog(Dialog):
    """Asks for a person among the active ones."""

    person = forms.ModelChoiceField(
        Person.objects.active().order_by("name"), widget=UnfoldAdminSelectWidget
    )


class ReasonDialog(Dialog):
    reason = forms.CharField(widget=UnfoldAdminTextareaWidget, max_length=2000)


class OutcomeDialog(Dialog):
    outcome = forms.CharField(
        label="What was done (may stay empty)",
        widget=UnfoldAdminTextareaWidget,
        max_length=2000,
        required=False,
    )


class ReviewDialog(Dialog):
    """The new time of a review, typed in the viewer's zone."""

    review_at = forms.SplitDateTimeField(
        label="Review meeting at", widget=UnfoldAdminSplitDateTimeWidget
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # as the dialog's base takes them
        super().__init__(*args, **kwargs)
        postmortem = Postmortem.objects.filter(pk=self.object_id).first()
        self.initial["review_at"] = postmortem and postmortem.review_at


class ExcuseDialog(ReasonDialog):
    """Asks which of those invited need not come, and why."""

    invitation = forms.ModelChoiceField(
        Invitation.objects.none(), label="Who need not come", widget=UnfoldAdminSelectWidget
    )
    field_order = ("invitation", "reason")

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # as the dialog's base takes them
        super().__init__(*args, **kwargs)
        invited = Invitation.objects.standing().filter(postmortem=self.object_id)
        self.fields["invitation"].queryset = invited.select_related("person", "postmortem")
