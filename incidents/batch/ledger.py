"""What becomes of alerts in one transaction: where they go, when they end, and what follows.

Kept by a batch of messages, and by `incidents.alert_watch` where time alone changes something;
both hold the integration's row, so that one at a time writes the alerts of an integration.
"""

from contextlib import suppress
from datetime import datetime, timedelta

from incidents.batch import rows, story
from incidents.batch.history import Stamp
from incidents.batch.places import SYSTEM, Place, Places
from incidents.escalation import start_escalations, stop_escalation
from incidents.intake import Action, NormalisedAlert
from incidents.intake.notification import Link
from incidents.models import Alert, Incident, IncidentError, Integration, TimelineEntry
from incidents.routing import Route, Router
from incidents.vocabulary import Kind
from roster.actors import Actor

# What is silent for a reason without a known end is looked at again that often: a rule may have
# been changed, and what still fires is paged then.
LOOKED_AT_AT_LEAST = timedelta(minutes=5)
# Older alerts may have been resolved by an event that is not processed yet: Muster was down.
STALE_AFTER = timedelta(minutes=2)
NAME_LENGTH = 200
SAME_NOTE_WITHIN = timedelta(hours=1)


def hold_ends_at(row: Alert, route: Route) -> datetime | None:
    """When a holding rule stops waiting for it to resolve by itself; None if nothing holds it."""
    minutes = route.hold_minutes
    return row.first_seen_at + timedelta(minutes=minutes) if minutes else None


def as_it_came(row: Alert) -> NormalisedAlert:
    """The alert as routing takes it, of a row."""
    return NormalisedAlert(
        dedup_key=row.dedup_key,
        action=Action.TRIGGER,
        title=row.title,
        description=row.description,
        severity_label=row.severity_label,
        group=row.group,
        labels=row.labels,
        annotations=row.annotations,
        links=[Link(link["label"], link["url"]) for link in row.links],
        started_at=row.started_at,
    )


class Ledger:
    """The alerts of one integration that change at `at`. Nothing is stored until `save`."""

    def __init__(self, integration: Integration, at: datetime) -> None:
        self.integration = integration
        self.at = at
        self.router = Router.of(integration, at=at)
        self.places = Places(integration, at)
        self.new: list[Alert] = []
        self._counted: dict[int, Alert] = {}
        self._changed: dict[int, Alert] = {}
        self._routes: dict[int, tuple[NormalisedAlert, Route]] = {}

    def route(self, alert: NormalisedAlert) -> Route:
        """Where it belongs; asked twice of each, first to read what is needed for all."""
        if id(alert) not in self._routes:
            self._routes[id(alert)] = (alert, self.router.route(alert))
        return self._routes[id(alert)][1]

    # --- what happens to one alert --------------------------------------------------------------

    def open(self, row: Alert, route: Route, *, source: str) -> Place | None:
        """Take a new alert in, and say where it went; None if nobody hears of it for now."""
        self.new.append(row)
        return self.put(row, route, source=source)

    def put(self, row: Alert, route: Route, *, source: str) -> Place | None:
        """Have an alert silent, or with its incident, as its route says.

        Silence is for what monitors say: a person who reports something during maintenance, or
        while a rule would wait, means it.
        """
        is_told = source != Incident.Source.MONITORING
        held_until = hold_ends_at(row, route)
        row.service = route.service
        row.suppressed_by, row.held_by = route.suppressed_by, None
        row.maintenance = route.maintenance
        silent_until: datetime | None
        if route.suppressed_by:
            silent_until = route.suppressed_by.suppress_until
        elif route.is_muted and not is_told:
            silent_until = route.maintenance_until
        elif held_until and held_until > self.at and not is_told:
            row.held_by, silent_until = route.rule, held_until
        else:
            self.look_again(row)
            self.change(row)
            return self.places.attach(row, route, source=source)
        soon = self.at + LOOKED_AT_AT_LEAST
        self.look_again(row, min(silent_until or soon, soon))
        self.change(row)
        return None

    def look_again(self, row: Alert, silent_until: datetime | None = None) -> None:
        """Set when time alone may change something about it."""
        ends_at = row.quiet_since + story.QUIET_FOR if row.quiet_since else row.expires_at
        moments = [each for each in (silent_until, ends_at) if each]
        row.look_again_at = min(moments, default=None)

    def count(self, row: Alert) -> None:
        """Have a repeat stored."""
        if row.pk:
            self._counted[row.pk] = row

    def change(self, row: Alert) -> None:
        """Have anything else about it stored."""
        if row.pk:
            self._changed[row.pk] = row

    def end(self, row: Alert, *, resolved_at: datetime) -> None:
        row.state = Alert.State.RESOLVED
        row.resolved_at = resolved_at
        row.quiet_since = row.look_again_at = None
        self.change(row)
        if place := self.places.of(row):
            place.resolved.append(row)

    def quieten(self, row: Alert, end: Stamp) -> None:
        """Have a flapping alert end only once it has been quiet for long enough."""
        row.quiet_since = end.received
        settles_at = row.quiet_since + story.QUIET_FOR
        row.look_again_at = min(row.look_again_at or settles_at, settles_at)
        self.change(row)

    def somebody(self, name: str) -> Actor:
        """Whoever did something in the other system, where we know their name."""
        told = f"{name} ({self.integration.name})" if name else self.integration.name
        return Actor(person=None, name=told[:NAME_LENGTH], via="monitor")

    # --- writing it down, and what follows for incidents ----------------------------------------

    def save(self) -> None:
        self.places.open()
        repeats = [row for pk, row in self._counted.items() if pk not in self._changed]
        rows.write(repeats, rows.COUNTED)
        # Before the new ones, of which one may fire by a key that just ended.
        rows.write(self._changed.values(), rows.CHANGED)
        Alert.objects.bulk_create(self.new)
        places = list(self.places)
        story.tell(places, times_to_flap=self.integration.flaps_after, at=self.at)
        for place in places:
            if place.is_over():
                self._dismiss(place)
            else:
                self._follow(place)
        new = [place for place in places if place.is_new and place.incident.is_live]
        self._page([place for place in new if place.incident.acknowledged_at is None])

    def _dismiss(self, place: Place) -> None:
        reason = "All its alerts resolved before anybody declared it."
        self._write_notes(place)
        stop_escalation(place.incident, by=SYSTEM, at=self.at, reason="resolved")
        place.incident.dismiss(reason=reason, by=SYSTEM, at=self.at)

    def _follow(self, place: Place) -> None:
        incident = place.incident
        if (rule := place.declared_by) and place.is_undecided():
            incident.declare(
                extent=None,
                degree=None,
                severity=incident.severity,
                reason=f"The rule {rule} declares what matches it.",
                by=Actor.system(f"Rule {rule}"[:NAME_LENGTH]),
                at=self.at,
            )
        if place.answered_by and incident.is_live and incident.acknowledged_at is None:
            with suppress(IncidentError):  # somebody was faster
                incident.acknowledge(by=place.answered_by, at=self.at)
        self._write_notes(place)

    def _write_notes(self, place: Place) -> None:
        """Once each: monitors send a note again when they are not sure that we have it."""
        for note in place.notes:
            same = TimelineEntry.objects.of_kinds(Kind.NOTE_ADDED).filter(
                incident=place.incident,
                text=note.text,
                actor_name=note.by.name,
                at__gte=self.at - SAME_NOTE_WITHIN,
            )
            if not same.exists():
                place.incident.note(note.text, by=note.by, at=self.at)

    def _page(self, places: list[Place]) -> None:
        """Begin paging; for what is old, once no event waits that may have resolved it."""
        if not places:
            return
        old = [place.incident.pk for place in places if self._is_stale(place)]
        incidents = [place.incident for place in places]
        start_escalations(incidents, by=SYSTEM, at=self.at, waits_for_backlog=old)

    def _is_stale(self, place: Place) -> bool:
        return all(self.at - row.first_seen_at > STALE_AFTER for row in place.attached)
