"""Numbers for public references such as INC-142: dense, and never given twice."""

from django.db import models, transaction
from django.db.models import F


class Counter(models.Model):
    """The last number given out under one prefix; made with the first, only ever counted up."""

    prefix = models.CharField(max_length=10, primary_key=True)
    last = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.prefix}-{self.last}"


def next_number(prefix: str) -> int:
    """The next free number. Holds the counter's row until the caller's transaction ends.

    Must run inside the transaction that saves the numbered row: a rollback gives the number back.
    """
    return next_numbers(prefix, 1)[0]


def next_numbers(prefix: str, count: int) -> range:
    """The next `count` free numbers, likewise."""
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError("next_number() needs a transaction.")
    counter = Counter.objects.filter(prefix=prefix)
    if not counter.update(last=F("last") + count):
        Counter.objects.get_or_create(prefix=prefix)
        counter.update(last=F("last") + count)
    last: int = counter.values_list("last", flat=True).get()
    return range(last - count + 1, last + 1)
