"""Why a calendar cannot be used, in a sentence for whoever entered it."""

from roster.errors import DomainError


class CalendarError(DomainError):
    """An address or a file that is refused. `field` is where a form shows the sentence."""

    def __init__(self, code: str, message: str, *, field: str = "url") -> None:
        super().__init__(code, message, {field: [message]})
