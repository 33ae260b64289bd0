"""How a message leaves: one module a channel, all of one shape.

A channel is `open()`ed for a batch; what it yields has `send(message)`, which returns what the
provider answered or raises ChannelError. A channel decides nothing about recipients or retries.
"""


class ChannelError(Exception):
    """The message was not handed over, as far as we know.

    `permanent`: trying again will not help. `is_down`: the provider could not be reached, so the
    next message would fail the same way. `outcome_unknown`: the provider may have taken it
    before the connection broke.
    """

    def __init__(
        self,
        message: str,
        *,
        permanent: bool,
        is_down: bool = False,
        outcome_unknown: bool = False,
    ) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.is_down = is_down
        self.outcome_unknown = outcome_unknown
