"""What migrations do to rows that are there already."""

from datetime import UTC, date, datetime
from importlib import import_module
from uuid import uuid4

import pytest
from django.apps import apps

from roster.models import Layer
from tests.factories.roster import make_layer, make_schedule

pytestmark = pytest.mark.django_db

T = datetime(2026, 3, 2, 9, tzinfo=UTC)


def test_layer_keeps_its_lineage_through_its_successors_and_shares_it_with_no_other() -> None:
    schedule = make_schedule()
    common = {"starts_on": date(2026, 1, 5), "lineage": uuid4()}
    first = make_layer(schedule, name="Weekly", effective_until=T, **common)
    second = make_layer(schedule, name="Weekly", effective_from=T, **common)
    beside = make_layer(schedule, name="Weekly", **common)
    other = make_layer(schedule, name="Nights", effective_from=T, **common)
    migration = import_module("roster.migrations.0003_lineage_of_existing_layers")

    migration.give_lineages(apps, None)

    lineage = dict(Layer.objects.values_list("pk", "lineage"))
    assert lineage[first.pk] == lineage[second.pk]
    assert len({lineage[first.pk], lineage[beside.pk], lineage[other.pk]}) == 3
    assert set(first.history.values_list("lineage", flat=True)) == {lineage[first.pk]}
