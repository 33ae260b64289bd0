"""The refusal every app speaks: a code for machines, a sentence for people."""


class DomainError(Exception):
    """A change that makes no sense now, and why, in words the person can act on.

    `fields` names the input at fault, where there is one; the admin then shows the sentence beside
    it and the API answers 400. Without `fields` the state is at fault: the API answers 409.
    """

    def __init__(self, code: str, message: str, fields: dict[str, list[str]] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.fields = fields or {}
