from incidents.admin import (
    actions,
    catalogue,
    declare,
    incidents,
    lookups,
    monitoring,
    panels,
    people,
)

__all__ = [
    "actions",
    "catalogue",
    "declare",
    "incidents",
    "lookups",
    "monitoring",
    "panels",
    "people",
]
