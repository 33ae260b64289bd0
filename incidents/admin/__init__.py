from incidents.admin import (
    actions,
    catalogue,
    changes,
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
    "changes",
    "declare",
    "incidents",
    "integrations",
    "lookups",
    "monitoring",
    "panels",
    "people",
    "routing",
]
