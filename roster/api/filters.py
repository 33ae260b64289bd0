"""How lists are narrowed: by slugs that exist and known words; anything else is refused."""

from typing import Any

import django_filters
from django import forms

from roster.models import Person, Schedule, Team


class TrueOrFalseField(forms.NullBooleanField):
    """`true` or `false`; Django's own takes anything else for "not asked"."""

    widget = forms.TextInput

    # Django's own returns None too; its stubs do not say so.
    def to_python(self, value: Any) -> bool | None:  # type: ignore[override]
        """Return None only where nothing was given."""
        if not value:
            return None
        if value not in ("true", "false"):
            raise forms.ValidationError("Give true or false.")
        return bool(value == "true")


class BooleanFilter(django_filters.BooleanFilter):
    """`?active=true`."""

    field_class = TrueOrFalseField


class SlugFilter(django_filters.ModelChoiceFilter):
    """`?team=payments`; refuses an unknown slug, where an empty list would mislead."""

    # What a filter takes is django-filter's matter.
    def __init__(self, **options: Any) -> None:
        errors = {"invalid_choice": "There is nothing with this slug."}
        super().__init__(to_field_name="slug", error_messages=errors, **options)


class PersonFilter(django_filters.FilterSet):
    """`?team=payments&active=true`."""

    team = SlugFilter(field_name="teams", queryset=Team.objects.all())
    active = BooleanFilter(field_name="is_active")

    class Meta:
        model = Person
        fields: list[str] = []


class TeamFilter(django_filters.FilterSet):
    """`?kind=legal`."""

    kind = django_filters.ChoiceFilter(choices=Team.Kind.choices)

    class Meta:
        model = Team
        fields: list[str] = []


class ScheduleFilter(django_filters.FilterSet):
    """`?team=payments&active=true`."""

    team = SlugFilter(field_name="team", queryset=Team.objects.all())
    active = BooleanFilter(field_name="is_active")

    class Meta:
        model = Schedule
        fields: list[str] = []
