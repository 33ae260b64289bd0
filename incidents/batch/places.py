"""The incidents of one transaction: which one an alert goes to, and what happens to each."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Count, Q

from incidents.lifecycle import Detection, detect_all
from incidents.models import Alert, Incident, Integration, Phase, RoutingRule
from incidents.routing import Route
from roster.actors import Actor

SYSTEM = Actor.system("alert processing")
EVIDENCE_LENGTH = 2_000


@dataclass(frozen=True)
class Note:
    """A remark from the monitor's side."""

    text: str
    by: Actor


@dataclass(frozen=True)
class Sum:
    """How many alerts an incident has, and how many of them fire."""

    firing: int = 0
    total: int = 0


def sums_of(incident_pks: Collection[int]) -> dict[int, Sum]:
    """By incident; those without alerts are left out. One query, none for none."""
    if not incident_pks:
        return {}
    rows = Alert.objects.filter(incident__in=incident_pks).order_by()
    found: dict[int, Sum] = {}
    for pk, state, number in rows.values_list("incident_id", "state").annotate(Count("pk")):
        old = found.get(pk, Sum())
        firing = number if state == Alert.State.FIRING else 0
        found[pk] = Sum(old.firing + firing, old.total + number)
    return found


@dataclass(eq=False)
class Place:
    """What one transaction does to one incident, or to one that it is about to open.

    `before` is what alerts it had, known where one of them may end.
    """

    found: Incident | None = None
    detection: Detection | None = None
    attached: list[Alert] = field(default_factory=list)
    resolved: list[Alert] = field(default_factory=list)
    flapping: list[Alert] = field(default_factory=list)
    missing: int = 0
    answered_by: Actor | None = None
    notes: list[Note] = field(default_factory=list)
    declared_by: RoutingRule | None = None
    affects_customers: bool = False
    before: Sum = Sum()

    @property
    def incident(self) -> Incident:
        if self.found is None:
            raise LookupError("This incident is not opened yet.")
        return self.found

    @property
    def is_new(self) -> bool:
        return self.detection is not None

    def is_undecided(self) -> bool:
        return self.found is None or self.found.phase == Phase.DETECTED

    @property
    def now(self) -> Sum:
        """What alerts it has with what this transaction does."""
        came, went = len(self.attached), len(self.resolved)
        return Sum(self.before.firing + came - went, self.before.total + came)

    def is_over(self) -> bool:
        """Whether its last alert has resolved before anybody decided on it (PAGING-RULES, Alerts).

        Not while alerts are missing from a notification: those may still fire.
        """
        is_quiet = bool(self.resolved) and not self.now.firing
        return is_quiet and self.is_undecided() and not self.missing

    def is_taken(self) -> bool:
        return bool(self.answered_by or (self.found and self.found.acknowledged_at))

    def gathers_at(self, moment: datetime) -> bool:
        """Whether an alert of its group that came in at `moment` still belongs to it."""
        known = self.found or self.detection
        until = known.gathers_until if known else None
        return until is None or moment <= until


class Places:
    """The incidents that alerts of one integration join, open or leave at `at`.

    All that exist are read and locked together and in order, before anything is decided on them:
    nothing joins one that has just ended, and two workers never wait for each other.
    """

    def __init__(self, integration: Integration, at: datetime) -> None:
        self.integration = integration
        self.at = at
        self._all: list[Place] = []
        self._by_pk: dict[int, Place] = {}
        self._by_group: dict[str, Place | None] = {}
        self._of_row: dict[int, Place] = {}
        self._full: list[int] = []

    def __iter__(self) -> Iterator[Place]:
        return iter(self._all)

    def read(
        self,
        *,
        groups: Collection[str] = (),
        pks: Collection[int] = (),
        may_end: bool = True,
    ) -> None:
        """Read and lock the live incidents of these groups, and those of these ids.

        One query, and one more for their alerts if some of those may end.
        """
        groups = [group for group in groups if group not in self._by_group]
        pks = [pk for pk in pks if pk not in self._by_pk]
        if not groups and not pks:
            return
        live = Q(pk__in=Incident.objects.live().filter(grouping_key__in=groups).values("pk"))
        rows = Incident.objects.filter(live | Q(pk__in=pks)).select_related("severity")
        self._by_group |= dict.fromkeys(groups)
        found = list(rows.select_for_update(of=("self",), no_key=True).order_by("pk"))
        sums = sums_of([incident.pk for incident in found]) if may_end else {}
        for incident in found:
            self._add(Place(found=incident, before=sums.get(incident.pk, Sum())))

    def _add(self, place: Place) -> Place:
        self._all.append(place)
        if place.found:
            self._by_pk[place.found.pk] = place
        known = place.found or place.detection
        is_live = place.found is None or place.found.is_live
        if known and known.grouping_key and is_live:
            self._by_group[known.grouping_key] = place
        return place

    def of(self, row: Alert) -> Place | None:
        """The place of an alert that has an incident, or is about to; None for others."""
        if place := self._of_row.get(id(row)):
            return place
        if row.incident_id is None:
            return None
        self.read(pks=[row.incident_id])
        return self._by_pk[row.incident_id]

    def attach(self, row: Alert, route: Route, *, source: str) -> Place:
        """Have it join the live incident where it belongs, or else open one."""
        place = self._live_one(row, route) or self._add(
            Place(detection=self._detection(row, route, source))
        )
        self._of_row[id(row)] = place
        place.attached.append(row)
        if row.flapping_since:
            place.flapping.append(row)
        if place.is_undecided():
            self._judge(place, row, route)
        return place

    def _live_one(self, row: Alert, route: Route) -> Place | None:
        if route.attach_to:
            self.read(pks=[route.attach_to.pk])
            place = self._by_pk[route.attach_to.pk]
            if place.incident.is_live:
                return place
        self.read(groups=[route.grouping_key])
        found = self._by_group[route.grouping_key]
        if found is None:
            return None
        is_answered_and_over = found.is_over() and found.is_taken()
        if found.is_new and is_answered_and_over:
            found.answered_by = None  # nobody was told yet, and that answer was to what has ended
            return found
        if found.gathers_at(row.first_seen_at) and not is_answered_and_over:
            return found
        # It keeps what it has; its group is for the next one, which pages anew.
        self._by_group[route.grouping_key] = None
        if found.detection:
            found.detection.grouping_key = ""
        else:
            self._full.append(found.incident.pk)
        return None

    def _detection(self, row: Alert, route: Route, source: str) -> Detection:
        minutes = route.group_minutes
        told = f"{self.integration.name}: {row.title}\n\n{row.description}".strip()
        return Detection(
            title=row.title,
            services=[route.service],
            severity=route.severity,
            source=source,
            grouping_key=route.grouping_key,
            gathers_until=row.first_seen_at + timedelta(minutes=minutes) if minutes else None,
            may_affect_customers=route.may_affect_customers,
            evidence=told[:EVIDENCE_LENGTH],
            policy=route.policy,
            urgency=route.urgency,
        )

    def _judge(self, place: Place, row: Alert, route: Route) -> None:
        """Until a person decides, what is worst of its alerts holds for the incident."""
        if route.declares:
            place.declared_by = place.declared_by or route.rule
        if place.detection:
            if route.severity.is_worse_than(place.detection.severity):
                place.detection.severity = route.severity
            place.detection.may_affect_customers |= route.may_affect_customers
            return
        place.affects_customers |= route.may_affect_customers
        if route.severity.is_worse_than(place.incident.severity):
            reason = f"Alert: {row.title}"
            place.incident.change_severity(route.severity, reason=reason, by=SYSTEM, at=self.at)

    def open(self) -> None:
        """Open the incidents that alerts ask for. A constant number of queries.

        One worker in two loses a race for a group to a unique constraint, and comes back to find
        what the other one opened.
        """
        if self._full:
            Incident.objects.filter(pk__in=self._full).update(grouping_key="")
        new = [(place, place.detection) for place in self._all if place.detection]
        opened = detect_all([detection for _, detection in new], by=SYSTEM, at=self.at)
        for (place, _), incident in zip(new, opened, strict=True):
            place.found = incident
        for place in self._all:
            for row in place.attached:
                row.incident = place.incident
        affecting = [place.incident for place in self._all if place.affects_customers]
        pks = [incident.pk for incident in affecting if not incident.may_affect_customers]
        if pks:
            Incident.objects.filter(pk__in=pks).update(may_affect_customers=True)
