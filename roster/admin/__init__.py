from roster.admin import (
    coverage,
    layers,
    overrides,
    people,
    policies,
    qualifications,
    schedules,
    shadowing,
    tokens,
)

__all__ = [
    "coverage",
    "layers",
    "overrides",
    "people",
    "policies",
    "qualifications",
    "schedules",
    "shadowing",
    "tokens",
]
