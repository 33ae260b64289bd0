"""The reference data that Muster ships, and how it gets into the database.

Each file in an app's `fixtures/` is a list of rows in our own words. A row that is missing is
created; one that is there is left exactly as it is, because from then on it is the operator's.
Related rows are named by slug, and a text of several lines is a list of lines.
"""

import fnmatch
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import Group, Permission
from django.db import models, transaction

type Row = Mapping[str, Any]  # JSON: what a column holds is the model's business


@dataclass(frozen=True)
class ReferenceFile:
    """One fixture: the model its rows become, and the columns by which a row is recognised."""

    model: str
    path: str
    key: tuple[str, ...] = ("slug",)


# In order of dependence: a file names only rows of those above it.
FILES = (
    ReferenceFile("incidents.Severity", "incidents/fixtures/severities.json"),
    ReferenceFile("incidents.ImpactExtent", "incidents/fixtures/impact_extents.json"),
    ReferenceFile("incidents.ImpactDegree", "incidents/fixtures/impact_degrees.json"),
    ReferenceFile(
        "incidents.SeverityRule", "incidents/fixtures/severity_rules.json", ("extent", "degree")
    ),
    ReferenceFile("incidents.Role", "incidents/fixtures/roles.json"),
    ReferenceFile("incidents.Duty", "incidents/fixtures/duties.json", ("name",)),
    ReferenceFile("incidents.PhaseGuide", "incidents/fixtures/phase_guides.json", ("phase",)),
    ReferenceFile("incidents.Question", "incidents/fixtures/questions.json", ("code",)),
    ReferenceFile("comms.Audience", "comms/fixtures/audiences.json"),
    ReferenceFile("comms.Template", "comms/fixtures/templates.json"),
    ReferenceFile("postmortems.SectionGuide", "postmortems/fixtures/section_guides.json"),
)
GROUPS = "config/fixtures/groups.json"


@transaction.atomic
def load_reference() -> dict[str, int]:
    """Create what is missing; answer how many rows of each kind were created."""
    created = {}
    for file in FILES:
        model = apps.get_model(file.model)
        created[str(model._meta.verbose_name_plural)] = sum(
            _create_if_missing(model, file.key, row) for row in rows_of(file.path)
        )
    created["groups"] = sum(_create_group(row) for row in rows_of(GROUPS))
    return created


def rows_of(path: str) -> list[Row]:
    return json.loads(Path(settings.BASE_DIR, path).read_text(encoding="utf-8"))


def _create_if_missing(model: type[models.Model], key: tuple[str, ...], row: Row) -> bool:
    columns = dict(_columns(model, row))
    identity = {name: columns.pop(name) for name in key}
    _, is_new = model._default_manager.get_or_create(**identity, defaults=columns)
    if is_new:
        _relate(model._default_manager.get(**identity), row)
    return is_new


def _columns(model: type[models.Model], row: Row) -> Iterator[tuple[str, Any]]:
    for name, value in row.items():
        field = model._meta.get_field(name)
        if isinstance(field, models.ManyToManyField):
            continue
        if isinstance(field, models.ForeignKey) and value is not None:
            yield name, field.related_model._default_manager.get(slug=value)
        else:
            yield name, "\n".join(value) if isinstance(value, list) else value


def _relate(instance: models.Model, row: Row) -> None:
    for field in instance._meta.many_to_many:
        if slugs := row.get(field.name):
            related = field.related_model._default_manager.filter(slug__in=slugs)
            getattr(instance, field.name).set(related)


def _create_group(row: Row) -> bool:
    group, is_new = Group.objects.get_or_create(name=row["name"])
    if is_new:
        group.permissions.set(_permissions(_granted(row["name"])))
    return is_new


def _granted(name: str) -> set[str]:
    """What a group may do, with what the groups that it `includes` may."""
    row = next(row for row in rows_of(GROUPS) if row["name"] == name)
    inherited = [_granted(included) for included in row["includes"]]
    return set(row["permissions"]).union(*inherited)


def _permissions(patterns: set[str]) -> set[Permission]:
    """What the patterns stand for, `roster.*_layer` for one. One that fits nothing is a mistake
    in the file, and stops the loading.
    """
    known = {
        f"{permission.content_type.app_label}.{permission.codename}": permission
        for permission in Permission.objects.select_related("content_type")
    }
    granted = {pattern: fnmatch.filter(known, pattern) for pattern in patterns}
    if unknown := sorted(pattern for pattern, names in granted.items() if not names):
        raise LookupError(f"{GROUPS} names permissions that are not: {', '.join(unknown)}")
    return {known[name] for names in granted.values() for name in names}
