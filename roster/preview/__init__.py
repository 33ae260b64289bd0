"""The preview call: a schedule and a question as JSON in, who is on call as JSON out.

The shapes are those of "The preview call" in the roster rules. Nothing is saved, and nothing in
a document is ignored: what does not fit is refused by name.
"""

from roster.preview.answer import preview
from roster.preview.reading import PreviewError

__all__ = ["PreviewError", "preview"]
