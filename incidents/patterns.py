"""Regular expressions that people write, which must not be able to hold up processing.

They run in RE2, whose time grows with the text and never explodes, however a pattern is built:
Python's own engine needs years for `(a+)+b` and fifty letters. It is also the syntax of Prometheus,
Alertmanager and Grafana, so patterns can be carried over. What RE2 cannot do (looking ahead or
back, references to groups) is refused when a pattern is saved.
"""

from collections.abc import Callable
from functools import lru_cache

import re2

MAX_MEMORY = 1 << 20  # bytes for one compiled pattern: `(x{1000}){1000}` does not get them
KEPT = 1_000


class PatternError(ValueError):
    """A text that is no regular expression of ours; the message says why."""


@lru_cache(maxsize=KEPT)
def _compiled(pattern: str) -> re2._Regexp:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = MAX_MEMORY
    options.dot_nl = True  # a description has several lines
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0].decode(errors="replace") if error.args else "it cannot be read"
        raise PatternError(reason) from None


def check(pattern: str) -> None:
    """Raise PatternError if this cannot be used."""
    _compiled(pattern)


def matches(pattern: str, text: str) -> bool:
    """Whether the whole text matches. Raises PatternError for a pattern that cannot be used."""
    return test_of(pattern)(text)


def test_of(pattern: str) -> Callable[[str], bool]:
    """The same as a test to be used again and again."""
    fullmatch = _compiled(pattern).fullmatch
    # As bytes, since the binding would convert every offset back to characters.
    return lambda text: fullmatch(text.encode(errors="replace")) is not None


def part(pattern: str, text: str) -> str | None:
    """The first match in the text, or the first group of it; None if there is none.

    Raises PatternError for a pattern that cannot be used.
    """
    found = _compiled(pattern).search(text)
    if found is None:
        return None
    return (found[1] or "") if found.re.groups else found[0]
