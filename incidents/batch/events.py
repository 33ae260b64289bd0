"""The messages of one transaction: what each says, in the order in which they are taken."""

from collections import defaultdict
from dataclasses import replace
from datetime import datetime, timedelta

from django.db import connection

from incidents import changes, heartbeats, intake_rates, reports
from incidents.batch import story
from incidents.batch.history import (
    LATE_FOR,
    Ending,
    Firing,
    Known,
    Stamp,
    late_for,
    newest_of,
    stamp_of,
)
from incidents.batch.ledger import NAME_LENGTH, Ledger, as_it_came
from incidents.batch.places import Note
from incidents.batch.tally import Tally, in_short
from incidents.intake import Action, NormalisedAlert, Notification
from incidents.intake.notification import NormalisedChange
from incidents.models import Alert, AlertEvent, AlertWord, Incident, Integration
from roster.leases import still_mine

# Prometheus itself never says that an alert is over for good: it only stops repeating it.
RESOLVE_AFTER = {"prometheus": timedelta(minutes=5)}


# What a repeat does not change and an end does not ask: it would be half the work of a storm.
SAID_ONCE = ("description", "labels", "annotations", "links")


class LeaseLostError(Exception):
    """Another worker has taken these events: nothing of this transaction may stay."""


class Read:
    """One claimed event and what its body says; expired alerts count as resolved."""

    def __init__(self, event: AlertEvent, notification: Notification) -> None:
        self.event = event
        self.notification = notification
        self.notes = notification.notes
        self.alerts = [_or_its_end(alert, event) for alert in notification.alerts]
        self.problems = notification.problems
        self.tally = Tally()

    def begin(self) -> None:
        """Forget what an attempt that failed has counted."""
        self.tally = Tally()

    def outcome(self) -> str:
        """What became of it, in words."""
        return self.tally.words(self.notification.remark)

    def keys(self, *actions: Action) -> set[str]:
        return {alert.dedup_key for alert in self.alerts if alert.action in actions}


def _or_its_end(alert: NormalisedAlert, event: AlertEvent) -> NormalisedAlert:
    """An alert that had expired when it came tells of its end."""
    if not alert.is_firing or alert.expires_at is None or alert.expires_at > event.received_at:
        return alert
    return replace(alert, action=Action.RESOLVE, ended_at=alert.expires_at)


def lock_integration(pk: int) -> Integration:
    """The integration, its row held until the transaction ends; intake goes on inserting."""
    rows = Integration.objects.select_related("service", "severity")
    return rows.select_for_update(of=("self",), no_key=True).get(pk=pk)


def set_aside(event: AlertEvent, reason: str, *, outcome: str = "") -> bool:
    """Keep the event for a person to look at. False if it is another worker's by now."""
    return bool(
        still_mine(event).update(
            state=AlertEvent.State.SET_ASIDE,
            set_aside_reason=reason,
            outcome=outcome,
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
        self.ledger = Ledger(integration, at)
        self._words: dict[tuple[str, str], AlertWord] = {}
        self._changes: list[tuple[NormalisedChange, AlertEvent]] = []
        self._known = self._what_is_known()
        self._read_places()

    def _what_is_known(self) -> dict[str, Known]:
        """Of every key that is named: what fires, what ended lately, what came early. 3 queries."""
        keys = {alert.dedup_key for read in self.reads for alert in read.alerts}
        keys |= {note.dedup_key for read in self.reads for note in read.notes}
        limit = late_for(self.integration.kind)
        known: dict[str, Known] = defaultdict(lambda: Known(limit))
        if not keys:
            return known
        rows = Alert.objects.filter(integration=self.integration, dedup_key__in=keys)
        mine = rows.defer(*SAID_ONCE)
        firing = mine.firing().select_related("held_by")
        # Locked, for whoever ends a silence sets when to look again at what a repeat writes here.
        for row in firing.select_for_update(of=("self",), no_key=True).order_by("pk"):
            known[row.dedup_key].row = row
            known[row.dedup_key].fired_at.append(row.first_seen_at)
        since = min(read.event.received_at for read in self.reads) - LATE_FOR
        ended = mine.filter(state=Alert.State.RESOLVED, last_seen_at__gte=since).order_by("pk")
        for row in ended:
            known[row.dedup_key].last = row
            known[row.dedup_key].fired_at.append(row.first_seen_at)
        words = AlertWord.objects.filter(integration=self.integration, dedup_key__in=keys)
        for word in words:
            _learn(known[word.dedup_key], word)
        return known

    def _read_places(self) -> None:
        """Find the incidents that this batch may touch, all at once. Two queries at most."""
        ended = {key for read in self.reads for key in read.keys(Action.RESOLVE)}
        opening: list[NormalisedAlert] = []
        for read in self.reads:
            for alert in read.alerts:
                may_open = self._known[alert.dedup_key].row is None or alert.dedup_key in ended
                if alert.is_firing and may_open:
                    opening.append(alert)
        routes = [self.ledger.route(alert) for alert in opening]
        spoken_of = {
            key for read in self.reads for key in read.keys(Action.RESOLVE, Action.ACKNOWLEDGE)
        }
        rows = [self._known[key].row for key in spoken_of]
        rows += [self._noted(note.dedup_key) for read in self.reads for note in read.notes]
        self.ledger.places.read(
            groups={route.grouping_key for route in routes},
            pks={row.incident_id for row in rows if row and row.incident_id}
            | {route.attach_to.pk for route in routes if route.attach_to},
            may_end=bool(ended) or any(known.end for known in self._known.values()),
        )

    def _noted(self, key: str) -> Alert | None:
        """The alert that a remark on this key is about: what fires, or what did lately."""
        return self._known[key].row or self._known[key].last

    # --- taking events in -----------------------------------------------------------------------

    def take(self, read: Read) -> None:
        read.begin()
        for alert in read.alerts:
            if alert.action == Action.TRIGGER:
                self._fire(alert, read)
            elif alert.action == Action.RESOLVE:
                self._resolve(alert, read)
            else:
                self._acknowledge(alert, read)
        for note in read.notes:
            self._note(note.dedup_key, note.text, note.actor, read)
        event, said = read.event, read.notification
        self._changes += [(change, event) for change in said.changes]
        if said.pings:
            received_at = event.received_at
            heartbeats.take(self.integration, said.pings, at=self.at, received_at=received_at)
        reports.take_all(self.integration, said.reports, at=self.at)
        read.tally.other("change", len(said.changes))
        read.tally.other("report", len(said.reports))
        read.tally.other("ping", len(said.pings))

    def _fire(self, alert: NormalisedAlert, read: Read) -> None:
        known, event = self._known[alert.dedup_key], read.event
        stamp = Stamp.of(alert.started_at, event.received_at)
        verdict = known.fires(stamp)
        if verdict in (Firing.OPENS, Firing.OPENS_AND_ENDS):
            self._open(alert, stamp, known, read)
            if verdict == Firing.OPENS_AND_ENDS and known.end:
                self._end(known, stamp_of(known.end), read)
        elif verdict == Firing.IS_LATE:
            row = known.row or known.last
            if row:
                row.count += 1
                self.ledger.count(row)
            read.tally.alert("came late and was only counted")
        elif known.row:
            self._repeat(known.row, alert, stamp, event)
            if verdict == Firing.BEGAN_SOONER:
                self._began_sooner(known.row, stamp)
                self._answer_if_told(known)
            read.tally.alert("repeated")

    def _repeat(self, row: Alert, alert: NormalisedAlert, stamp: Stamp, event: AlertEvent) -> None:
        row.count += 1
        if stamp.received >= row.last_seen_at:
            row.last_seen_at, row.last_event = stamp.received, event
        if stamp.own and (row.last_fired_at is None or stamp.own > row.last_fired_at):
            row.last_fired_at = stamp.own
        if row.quiet_since:
            row.quiet_since = row.ended_at = None
            self.ledger.change(row)
        self._extend(row, alert, stamp)
        self.ledger.count(row)

    def _began_sooner(self, row: Alert, stamp: Stamp) -> None:
        row.first_seen_at = min(row.first_seen_at, stamp.received)
        row.started_at = min(row.started_at, stamp.own or stamp.received)
        self.ledger.change(row)

    def _extend(self, row: Alert, alert: NormalisedAlert, stamp: Stamp) -> None:
        """Put off when it expires. To be looked at too soon costs less than a write each time."""
        after = self._resolve_after()
        expires_at = alert.expires_at or (stamp.received + after if after else None)
        if expires_at and row.expires_at and expires_at < row.expires_at:
            return  # an older message
        row.expires_at = expires_at
        if expires_at:
            row.look_again_at = min(row.look_again_at or expires_at, expires_at)

    def _resolve_after(self) -> timedelta | None:
        if minutes := self.integration.resolve_after_minutes:
            return timedelta(minutes=minutes)
        return RESOLVE_AFTER.get(self.integration.kind)

    def _open(self, alert: NormalisedAlert, stamp: Stamp, known: Known, read: Read) -> None:
        row = Alert(
            integration=self.integration,
            dedup_key=alert.dedup_key,
            title=alert.title,
            description=alert.description,
            severity_label=alert.severity_label,
            group=alert.group,
            labels=alert.labels,
            annotations=alert.annotations,
            links=[{"label": link.label, "url": link.url} for link in alert.links],
            started_at=stamp.own or stamp.received,
            last_fired_at=stamp.own,
            first_seen_at=stamp.received,
            last_seen_at=stamp.received,
            last_event=read.event,
        )
        if self._flaps(known, stamp):
            row.flapping_since = self.at
        known.row = row
        known.fired_at.append(stamp.received)
        self._extend(row, alert, stamp)
        route = self.ledger.route(alert)
        place = self.ledger.open(row, route, source=source_of(alert, read.event.origin))
        if place:
            place.missing = place.missing or read.notification.missing
            self._answer_if_told(known)
        read.tally.alert(_where(row) if place is None else "fired")

    def _flaps(self, known: Known, stamp: Stamp) -> bool:
        """Whether it has fired so often within half an hour that people are told once only."""
        since = stamp.received - story.FLAPS_WITHIN
        times = 1 + sum(since < moment <= stamp.received for moment in known.fired_at)
        return bool(self.integration.flaps_after) and times >= self.integration.flaps_after

    def _resolve(self, alert: NormalisedAlert, read: Read) -> None:
        known = self._known[alert.dedup_key]
        stamp = Stamp.of(alert.ended_at, read.event.received_at)
        verdict = known.ends(stamp)
        row = known.row
        if verdict == Ending.WAITS:
            self._remember(alert, stamp, known)
            read.tally.alert("ended that does not fire")
        elif verdict == Ending.IS_KNOWN or row is None:
            read.tally.alert("had ended before")
        else:
            if place := self.ledger.places.of(row):
                place.missing = place.missing or read.notification.missing
            if verdict == Ending.ENDS_AND_FIRES_AGAIN:
                self._fire_again(known, stamp, read)
            else:
                self._end(known, stamp, read)
        if alert.text:
            self._note(alert.dedup_key, alert.text, alert.actor, read)

    def _end(self, known: Known, stamp: Stamp, read: Read) -> None:
        row = known.row
        if row is None:
            return
        row.ended_at = stamp.own
        if row.flapping_since:
            row.last_seen_at = max(row.last_seen_at, stamp.received)
            self.ledger.quieten(row, stamp)
            read.tally.alert("went quiet, and is flapping")
            return
        row.last_seen_at = max(row.last_seen_at, stamp.received)
        resolved_at = min(stamp.own or stamp.received, stamp.received)
        self.ledger.end(row, resolved_at=resolved_at)
        known.row, known.last = None, row
        read.tally.alert(_how_it_ended(row))

    def _fire_again(self, known: Known, stamp: Stamp, read: Read) -> None:
        """Have what fired after an end that came late be an alert of its own, as it would have."""
        row = known.row
        if row is None:
            return
        newest = newest_of(row)
        again = replace(as_it_came(row), started_at=newest.own, expires_at=row.expires_at)
        row.count = max(row.count - 1, 1)
        row.last_seen_at = stamp.received
        self._end(known, stamp, read)
        self._open(again, newest, known, read)

    def _acknowledge(self, alert: NormalisedAlert, read: Read) -> None:
        """Take it for an answer to what fires, and to what may yet come from before it."""
        known = self._known[alert.dedup_key]
        stamp = Stamp(read.event.received_at)
        self._remember(alert, stamp, known)
        if known.is_answered():
            self._answer_if_told(known)
            read.tally.alert("acknowledged")
        else:
            read.tally.alert("acknowledged that does not fire")
        if alert.text:
            self._note(alert.dedup_key, alert.text, alert.actor, read)

    def _answer_if_told(self, known: Known) -> None:
        """Take the incident in the name of whoever acknowledged the alert at the monitor."""
        if not known.is_answered() or known.row is None or known.answer is None:
            return
        if place := self.ledger.places.of(known.row):
            place.answered_by = self.ledger.somebody(known.answer.actor)

    def _note(self, key: str, text: str, actor: str, read: Read) -> None:
        row = self._noted(key)
        place = self.ledger.places.of(row) if row else None
        if place and text.strip():
            place.notes.append(Note(text, self.ledger.somebody(actor)))
            read.tally.other("note")
        else:
            read.tally.other("unheard note")

    def _remember(self, alert: NormalisedAlert, stamp: Stamp, known: Known) -> None:
        """Keep an end or an answer for what may come later and was before it."""
        word = AlertWord(
            integration=self.integration,
            dedup_key=alert.dedup_key,
            action=alert.action.value,
            said_at=stamp.own,
            received_at=stamp.received,
            actor=alert.actor[:NAME_LENGTH],
        )
        old = known.end if alert.action == Action.RESOLVE else known.answer
        if old is None or stamp_of(old).is_before(stamp):
            self._words[alert.dedup_key, word.action] = word
            _learn(known, word)

    # --- writing it down ------------------------------------------------------------------------

    def save(self) -> None:
        self.ledger.save()
        changes.take_all(self.integration, self._changes, at=self.at)
        AlertWord.objects.bulk_create(
            self._words.values(),
            update_conflicts=True,
            unique_fields=["integration", "dedup_key", "action"],
            update_fields=["said_at", "received_at", "actor"],
        )
        self._complete()

    def _complete(self) -> None:
        """Mark the events done if they are all still ours, or undo everything."""
        clean = [read for read in self.reads if not read.problems]
        if clean and self._mark_processed(clean) != len(clean):
            raise LeaseLostError
        damaged = [read for read in self.reads if read.problems]
        for read in damaged:
            if not set_aside(read.event, _reason(read), outcome=read.outcome()):
                raise LeaseLostError
        received = [read.event.received_at for read in self.reads]
        intake_rates.count(self.integration, received, set_aside=len(damaged), at=self.at)
        newest = max(received)
        Integration.objects.filter(pk=self.integration.pk).update(last_event_at=newest)

    def _mark_processed(self, reads: list[Read]) -> int:
        """Store what became of each event that is still ours; answer how many are. One statement.

        Each has an outcome of its own, so this is run for each rather than built for all.
        """
        token = AlertEvent._meta.get_field("lease_token")
        at = connection.ops.adapt_datetimefield_value(self.at)
        done, received = AlertEvent.State.PROCESSED.value, AlertEvent.State.RECEIVED.value
        with connection.cursor() as cursor:
            cursor.executemany(
                "UPDATE incidents_alertevent SET state = %s, processed_at = %s, outcome = %s,"
                " due_at = NULL, lease_token = NULL, leased_until = NULL, last_error = ''"
                " WHERE id = %s AND state = %s AND lease_token = %s",
                [
                    (
                        done,
                        at,
                        read.outcome(),
                        read.event.pk,
                        received,
                        token.get_db_prep_value(read.event.lease_token, connection),
                    )
                    for read in reads
                ],
            )
            return int(cursor.rowcount)


def _learn(known: Known, word: AlertWord) -> None:
    if word.action == Action.RESOLVE:
        known.end = word
    else:
        known.answer = word


def source_of(alert: NormalisedAlert, origin: str | None) -> str:
    """How we came to know (R099): a person says it of what they report."""
    if origin != AlertEvent.Origin.PERSON:
        return Incident.Source.MONITORING
    told = alert.labels.get("source", "")
    return told if told in Incident.Source.values else Incident.Source.INDIVIDUAL


def _where(row: Alert) -> str:
    """Why nobody hears of it."""
    if row.suppressed_by:
        return f"suppressed by rule {row.suppressed_by}"
    return f"held by rule {row.held_by}" if row.held_by else f"muted by {row.maintenance}"


def _how_it_ended(row: Alert) -> str:
    if row.held_by and row.resolved_at:
        lasted = in_short(row.first_seen_at, row.resolved_at)
        return f"resolved after {lasted}, held by rule {row.held_by}"
    return "resolved"


def _reason(read: Read) -> str:
    lost, kept = len(read.problems), len(read.alerts)
    others = f"The other {kept} {'was' if kept == 1 else 'were'} taken in." if kept else ""
    first = f"{lost} of {lost + kept} alerts could not be read. {others}".rstrip()
    return "\n".join([first, *read.problems])
