from collections.abc import Callable

from comms.content import Content
from roster.models import Notice, NoticeKind

Words = Callable[[Notice], Content | None]
"""From a notice to what its message says; None where it has become pointless to say it.

Reads `notice.data`, may load the rows it names, and makes signed links with
`roster.links.make_url(purpose, pk, notice.person)`. Moments are shown in the person's zone.
"""

_words: dict[str, Words] = {}


def words_for(kind: NoticeKind) -> Callable[[Words], Words]:
    """Mark the function that words a kind of notice."""

    def register(words: Words) -> Words:
        _words[kind] = words
        return words

    return register


def words_of(notice: Notice) -> Content | None:
    """Raises KeyError for a kind that nobody words."""
    return _words[notice.kind](notice)
