"""The coverage watch: the next thirty days of every schedule are proven, nightly and on change.

What it finds is kept as `CoverageFinding` rows, told once, and resolved by the first proof that
does not find it any more (R014, R071, R085, R110). Nothing here changes who is on call.
"""

from roster.coverage.found import Found
from roster.coverage.outlook import Outlook, Turn
from roster.coverage.practice import register_practice_source
from roster.coverage.proof import prove, prove_due, register_check

__all__ = [
    "Found",
    "Outlook",
    "Turn",
    "prove",
    "prove_due",
    "register_check",
    "register_practice_source",
]
