"""The alerts of a batch of events: read together, changed in memory, written together.

A storm is then a constant number of queries and one timeline entry an incident, whatever its size.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django.db import connection
from django.db.models import Count, Min

from incidents.escalation import start_escalations, stop_escalation
from incidents.intake import NormalisedAlert, Notification
from incidents.lifecycle import detect
from incidents.models import Alert, AlertEvent, Incident, Integration, Phase, TimelineEntry
from incidents.routing import Route, Router
from incidents.vocabulary import Kind
from roster.actors import Actor
from roster.leases import release, still_mine

SYSTEM = Actor.system("alert processing")

# A resolve may wait this long for an earlier event that another worker has in hand.
WAITS_FOR_EARLIER = timedelta(minutes=2)
WAITS_AGAIN_AFTER = timedelta(seconds=1)
TITLES_NAMED = 5


class LeaseLostError(Exception):
    """Another worker has taken these events: nothing of this transaction may stay."""


class Read:
    """One claimed event and what its body says."""

    def __init__(self, event: AlertEvent, notification: Notification) -> None:
        self.event = event
        self.alerts = notification.alerts
        self.missing = notification.missing
        self.problems = notification.problems


def set_aside(event: AlertEvent, reason: str) -> bool:
    """Keep the event for a person to look at. False if it is another worker's by now."""
    return bool(
        still_mine(event).update(
            state=AlertEvent.State.SET_ASIDE,
            set_aside_reason=reason,
            due_at=None,
            lease_token=None,
            leased_until=None,
        )
    )


class Batch:
    """The events of one transaction: everything is read at once, and written at once."""

    def __init__(self, integration: Integration, reads: list[Read], at: datetime) -> None:
        self.integration = integration
        self.reads = reads
        self.at = at
        self.router = Router.of(integration, at=at)
        alerts = [alert for read in reads for alert in read.alerts]
        self.firing = self._firing({alert.dedup_key for alert in alerts})
        self.resolved_last = self._resolved_last()
        self.incidents = self._live_incidents(alerts)
        self.new: list[Alert] = []
        self.changed: dict[int, Alert] = {}
        self.detected: list[Incident] = []
        self.attached: dict[Incident, list[Alert]] = defaultdict(list)
        self.resolved: dict[Incident, list[Alert]] = defaultdict(list)
        self.missing: dict[Incident, int] = {}
        self.postponed: set[int] = set()

    def _firing(self, keys: set[str]) -> dict[str, Alert]:
        rows = Alert.objects.firing().filter(integration=self.integration, dedup_key__in=keys)
        return {alert.dedup_key: alert for alert in rows.select_related("incident__severity")}

    def _resolved_last(self) -> dict[str, datetime]:
        """When keys were resolved after our oldest event came in: it shows events out of order."""
        oldest = min(read.event.received_at for read in self.reads)
        recent = Alert.objects.filter(
            integration=self.integration, state=Alert.State.RESOLVED, last_seen_at__gte=oldest
        )
        return dict(recent.order_by("last_seen_at").values_list("dedup_key", "last_seen_at"))

    def _live_incidents(self, alerts: Iterable[NormalisedAlert]) -> dict[str, Incident]:
        keys = {self.router.route(alert).grouping_key for alert in alerts if alert.is_firing}
        live = Incident.objects.live().filter(grouping_key__in=keys).select_related("severity")
        return {incident.grouping_key: incident for incident in live}

    @cached_property
    def _earliest_waiting(self) -> int | None:
        """The oldest event of this integration that is neither done nor in this batch."""
        waiting = AlertEvent.objects.waiting().filter(integration=self.integration)
        others = waiting.exclude(pk__in=[read.event.pk for read in self.reads])
        oldest: int | None = others.aggregate(oldest=Min("pk"))["oldest"]
        return oldest

    # --- taking events in -----------------------------------------------------------------------

    def take(self, read: Read) -> None:
        if self._comes_too_early(read):
            self.postponed.add(read.event.pk)
            return
        touched: set[Incident] = set()
        for alert in read.alerts:
            change = self._fire if alert.is_firing else self._resolve
            if row := change(alert, read.event):
                touched |= {row.incident} if row.incident else set()
        if read.missing:
            self.missing |= dict.fromkeys(touched, read.missing)

    def _comes_too_early(self, read: Read) -> bool:
        """Whether it resolves what an event that another worker has in hand may yet fire."""
        if self.at - read.event.received_at > WAITS_FOR_EARLIER:
            return False
        coming = {alert.dedup_key for alert in read.alerts if alert.is_firing}
        unknown = any(
            not alert.is_firing and alert.dedup_key not in self.firing.keys() | coming
            for alert in read.alerts
        )
        return unknown and (self._earliest_waiting or read.event.pk) < read.event.pk

    def _fire(self, alert: NormalisedAlert, event: AlertEvent) -> Alert | None:
        """Count a repeat, or open an alert; returns the alert if it is new."""
        if row := self.firing.get(alert.dedup_key):
            row.count += 1
            self._see(row, event)
            return None
        resolved_last = self.resolved_last.get(alert.dedup_key)
        if resolved_last and resolved_last >= event.received_at:
            return None  # this event is older than the one that resolved it
        row = self._open(alert, self.router.route(alert), event)
        self.firing[alert.dedup_key] = row
        self.new.append(row)
        return row

    def _open(self, alert: NormalisedAlert, route: Route, event: AlertEvent) -> Alert:
        incident = None if route.suppressed_by else self._incident_for(alert, route)
        row = Alert(
            integration=self.integration,
            dedup_key=alert.dedup_key,
            title=alert.title,
            description=alert.description,
            severity_label=alert.severity_label,
            labels=alert.labels,
            annotations=alert.annotations,
            links=[{"label": link.label, "url": link.url} for link in alert.links],
            started_at=alert.started_at or event.received_at,
            first_seen_at=event.received_at,
            last_seen_at=event.received_at,
            last_event=event,
            service=route.service,
            incident=incident,
            suppressed_by=route.suppressed_by,
        )
        if incident:
            self.attached[incident].append(row)
        return row

    def _incident_for(self, alert: NormalisedAlert, route: Route) -> Incident:
        """The live incident of this group, or a new one. One worker in two loses a race for a new
        one to a unique constraint, and comes back to find it.
        """
        if incident := self.incidents.get(route.grouping_key):
            if incident.phase == Phase.DETECTED and route.severity.is_worse_than(incident.severity):
                incident.change_severity(
                    route.severity, reason=f"Alert: {alert.title}", by=SYSTEM, at=self.at
                )
            return incident
        incident = detect(
            title=alert.title,
            services=[route.service],
            severity=route.severity,
            source=Incident.Source.MONITORING,
            by=SYSTEM,
            at=self.at,
            grouping_key=route.grouping_key,
        )
        self.incidents[route.grouping_key] = incident
        self.detected.append(incident)
        return incident

    def _resolve(self, alert: NormalisedAlert, event: AlertEvent) -> Alert | None:
        """Resolve the firing alert of this key; None if there is none, or it fired again since."""
        row = self.firing.get(alert.dedup_key)
        if row is None or event.received_at < row.first_seen_at:
            return None
        if alert.ended_at and alert.ended_at < row.started_at:
            return None  # the end of an earlier time that it fired
        row.state = Alert.State.RESOLVED
        row.resolved_at = min(alert.ended_at or event.received_at, event.received_at)
        self._see(row, event)
        self.resolved_last[alert.dedup_key] = event.received_at
        del self.firing[alert.dedup_key]
        if row.incident:
            self.resolved[row.incident].append(row)
        return row

    def _see(self, row: Alert, event: AlertEvent) -> None:
        if event.received_at >= row.last_seen_at:
            row.last_seen_at, row.last_event = event.received_at, event
        if row.pk:
            self.changed[row.pk] = row

    # --- writing it down ------------------------------------------------------------------------

    def save(self) -> None:
        Alert.objects.bulk_create(self.new)
        self._save_changed()
        still_firing = self._still_firing()
        TimelineEntry.write(self._entries(still_firing))
        over = [incident for incident in self.resolved if not still_firing.get(incident.pk)]
        to_page = [incident for incident in self.detected if incident not in over]
        if to_page:
            start_escalations(to_page, by=SYSTEM, at=self.at)
        for incident in over:
            self._end_if_nobody_took_it(incident)
        self._complete()

    def _save_changed(self) -> None:
        """Count repeats by hand: `bulk_update` would be two thirds of the work of a storm."""
        moment = connection.ops.adapt_datetimefield_value
        with connection.cursor() as cursor:
            cursor.executemany(
                "UPDATE incidents_alert SET count = %s, last_seen_at = %s, last_event_id = %s"
                " WHERE id = %s",
                [
                    (row.count, moment(row.last_seen_at), row.last_event_id, row.pk)
                    for row in self.changed.values()
                ],
            )
        resolved = [row for row in self.changed.values() if row.state == Alert.State.RESOLVED]
        Alert.objects.bulk_update(resolved, ["state", "resolved_at"])

    def _still_firing(self) -> dict[int, int]:
        """How many alerts still fire, by incident."""
        pks = [incident.pk for incident in self.resolved]
        counted = Alert.objects.firing().filter(incident__in=pks).order_by()
        return dict(counted.values_list("incident").annotate(Count("pk")))

    def _entries(self, still_firing: dict[int, int]) -> list[TimelineEntry]:
        """One entry an incident and kind, however many alerts: a storm must stay readable."""
        told: list[tuple[Kind, Incident, dict[str, Any]]] = []
        for incident, rows in self.attached.items():
            told.append((Kind.ALERT_ATTACHED, incident, _named(rows)))
        for incident, rows in self.resolved.items():
            left = {"still_firing": still_firing.get(incident.pk, 0)}
            told.append((Kind.ALERT_RESOLVED, incident, _named(rows) | left))
        for incident, missing in self.missing.items():
            told.append((Kind.ALERTS_TRUNCATED, incident, {"count": missing}))
        return [
            TimelineEntry.draft(incident, kind, by=SYSTEM, at=self.at, data=data)
            for kind, incident, data in told
        ]

    def _end_if_nobody_took_it(self, incident: Incident) -> None:
        """Dismiss what resolved by itself (PAGING-RULES, Alerts); what people declared is theirs.

        Not while alerts are missing from the notification: those may still fire.
        """
        incident.refresh_from_db(fields=["phase"])
        if incident.phase != Phase.DETECTED or incident in self.missing:
            return
        reason = "All its alerts resolved before anybody declared it."
        stop_escalation(incident, by=SYSTEM, at=self.at, reason="resolved")
        incident.dismiss(reason=reason, by=SYSTEM, at=self.at)

    def _complete(self) -> None:
        """Mark the events done if they are all still ours, or undo everything."""
        done = [read for read in self.reads if read.event.pk not in self.postponed]
        clean = [read.event for read in done if not read.problems]
        mine = AlertEvent.objects.waiting().filter(lease_token=self.reads[0].event.lease_token)
        updated = mine.filter(pk__in=[event.pk for event in clean]).update(
            state=AlertEvent.State.PROCESSED,
            processed_at=self.at,
            due_at=None,
            lease_token=None,
            leased_until=None,
            last_error="",
        )
        if updated != len(clean):
            raise LeaseLostError
        for read in self.reads:
            if read.event.pk in self.postponed:
                release(read.event, due_at=self.at + WAITS_AGAIN_AFTER)
            elif read.problems and not set_aside(read.event, _reason(read)):
                raise LeaseLostError
        newest = max(read.event.received_at for read in self.reads)
        Integration.objects.filter(pk=self.integration.pk).update(last_event_at=newest)


def _named(alerts: list[Alert]) -> dict[str, Any]:
    first, more = alerts[0].title, len(alerts) - 1
    return {
        "title": f"{first} and {more} more" if more else first,
        "count": len(alerts),
        "alerts": [alert.pk for alert in alerts[:TITLES_NAMED]],
        "titles": [alert.title for alert in alerts[:TITLES_NAMED]],
    }


def _reason(read: Read) -> str:
    lost, kept = len(read.problems), len(read.alerts)
    others = f"The other {kept} {'was' if kept == 1 else 'were'} taken in." if kept else ""
    first = f"{lost} of {lost + kept} alerts could not be read. {others}".rstrip()
    return "\n".join([first, *read.problems])
