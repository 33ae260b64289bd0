"""Alerts that change when time passes, though no message comes.

What nobody repeats expires, a hold or a silence ends and people hear of what still fires, and what
flapped has been quiet for long enough. Each alert says when to look at it again; whoever looks
holds its integration's row, as processing does, so that of two workers one finds it done.
"""

import logging
from collections import defaultdict
from datetime import datetime, timedelta
from functools import cached_property

from django.db import transaction
from django.db.models import F, Min

from incidents.batch import story
from incidents.batch.events import lock_integration, source_of
from incidents.batch.history import LATE_FOR, Known, Stamp, late_for
from incidents.batch.ledger import Ledger, as_it_came
from incidents.intake import Action
from incidents.models import Alert, AlertEvent, AlertWord, Integration

logger = logging.getLogger(__name__)

SWEEP = "incidents.look_at_alerts"
# As small as the transactions of processing, and for the same reason.
ALERTS_PER_TRANSACTION = 50
# Events that wait longer are a backlog, which may hold a repeat: silence proves nothing then.
BACKLOG_AFTER = timedelta(seconds=5)
LOOKS_AGAIN_AFTER = timedelta(seconds=5)
TRIES_AGAIN_AFTER = timedelta(minutes=1)


def look_again(*, at: datetime, limit: int = 200) -> int:
    """Look at alerts whose time has come, and let timelines catch up; answer how many changed."""
    due = Alert.objects.firing().to_look_at(at).order_by("look_again_at", "pk")
    by_integration: dict[int, list[int]] = defaultdict(list)
    for pk, integration in due.values_list("pk", "integration_id")[:limit]:
        by_integration[integration].append(pk)
    for integration, pks in by_integration.items():
        for start in range(0, len(pks), ALERTS_PER_TRANSACTION):
            _look_at(integration, pks[start : start + ALERTS_PER_TRANSACTION], at)
    old = AlertWord.objects.filter(received_at__lt=at - LATE_FOR)
    if old.exists():
        old.delete()
    return sum(map(len, by_integration.values())) + story.tell_due(at=at)


def _look_at(integration: int, pks: list[int], at: datetime) -> None:
    """Look at these in one transaction; if that fails, at each by itself, so one costs no other."""
    try:
        with transaction.atomic():
            look = _Look(lock_integration(integration), pks, at)
            look.at_all()
    except Exception:
        if len(pks) > 1:
            for pk in pks:
                _look_at(integration, [pk], at)
            return
        logger.exception("Alert %s could not be looked at and is tried again", pks[0])
        Alert.objects.to_look_at(at).filter(pk__in=pks).update(look_again_at=at + TRIES_AGAIN_AFTER)


class _Look:
    """Alerts of one integration whose time has come, at one moment."""

    def __init__(self, integration: Integration, pks: list[int], at: datetime) -> None:
        self.integration = integration
        self.at = at
        due = Alert.objects.firing().to_look_at(at).filter(pk__in=pks)
        # Locked before rules and maintenance are read: what ends one of them asks to look again.
        rows = due.select_related("held_by").select_for_update(of=("self",), no_key=True)
        self.rows = list(rows.annotate(origin=F("last_event__origin")).order_by("pk"))
        self.ledger = Ledger(integration, at)

    def at_all(self) -> None:
        rows = self.rows
        routes = [self.ledger.router.route(as_it_came(row)) for row in rows if self._is_silent(row)]
        self.ledger.places.read(
            groups={route.grouping_key for route in routes},
            pks={row.incident_id for row in rows if row.incident_id}
            | {route.attach_to.pk for route in routes if route.attach_to},
        )
        for row in rows:
            self._look(row)
        self.ledger.save()

    def _is_silent(self, row: Alert) -> bool:
        return row.incident_id is None and not row.quiet_since

    def _look(self, row: Alert) -> None:
        ends_at = row.quiet_since + story.QUIET_FOR if row.quiet_since else row.expires_at
        if ends_at and ends_at <= self.at:
            if self._may_be_repeated_yet(ends_at):
                row.look_again_at = self.at + LOOKS_AGAIN_AFTER
                self.ledger.change(row)
            else:
                self._end(row, ends_at)
        elif self._is_silent(row):
            self._route_anew(row)
        else:
            self.ledger.look_again(row)
            self.ledger.change(row)

    def _may_be_repeated_yet(self, ends_at: datetime) -> bool:
        oldest = self._oldest_waiting
        return oldest is not None and oldest <= max(ends_at, self.at - BACKLOG_AFTER)

    @cached_property
    def _oldest_waiting(self) -> datetime | None:
        """When the oldest event of this integration came in that is not processed yet."""
        waiting = AlertEvent.objects.waiting().filter(integration=self.integration)
        oldest: datetime | None = waiting.aggregate(oldest=Min("received_at"))["oldest"]
        return oldest

    def _end(self, row: Alert, ends_at: datetime) -> None:
        """Resolve what has been quiet; what expires while it flaps has yet to be quiet."""
        if row.quiet_since:
            self.ledger.end(row, resolved_at=row.quiet_since)
            return
        # The monitor said no end: whatever it says next, by whatever clock, fires.
        row.last_fired_at = row.ended_at = None
        if row.flapping_since:
            row.expires_at = None
            self.ledger.quieten(row, Stamp(ends_at))
        else:
            self.ledger.end(row, resolved_at=ends_at)

    def _route_anew(self, row: Alert) -> None:
        """Let people hear of it, unless something keeps it silent still."""
        alert = as_it_came(row)
        source = source_of(alert, getattr(row, "origin", None))
        place = self.ledger.put(row, self.ledger.router.route(alert), source=source)
        if place and (answer := self._answers.get(row.dedup_key)):
            known = Known(late_for(self.integration.kind), row=row, answer=answer)
            if known.is_answered():
                place.answered_by = self.ledger.somebody(answer.actor)

    @cached_property
    def _answers(self) -> dict[str, AlertWord]:
        """What was acknowledged at the monitor while nobody here had heard of it."""
        keys = [row.dedup_key for row in self.rows]
        words = AlertWord.objects.filter(
            integration=self.integration, dedup_key__in=keys, action=Action.ACKNOWLEDGE
        )
        return {word.dedup_key: word for word in words}
