"""What the coverage watch found, for the machines that watch the roster."""

import django_filters
from django.db.models import QuerySet
from rest_framework import mixins, serializers, viewsets

from roster.api.filters import BooleanFilter, SlugFilter
from roster.models import CoverageFinding, FindingKind, Person, Schedule


class CoverageFindingSerializer(serializers.ModelSerializer[CoverageFinding]):
    """One finding. `start` without `end`: from then on."""

    schedule: serializers.SlugRelatedField[Schedule] = serializers.SlugRelatedField(
        slug_field="slug", read_only=True
    )
    person: serializers.SlugRelatedField[Person] = serializers.SlugRelatedField(
        slug_field="slug", read_only=True
    )
    start = serializers.DateTimeField(source="starts_at", read_only=True, allow_null=True)
    end = serializers.DateTimeField(source="ends_at", read_only=True, allow_null=True)

    class Meta:
        model = CoverageFinding
        fields = [
            "kind", "text", "schedule", "person", "start", "end", "found_at", "resolved_at",
        ]  # fmt: skip
        read_only_fields = fields


class CoverageFindingFilter(django_filters.FilterSet):
    """`?schedule=database&kind=gap&standing=false`; without `standing`, what stands."""

    schedule = SlugFilter(queryset=Schedule.objects.all())
    kind = django_filters.ChoiceFilter(choices=FindingKind.choices)
    standing = BooleanFilter(field_name="resolved_at", lookup_expr="isnull")

    class Meta:
        model = CoverageFinding
        fields: list[str] = []

    def filter_queryset(self, queryset: QuerySet[CoverageFinding]) -> QuerySet[CoverageFinding]:
        """Leave the resolved ones out unless they are asked for."""
        found = super().filter_queryset(queryset)
        if self.form.cleaned_data.get("standing") is None:
            return found.filter(resolved_at__isnull=True)
        return found


class CoverageViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[CoverageFinding]):
    """What is wrong with who will be on call in the next 30 days."""

    queryset = CoverageFinding.objects.select_related("schedule", "person").order_by("pk")
    serializer_class = CoverageFindingSerializer
    filterset_class = CoverageFindingFilter
