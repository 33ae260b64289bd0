"""Form fields that work under stress: on a phone, without scripts, without losing input."""

from datetime import datetime
from typing import Any

from django import forms
from django.utils import timezone
from unfold.widgets import (
    DATETIME_CLASSES,
    INPUT_CLASSES,
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldAdminURLInputWidget,
    UnfoldBooleanWidget,
)

from roster.models import Person


class MomentInput(forms.DateTimeInput):
    """The browser's own date and time picker, in the viewer's zone."""

    input_type = "datetime-local"

    def __init__(self) -> None:
        attrs = {"class": " ".join(DATETIME_CLASSES), "step": "1"}
        super().__init__(attrs=attrs, format="%Y-%m-%dT%H:%M:%S")


class MomentField(forms.DateTimeField):
    """A moment that has passed, typed in the viewer's zone, which the label names."""

    widget = MomentInput

    def __init__(self, *, label: str, **kwargs: Any) -> None:  # as forms.DateTimeField
        self.bare_label = label
        super().__init__(label=label, **kwargs)

    def clean(self, value: Any) -> datetime | None:  # whatever the browser sent
        moment = super().clean(value)
        if moment and moment > timezone.now():
            raise forms.ValidationError("This is still to come. Give a time that has passed.")
        return moment

    def get_bound_field(self, form: forms.BaseForm, field_name: str) -> forms.BoundField:
        bound = super().get_bound_field(form, field_name)
        bound.label = f"{self.bare_label} ({timezone.localtime():%Z})"
        return bound


class ComingMomentField(MomentField):
    """A moment yet to come, typed likewise."""

    def clean(self, value: Any) -> datetime | None:  # whatever the browser sent
        moment = forms.DateTimeField.clean(self, value)
        if moment and moment <= timezone.now():
            raise forms.ValidationError("This has passed. Give a time that is still to come.")
        return moment


class PersonInput(forms.TextInput):
    """A text box that completes names while typing; the browser does it, from a list of all."""

    template_name = "incidents/widgets/person.html"

    def __init__(self) -> None:
        super().__init__(attrs={"class": " ".join(INPUT_CLASSES), "autocomplete": "off"})

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:  # as Widget
        context = super().get_context(name, value, attrs)
        context["people"] = Person.objects.active().order_by("name").values("name", "slug", "title")
        return context


class PersonField(forms.CharField):
    """An active person, named by slug or by full name; the list of the widget offers slugs."""

    widget = PersonInput

    def clean(self, value: Any) -> Any:  # str in, Person out
        text = super().clean(value)
        if not text:
            return None
        people = Person.objects.active()
        found = people.filter(slug=text).first() or people.filter(name__iexact=text).first()
        if found is None:
            raise forms.ValidationError(f"Nobody active is called “{text}”. Choose from the list.")
        return found


class LabelsField(forms.CharField):
    """A list of label names, typed with commas between."""

    def __init__(self, **kwargs: Any) -> None:  # as forms.CharField
        super().__init__(required=False, widget=UnfoldAdminTextInputWidget(), **kwargs)

    def prepare_value(self, value: Any) -> Any:  # the list of the model, or what was typed
        return ", ".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:  # str in, list out
        return [name.strip() for name in (value or "").split(",") if name.strip()]


def line(label: str, **kwargs: Any) -> forms.CharField:  # as forms.CharField
    return forms.CharField(label=label, widget=UnfoldAdminTextInputWidget(), **kwargs)


def text(label: str, *, rows: int = 3, **kwargs: Any) -> forms.CharField:  # as forms.CharField
    return forms.CharField(label=label, widget=UnfoldAdminTextareaWidget({"rows": rows}), **kwargs)


def address(label: str) -> forms.URLField:
    return forms.URLField(
        label=label, required=False, widget=UnfoldAdminURLInputWidget(), assume_scheme="https"
    )


def flag(label: str, **kwargs: Any) -> forms.BooleanField:  # as forms.BooleanField
    return forms.BooleanField(label=label, required=False, widget=UnfoldBooleanWidget(), **kwargs)


def choice(label: str, choices: Any, **kwargs: Any) -> forms.ChoiceField:  # as forms.ChoiceField
    return forms.ChoiceField(
        label=label, choices=choices, widget=UnfoldAdminSelectWidget(), **kwargs
    )


def one_of(label: str, rows: Any, **kwargs: Any) -> forms.ModelChoiceField:  # as ModelChoiceField
    return forms.ModelChoiceField(rows, label=label, widget=UnfoldAdminSelectWidget(), **kwargs)


class RespondersField(forms.ModelMultipleChoiceField):
    """Some of the people on an incident, by name alone."""

    def label_from_instance(self, obj: Any) -> str:  # a Responder with its person
        return obj.person.name


def some_of(
    label: str,
    rows: Any,  # as forms.ModelMultipleChoiceField
    field: type[forms.ModelMultipleChoiceField] = forms.ModelMultipleChoiceField,
    **kwargs: Any,  # likewise
) -> forms.ModelMultipleChoiceField:
    """Boxes to tick, since a list to pick several from asks for a keyboard; long ones scroll."""
    return field(rows, label=label, widget=UnfoldAdminCheckboxSelectMultipleWidget(), **kwargs)
