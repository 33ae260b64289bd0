"""Reading what clients send."""

from typing import IO, Any

from rest_framework.parsers import JSONParser


class BoundedJSONParser(JSONParser):
    """JSON of at most `DATA_UPLOAD_MAX_MEMORY_SIZE`; DRF's own reads whatever is sent."""

    # The signature is DRF's.
    def parse(self, stream: IO[Any], media_type: Any = None, parser_context: Any = None) -> Any:
        """Parse the body, and leave it readable for whoever wants its bytes afterwards."""
        # Django refuses here what is too large, and keeps the rest; `stream` reads what is kept.
        _ = parser_context["request"]._request.body
        return super().parse(stream, media_type, parser_context)
