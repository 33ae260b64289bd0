"""Postmortems and what was promised in them."""

import django_filters
from django.core.exceptions import ObjectDoesNotExist
from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from rest_framework import mixins, viewsets
from rest_framework.serializers import BaseSerializer

from postmortems.api.serializers import (
    ActionItemSerializer,
    PostmortemDetailSerializer,
    PostmortemSerializer,
)
from postmortems.models import ActionItem, Postmortem
from postmortems.models.action_items import ActionState
from roster.api.filters import BooleanFilter, SlugFilter
from roster.models import Person


class ByReference[Row: (Postmortem, ActionItem)](viewsets.GenericViewSet[Row]):
    """Rows addressed as `PM-31` or `AI-12`, among those the reader may see."""

    lookup_field = "reference"
    lookup_value_regex = r"[A-Za-z]+-\d+"

    def get_object(self) -> Row:
        """Find a row by its reference."""
        try:
            # Both querysets have it; DRF's base knows of neither.
            row: Row = self.get_queryset().get_by_reference(self.kwargs["reference"])  # type: ignore[attr-defined]
        except ObjectDoesNotExist as error:
            raise Http404 from error
        self.check_object_permissions(self.request, row)
        return row


class PostmortemFilter(django_filters.FilterSet):
    """`?state=draft&owner=ana`."""

    state = django_filters.ChoiceFilter(choices=Postmortem.State.choices)
    owner = SlugFilter(queryset=Person.objects.all())

    class Meta:
        model = Postmortem
        fields: list[str] = []


class PostmortemViewSet(mixins.RetrieveModelMixin, mixins.ListModelMixin, ByReference[Postmortem]):
    """Postmortems; they are written in the admin."""

    queryset = Postmortem.objects.all()
    serializer_class = PostmortemSerializer
    filterset_class = PostmortemFilter

    def get_queryset(self) -> QuerySet[Postmortem]:
        """Fetch sections and invitations only where they are shown."""
        postmortems = Postmortem.objects.visible_to(self.request.user).select_related(
            "incident", "owner"
        )
        if self.action != "retrieve":
            return postmortems
        return postmortems.prefetch_related("sections", "invitations__person")

    def get_serializer_class(self) -> type[BaseSerializer[Postmortem]]:
        """Show what it says on the page of one."""
        return PostmortemDetailSerializer if self.action == "retrieve" else PostmortemSerializer


class ActionItemFilter(django_filters.FilterSet):
    """`?state=open&owner=ana&overdue=true`."""

    state = django_filters.ChoiceFilter(choices=ActionState.choices)
    owner = SlugFilter(queryset=Person.objects.all())
    overdue = BooleanFilter(method="filter_overdue", label="Past its due day")

    class Meta:
        model = ActionItem
        fields: list[str] = []

    def filter_overdue(
        self, items: QuerySet[ActionItem], name: str, value: bool
    ) -> QuerySet[ActionItem]:
        """Keep those past their day, or those that are not."""
        late = ActionItem.objects.overdue_on(timezone.localdate())
        return items.filter(pk__in=late) if value else items.exclude(pk__in=late)


class ActionItemViewSet(
    mixins.RetrieveModelMixin,
    mixins.UpdateModelMixin,
    mixins.ListModelMixin,
    ByReference[ActionItem],
):
    """Action items; wording, owner and due day may be changed here."""

    queryset = ActionItem.objects.all()
    serializer_class = ActionItemSerializer
    filterset_class = ActionItemFilter
    http_method_names = ["get", "head", "options", "patch"]

    def get_queryset(self) -> QuerySet[ActionItem]:
        """Leave out what belongs to incidents the reader may not see."""
        visible = ActionItem.objects.visible_to(self.request.user)
        return visible.select_related("incident", "owner")
