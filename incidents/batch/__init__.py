"""A batch of messages of one integration: read together, changed in memory, written together.

A storm is then a constant number of queries and one timeline entry an incident, whatever its size.
`events` takes the messages in, `history` judges what each means for its key, `ledger` gathers what
follows for alerts and `places` what follows for incidents; `story` is how the timeline speaks of
it. `incidents.alert_watch` keeps the same ledger when time alone changes something.
"""

from incidents.batch.events import Batch, LeaseLostError, Read, lock_integration, set_aside

__all__ = ["Batch", "LeaseLostError", "Read", "lock_integration", "set_aside"]
