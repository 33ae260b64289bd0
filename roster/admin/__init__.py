from roster.admin import (
    coverage,
    duty,
    layers,
    overrides,
    page_tests,
    people,
    policies,
    qualifications,
    schedules,
    shadowing,
    swaps,
    tokens,
)

__all__ = [
    "coverage",
    "duty",
    "layers",
    "overrides",
    "page_tests",
    "people",
    "policies",
    "qualifications",
    "schedules",
    "shadowing",
    "swaps",
    "tokens",
]
