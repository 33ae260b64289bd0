"""What a rule would change, found by holding it against the messages of the last days.

The stored messages are routed twice by the rules of today: without this one, and with it as if it
were switched on. Both ways are played through in order, so that repeats count once, held alerts
that resolve in time vanish, and alerts of one group make one incident while one of them fires.
Maintenance is left out, and so is what people did. Nothing is written.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic

from incidents.intake import IntakeError, NormalisedAlert, own
from incidents.maintenance import Windows
from incidents.models import (
    AlertEvent,
    Integration,
    RoutingMatcher,
    RoutingRule,
    Service,
    Severity,
)
from incidents.routing import Conditional, Route, Router, active_rules, services_by_slug

LOOKED_BACK = timedelta(days=7)
EVENTS_READ = 20_000
SECONDS = 5.0
EVENTS_AT_ONCE = 200
SAMPLE = 20


@dataclass(frozen=True)
class Way:
    """Where an alert goes, in the respects that are compared."""

    service: Service
    severity: Severity
    fate: str
    grouping_key: str
    urgency: str
    policy: int | None
    declares: bool
    may_affect_customers: bool

    @classmethod
    def of(cls, route: Route) -> "Way":
        attached = route.attach_to
        fate = f"joins {attached.reference}" if attached else "pages"
        if route.hold_minutes:
            fate = f"held {route.hold_minutes} min"
        if route.suppressed_by:
            fate = "suppressed"
        return cls(
            route.service,
            route.severity,
            fate,
            f"incident {attached.pk}" if attached else route.grouping_key,
            route.urgency or route.severity.urgency,
            route.policy.pk if route.policy else None,
            route.declares,
            route.may_affect_customers,
        )


@dataclass(frozen=True)
class Sample:
    """One alert that matches, where it goes without the rule, and where with it."""

    at: datetime
    title: str
    integration: Integration
    before: Way
    after: Way

    @property
    def differs(self) -> bool:
        return self.before != self.after


@dataclass
class Trial:
    """What was read, and what the rule would change about it.

    `cut` says why not all of the days could be looked at, if so; then everything is about what came
    from `since` on. `changes` counts alerts by what becomes different about them.
    """

    since: datetime
    until: datetime
    events: int = 0
    unreadable: int = 0
    cut: str = ""
    alerts: int = 0
    matched: int = 0
    moved: int = 0
    changes: Counter[str] = field(default_factory=Counter)
    incidents_before: int = 0
    incidents_after: int = 0
    samples: list[Sample] = field(default_factory=list)

    def most_changed(self) -> list[tuple[str, int]]:
        """What becomes different, in words, and for how many alerts; most first."""
        return self.changes.most_common()


@dataclass(frozen=True)
class _Seen:
    """One alert of one message. The routes are None for what does not fire."""

    at: datetime
    integration: Integration
    alert: NormalisedAlert
    before: Route | None
    after: Route | None

    @property
    def key(self) -> tuple[int, str]:
        return self.integration.pk, self.alert.dedup_key


def try_rule(
    rule: RoutingRule,
    matchers: Sequence[RoutingMatcher],
    *,
    at: datetime,
    limit: int = EVENTS_READ,
    seconds: float = SECONDS,
    clock: Callable[[], float] = monotonic,
) -> Trial:
    """Try a rule, saved or not. The newest messages are read first, until time or number is up.

    Seven queries, and one more for every few hundred messages.
    """
    trial = Trial(since=at - LOOKED_BACK, until=at)
    routers = _Routers(rule, matchers, at)
    seen: list[_Seen] = []
    stops = clock() + seconds
    for event in _newest_first(rule, trial.since, limit + 1):
        if trial.events >= limit or clock() > stops:
            trial.cut = f"the newest {trial.events:,} messages"
            break
        trial.events += 1
        oldest = event.received_at
        try:
            alerts = _read(event)
        except IntakeError:
            trial.unreadable += 1
            continue
        seen += reversed([routers.both(event, alert) for alert in alerts])
    if trial.cut:
        trial.since = oldest
    seen.reverse()
    _count(trial, seen, rule)
    return trial


class _Routers:
    """Two routers for each integration: without the rule, and with it in its place."""

    def __init__(self, rule: RoutingRule, matchers: Sequence[RoutingMatcher], at: datetime) -> None:
        self._at = at
        self._others = [each for each in active_rules() if each[0].pk != rule.pk]
        together: list[Conditional] = [*self._others, (rule, matchers)]
        # One not saved yet would come after its equals in position.
        self._all = sorted(together, key=lambda each: (each[0].position, each[0].pk or 1 << 62))
        self._severities = list(Severity.objects.all())
        self._services = services_by_slug()
        self._known: dict[int, tuple[Router, Router]] = {}

    def both(self, event: AlertEvent, alert: NormalisedAlert) -> _Seen:
        integration = event.integration
        if integration.pk not in self._known:
            self._known[integration.pk] = (
                self._router(integration, self._others),
                self._router(integration, self._all),
            )
        before, after = self._known[integration.pk]
        fires = alert.is_firing
        return _Seen(
            event.received_at,
            integration,
            alert,
            before.route(alert) if fires else None,
            after.route(alert) if fires else None,
        )

    def _router(self, integration: Integration, rules: Sequence[Conditional]) -> Router:
        asked = [each for each in rules if each[0].integration_id in (None, integration.pk)]
        return Router(
            integration,
            asked,
            self._severities,
            windows=Windows([], self._at),
            at=self._at,
            services=self._services,
        )


def _newest_first(rule: RoutingRule, since: datetime, limit: int) -> Iterator[AlertEvent]:
    events = AlertEvent.objects.filter(received_at__gte=since).select_related(
        "integration__service", "integration__severity"
    )
    if rule.integration_id:
        events = events.filter(integration=rule.integration_id)
    newest = events.order_by("-received_at", "-pk")[:limit]
    return newest.iterator(chunk_size=EVENTS_AT_ONCE)


def _read(event: AlertEvent) -> list[NormalisedAlert]:
    is_ours = event.origin in (AlertEvent.Origin.MUSTER, AlertEvent.Origin.PERSON)
    read = own.read if is_ours else event.integration.adapter.read
    return read(event.envelope()).alerts


# --- Playing it through --------------------------------------------------------------------------


class _Play:
    """One way to route, played through: which incidents it opens."""

    def __init__(self) -> None:
        self.incidents = 0
        self._group_of: dict[tuple[int, str], str] = {}
        self._firing: dict[str, set[tuple[int, str]]] = {}
        self._gathers_until: dict[str, datetime] = {}
        self._held: dict[tuple[int, str], tuple[datetime, Route]] = {}

    def fire(self, key: tuple[int, str], route: Route, at: datetime) -> None:
        if route.suppressed_by:
            return
        if route.hold_minutes:
            self._held[key] = (at + timedelta(minutes=route.hold_minutes), route)
            return
        self._join(key, route, at)

    def resolve(self, key: tuple[int, str], at: datetime) -> None:
        self._held.pop(key, None)
        group = self._group_of.pop(key, None)
        if group is not None:
            self._firing[group].discard(key)

    def pass_time(self, at: datetime) -> None:
        """Let go what was held until now and still fires."""
        over = sorted((until, key) for key, (until, _) in self._held.items() if until <= at)
        for until, key in over:
            self._join(key, self._held.pop(key)[1], until)

    def _join(self, key: tuple[int, str], route: Route, at: datetime) -> None:
        if route.attach_to:
            return
        group = route.grouping_key
        ends = self._gathers_until.get(group)
        if not self._firing.get(group) or (ends and at >= ends):
            self.incidents += 1
            self._firing[group] = set()
            self._gathers_until.pop(group, None)
            if route.group_minutes:
                self._gathers_until[group] = at + timedelta(minutes=route.group_minutes)
        self._firing[group].add(key)
        self._group_of[key] = group


def _count(trial: Trial, seen: Sequence[_Seen], rule: RoutingRule) -> None:
    before, after = _Play(), _Play()
    firing: set[tuple[int, str]] = set()
    samples: list[Sample] = []
    for each in seen:
        before.pass_time(each.at)
        after.pass_time(each.at)
        if each.before is None or each.after is None:
            firing.discard(each.key)
            before.resolve(each.key, each.at)
            after.resolve(each.key, each.at)
        elif each.key not in firing:
            firing.add(each.key)
            trial.alerts += 1
            before.fire(each.key, each.before, each.at)
            after.fire(each.key, each.after, each.at)
            if each.after.rule is rule:
                samples.append(_sample(each, each.before, each.after))
    for play in (before, after):
        play.pass_time(trial.until)
    trial.incidents_before, trial.incidents_after = before.incidents, after.incidents
    trial.matched = len(samples)
    moved = [sample for sample in samples if sample.differs]
    trial.moved = len(moved)
    for sample in moved:
        trial.changes.update(_differences(sample))
    trial.samples = [*reversed(moved), *(each for each in reversed(samples) if not each.differs)]
    trial.samples = trial.samples[:SAMPLE]


def _sample(seen: _Seen, before: Route, after: Route) -> Sample:
    return Sample(seen.at, seen.alert.title, seen.integration, Way.of(before), Way.of(after))


def _differences(sample: Sample) -> list[str]:
    """In which respects, in words."""
    before, after = sample.before, sample.after
    compared = {
        "go to another service": before.service.pk != after.service.pk,
        "have another severity": before.severity.pk != after.severity.pk,
        f"are {after.fate} instead"
        if after.fate != "pages"
        else "page, where they did not": before.fate != after.fate,
        "page by another policy": before.policy != after.policy,
        "are paged at another urgency": before.urgency != after.urgency,
        "are grouped differently": before.grouping_key != after.grouping_key,
        "are declared by the rule": after.declares and not before.declares,
        "are marked as potentially customer-impacting": after.may_affect_customers
        and not before.may_affect_customers,
    }
    return [words for words, is_so in compared.items() if is_so]
