"""How lists of the roster are narrowed."""

import django_filters

from roster.models import Person, Schedule, Team


class PersonFilter(django_filters.FilterSet):
    """`?team=payments&active=true`."""

    team = django_filters.CharFilter(field_name="teams__slug")
    active = django_filters.BooleanFilter(field_name="is_active")

    class Meta:
        model = Person
        fields: list[str] = []


class TeamFilter(django_filters.FilterSet):
    """`?kind=legal`."""

    kind = django_filters.ChoiceFilter(choices=Team.Kind)

    class Meta:
        model = Team
        fields: list[str] = []


class ScheduleFilter(django_filters.FilterSet):
    """`?team=payments&active=true`."""

    team = django_filters.CharFilter(field_name="team__slug")
    active = django_filters.BooleanFilter(field_name="is_active")

    class Meta:
        model = Schedule
        fields: list[str] = []
