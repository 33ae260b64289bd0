"""Layers made before they had a lineage: one that ends where another begins is continued by it."""

from uuid import uuid4

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import F


def give_lineages(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    layer_model = apps.get_model("roster", "Layer")
    history = apps.get_model("roster", "HistoricalLayer")
    ended = {}
    in_order = F("effective_from").asc(nulls_first=True)
    for layer in layer_model.objects.order_by("schedule_id", "name", in_order, "pk"):
        place = layer.schedule_id, layer.name
        lineage = ended.pop((*place, layer.effective_from), None) or uuid4()
        if layer.effective_until:
            ended[(*place, layer.effective_until)] = lineage
        layer_model.objects.filter(pk=layer.pk).update(lineage=lineage)
        history.objects.filter(id=layer.pk).update(lineage=lineage)


class Migration(migrations.Migration):
    dependencies = [("roster", "0002_roster_life")]

    operations = [migrations.RunPython(give_lineages, migrations.RunPython.noop)]
