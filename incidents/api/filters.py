"""How lists of incidents, alerts and services are narrowed."""

import django_filters
from django.db.models import QuerySet

from incidents.models import Alert, Change, Incident, Integration, Phase, Service, Severity
from roster.api.filters import BooleanFilter, SlugFilter
from roster.models import Team


class IncidentFilter(django_filters.FilterSet):
    """`?open=true&severity=sev1&service=checkout&detected_after=2026-03-01T00:00:00Z`."""

    open = BooleanFilter(method="filter_open", label="Not yet closed")
    phase = django_filters.MultipleChoiceFilter(choices=Phase.choices)
    severity = SlugFilter(queryset=Severity.objects.all())
    service = SlugFilter(field_name="services", queryset=Service.objects.all())
    kind = django_filters.ChoiceFilter(choices=Incident.Kind.choices)
    detected_after = django_filters.IsoDateTimeFilter(field_name="detected_at", lookup_expr="gte")
    detected_before = django_filters.IsoDateTimeFilter(field_name="detected_at", lookup_expr="lt")

    class Meta:
        model = Incident
        fields: list[str] = []

    def filter_open(
        self, incidents: QuerySet[Incident], name: str, value: bool
    ) -> QuerySet[Incident]:
        """Keep what still needs somebody, or what no longer does."""
        still_open = Incident.objects.open()
        return (
            incidents.filter(pk__in=still_open) if value else incidents.exclude(pk__in=still_open)
        )


class AlertFilter(django_filters.FilterSet):
    """`?state=firing&integration=prometheus&service=checkout`."""

    state = django_filters.ChoiceFilter(choices=Alert.State.choices)
    integration = SlugFilter(queryset=Integration.objects.all())
    service = SlugFilter(queryset=Service.objects.all())

    class Meta:
        model = Alert
        fields: list[str] = []


class ChangeFilter(django_filters.FilterSet):
    """`?service=checkout&kind=deployment&after=2026-03-01T00:00:00Z`."""

    service = SlugFilter(queryset=Service.objects.all())
    integration = SlugFilter(queryset=Integration.objects.all())
    kind = django_filters.CharFilter()
    environment = django_filters.CharFilter()
    after = django_filters.IsoDateTimeFilter(field_name="at", lookup_expr="gte")
    before = django_filters.IsoDateTimeFilter(field_name="at", lookup_expr="lt")

    class Meta:
        model = Change
        fields: list[str] = []


class ServiceFilter(django_filters.FilterSet):
    """`?team=payments&tier=1`."""

    team = SlugFilter(field_name="owner_team", queryset=Team.objects.all())
    tier = django_filters.NumberFilter()

    class Meta:
        model = Service
        fields: list[str] = []
