"""What this app announces to the apps on its right."""

from django.dispatch import Signal

# A timeline entry was written and its transaction is over. Arguments: `entry`. Sent inside the
# transaction that marks the entry as announced; receivers wrap their own writes in `atomic()`, and
# may hear of an entry twice.
entry_recorded = Signal()

# An incident is about to be closed. Arguments: `incident`, `by`, `at`. Sent inside the transaction;
# a receiver may return a sentence that says what is missing first.
incident_closing = Signal()

# Nobody needs to be paged any more: the incident was acknowledged or declared, or has ended.
# Arguments: `incident`, `by`, `at`, `reason`. Sent inside the transaction of that change.
paging_settled = Signal()
