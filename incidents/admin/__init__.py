from incidents.admin import (
    actions,
    catalogue,
    declare,
    incidents,
    integrations,
    lookups,
    monitoring,
    panels,
    people,
    routing,
)

__all__ = [
    "actions",
    "catalogue",
    "declare",
    "incidents",
    "integrations",
    "lookups",
    "monitoring",
    "panels",
    "people",
    "routing",
]
