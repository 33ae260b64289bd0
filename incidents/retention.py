"""Forgetting what arrived, once it is old: the alerts and incidents made of it stay.

In small transactions, each over before a monitor would notice: on SQLite nobody else can write
meanwhile. Old rows are found integration by integration, since that is how the table is indexed;
its size does not matter then, only how much there is to forget.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Model, QuerySet

from incidents.models import Alert, AlertEvent, Change, IntakeRefusal, Integration

# What a person has not looked at yet, and what is shown of the past, is kept longer.
SET_ASIDE_KEPT_FOR = timedelta(days=90)
REFUSALS_KEPT_FOR = timedelta(days=90)
CHANGES_KEPT_FOR = timedelta(days=90)
ROWS_PER_TRANSACTION = 200

_DONE = AlertEvent.State.PROCESSED


def prune(*, at: datetime) -> int:
    """Forget one batch of everything that was kept long enough at `at`; how many rows that was."""
    handled = 0
    for integration in Integration.objects.values_list("pk", flat=True):
        handled += _prune_events(_processed(integration, at))
    handled += _prune_events(
        AlertEvent.objects.set_aside().filter(received_at__lt=at - SET_ASIDE_KEPT_FOR)
    )
    handled += _prune(Change.objects.filter(at__lt=at - CHANGES_KEPT_FOR))
    return handled + _prune(IntakeRefusal.objects.filter(hour__lt=at - REFUSALS_KEPT_FOR))


def _processed(integration: int, at: datetime) -> QuerySet[AlertEvent]:
    kept_for = timedelta(days=settings.EVENT_RETENTION_DAYS)
    of_integration = AlertEvent.objects.filter(integration=integration, state=_DONE)
    return of_integration.filter(received_at__lt=at - kept_for)


def _prune_events(old: QuerySet[AlertEvent]) -> int:
    pks = _first(old.order_by("received_at"))
    if not pks:
        return 0
    with transaction.atomic():
        # By hand: Django would read the rows, with their bodies, to do the same.
        Alert.objects.filter(last_event__in=pks).update(last_event=None)
        Change.objects.filter(event__in=pks).update(event=None)
        events = AlertEvent.objects.filter(pk__in=pks)
        return int(events._raw_delete(events.db))


def _prune[Row: Model](old: QuerySet[Row]) -> int:
    pks = _first(old.order_by("pk"))
    return old.model._default_manager.filter(pk__in=pks).delete()[0] if pks else 0


def _first[Row: Model](rows: QuerySet[Row]) -> list[int]:
    return list(rows.values_list("pk", flat=True)[:ROWS_PER_TRANSACTION])
