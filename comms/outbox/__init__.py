"""The outbox: write a message in the transaction that decides on it, hand it over afterwards.

A message is claimed under a lease and marked `sending` before anything leaves; what the provider
answered is recorded only while the lease is still ours. A worker that dies in between leaves a
row in `sending`: nobody knows whether it went out, so it is sent again under the same key and
marked as possibly sent twice. It is never dropped.

`writing` queues and takes back, `pacing` decides what a person's address can bear, `bundles` makes
one message of many, `sending` hands over, `failing` is about what did not arrive.
"""

from comms.outbox.failing import report_undelivered, retry
from comms.outbox.sending import draining, send_due
from comms.outbox.writing import (
    GIVE_UP_AFTER,
    About,
    Address,
    compose,
    enqueue,
    ring_for,
    withdraw,
)

__all__ = [
    "GIVE_UP_AFTER",
    "About",
    "Address",
    "compose",
    "draining",
    "enqueue",
    "report_undelivered",
    "retry",
    "ring_for",
    "send_due",
    "withdraw",
]
