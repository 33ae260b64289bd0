"""What a form explains before anything of it is saved."""

from datetime import datetime

from django import forms
from django.core.exceptions import ValidationError
from django.forms import BaseInlineFormSet
from django.utils import timezone

from roster.models.schedules import ENTRY_GRACE


def not_past(moment: datetime | None) -> datetime | None:
    if moment and moment < timezone.now() - ENTRY_GRACE:
        raise ValidationError("This has passed. Who was on call then stays as it was.")
    return moment


def kept_forms(formset: BaseInlineFormSet) -> list[forms.ModelForm]:
    """The rows that are meant: neither deleted nor left blank."""
    return [
        form
        for form in formset.forms
        if form not in formset.deleted_forms and (form.instance.pk or form.has_changed())
    ]
