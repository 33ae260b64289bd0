"""Private iCalendar feeds: a person's shifts, or a schedule's, in a calendar program of one's own.

Nothing here decides who is on call. What the engine answers is published under names that stay, so
that an event out there moves when its shift does.
"""

from roster.feeds.access import FeedClosedError, FeedUnknownError, feed_of, issue, revoke
from roster.feeds.document import Document, document_of

__all__ = [
    "Document",
    "FeedClosedError",
    "FeedUnknownError",
    "document_of",
    "feed_of",
    "issue",
    "revoke",
]
