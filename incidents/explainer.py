"""What becomes of a message, told step by step: any stored one, or one that was pasted.

Nothing is written, and nothing is sent. The rules, services and policies are those of today; the
maintenance and the people on call those of the moment asked about. What really became of a stored
message is told beside that, from the record: rules may have been changed since. An incident that
the reader may not see is never named, nor who was paged for it.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.models import User as Login
from django.db.models import Min, Q

from incidents.intake import (
    ADAPTERS,
    Action,
    Envelope,
    IntakeError,
    NormalisedAlert,
    Notification,
    own,
)
from incidents.models import Alert, AlertEvent, Incident, Integration, Page, Service
from incidents.policy_preview import Call, who_would_be_called
from incidents.routing import Route, Router, RuleReading
from roster.models import EscalationPolicy

# A message may hold thousands; a page about more than these helps nobody.
ALERTS_SHOWN = 20

type User = Login | AnonymousUser


class Fate(StrEnum):
    """What would become of one alert, in the order in which it is decided."""

    ACKNOWLEDGES = "acknowledges"
    RESOLVES = "resolves"
    REPEATS = "repeats"
    SUPPRESSED = "suppressed"
    MUTED = "muted"
    HELD = "held"
    JOINS = "joins"
    OPENS = "opens"


@dataclass(frozen=True)
class Explained:
    """One alert of a message: what was read, how each rule fared, and where that leads.

    `route` is None for what resolves or acknowledges, since only firing alerts are routed.
    `firing` is the alert of this key that fired already; `incident` the one it joins, or the one of
    what it resolves, if the reader may see it. `calls` are whom it pages from `calls_from` on while
    it fires and nobody answers; empty where it pages nobody. `became` is what is on record of a
    stored message, with its incident and the pages of that, likewise if visible.
    """

    alert: NormalisedAlert
    fate: Fate
    rules: list[RuleReading] = field(default_factory=list)
    route: Route | None = None
    firing: Alert | None = None
    incident: Incident | None = None
    policy: EscalationPolicy | None = None
    calls_from: datetime | None = None
    calls: list[Call] = field(default_factory=list)
    became: Alert | None = None
    became_of: Incident | None = None
    pages: list[Page] = field(default_factory=list)


@dataclass(frozen=True)
class Explanation:
    """A message, as far as it could be read. `refusal` says why it could not, or not at all."""

    integration: Integration
    at: datetime
    alerts: list[Explained] = field(default_factory=list)
    not_shown: int = 0
    notification: Notification | None = None
    refusal: str = ""


def explain_event(event: AlertEvent, *, user: User, at: datetime) -> Explanation:
    """Explain a stored message. Reads its integration, so select it."""
    is_ours = event.origin in (AlertEvent.Origin.MUSTER, AlertEvent.Origin.PERSON)
    read = own.read if is_ours else event.integration.adapter.read
    try:
        notification = read(event.envelope())
    except IntakeError as error:
        return Explanation(event.integration, at, refusal=error.message)
    return _Explainer(event.integration, user, at, event).explain(notification)


def explain_pasted(
    integration: Integration,
    body: bytes,
    *,
    user: User,
    at: datetime,
    content_type: str = "application/json",
    headers: Mapping[str, str] | None = None,
    call: str = "",
) -> Explanation:
    """Explain a message as if it came in now. Signatures are not asked for."""
    adapter = ADAPTERS[integration.kind]
    sent = {name.lower(): value for name, value in (headers or {}).items()}
    envelope = Envelope(
        body=body, content_type=content_type, headers=sent, call=call, options=integration.options
    )
    try:
        glance = adapter.check(envelope)
        kept = {name: sent[name] for name in adapter.kept_headers if name in sent}
        stored = {**kept, **glance.assigned}
        notification = adapter.read(
            Envelope(body, content_type, stored, call, options=integration.options)
        )
    except IntakeError as error:
        return Explanation(integration, at, refusal=error.message)
    return _Explainer(integration, user, at).explain(notification)


class _Explainer:
    """Everything is read once for a whole message. Queries grow only with the policies involved."""

    def __init__(
        self,
        integration: Integration,
        user: User,
        at: datetime,
        event: AlertEvent | None = None,
    ) -> None:
        self.integration = integration
        self.user = user
        self.at = at
        self.event = event
        self.came_at = event.received_at if event else at
        # When it was, or would be, taken in: alerts and incidents of that moment count.
        self.taken_in_at = (event.processed_at if event else None) or self.came_at
        # Silence is for what monitors say: a person who reports something means it.
        self.is_reported = bool(event and event.origin == AlertEvent.Origin.PERSON)
        self.router = Router.of(integration, at=at)
        self._calls: dict[tuple[int | None, datetime], list[Call]] = {}

    def explain(self, notification: Notification) -> Explanation:
        shown = [self._or_its_end(alert) for alert in notification.alerts[:ALERTS_SHOWN]]
        routes = [self.router.route(alert) if alert.is_firing else None for alert in shown]
        keys = {alert.dedup_key for alert in shown}
        self.became = self._became(keys)
        self.firing = self._firing(keys)
        self.gathering = self._gathering({route.grouping_key for route in routes if route})
        self.opened = self._opened()
        self.visible = self._visible()
        self.pages = self._pages()
        self.policies = _policies_of({route.service.pk for route in routes if route})
        return Explanation(
            self.integration,
            self.at,
            alerts=[self._explained(*pair) for pair in zip(shown, routes, strict=True)],
            not_shown=len(notification.alerts) - len(shown),
            notification=notification,
        )

    def _or_its_end(self, alert: NormalisedAlert) -> NormalisedAlert:
        """What had expired when it came tells of its end, as it does for processing."""
        is_over = alert.expires_at is not None and alert.expires_at <= self.came_at
        return replace(alert, action=Action.RESOLVE) if alert.is_firing and is_over else alert

    # --- What is read -----------------------------------------------------------------------------

    def _became(self, keys: Collection[str]) -> dict[str, Alert]:
        """By key, the alert that the stored message opened, or was counted on."""
        if self.event is None:
            return {}
        rows = Alert.objects.filter(
            integration=self.integration,
            dedup_key__in=keys,
            first_seen_at__lte=self.came_at,
            last_seen_at__gte=self.came_at,
        )
        related = ("incident__severity", "service", "suppressed_by", "held_by", "maintenance")
        return {
            row.dedup_key: row for row in rows.select_related(*related).order_by("first_seen_at")
        }

    def _firing(self, keys: Collection[str]) -> dict[str, Alert]:
        """By key, the alert that fired before this message came."""
        rows = Alert.objects.filter(
            Q(resolved_at__isnull=True) | Q(resolved_at__gte=self.came_at),
            integration=self.integration,
            dedup_key__in=keys,
            first_seen_at__lt=self.came_at,
        )
        return {row.dedup_key: row for row in rows.select_related("incident__severity")}

    def _gathering(self, keys: Collection[str]) -> dict[str, Incident]:
        """By grouping key, the incident that was live before, and still gathered alerts."""
        at = self.taken_in_at
        rows = Incident.objects.filter(
            Q(gathers_until__isnull=True) | Q(gathers_until__gte=self.came_at),
            Q(restored_at__isnull=True) | Q(restored_at__gt=at),
            Q(closed_at__isnull=True) | Q(closed_at__gt=at),
            grouping_key__in=keys,
            detected_at__lt=at,
        )
        related = rows.select_related("severity").order_by("pk")
        return {incident.grouping_key: incident for incident in related}

    def _opened(self) -> set[int]:
        """Of the alerts that became of this message, those that opened their incident."""
        pks = {alert.incident_id for alert in self.became.values() if alert.incident_id}
        first = Alert.objects.filter(incident__in=pks).order_by().values("incident")
        return (
            set(first.annotate(first=Min("pk")).values_list("first", flat=True)) if pks else set()
        )

    def _visible(self) -> set[int]:
        """Of the incidents that might be named, those that the reader may see."""
        alerts = [*self.firing.values(), *self.became.values()]
        pks = {alert.incident_id for alert in alerts if alert.incident_id}
        pks |= {incident.pk for incident in self.gathering.values()}
        pks |= {rule.attach_to_id for rule in self.router.rules if rule.attach_to_id}
        if not (pks and self.user.has_perm("incidents.view_incident")):
            return set()
        visible = Incident.objects.visible_to(self.user).filter(pk__in=pks)
        return set(visible.values_list("pk", flat=True))

    def _pages(self) -> dict[int, list[Page]]:
        """By incident, who was paged for what this message became."""
        pks = {alert.incident_id for alert in self.became.values()} & self.visible
        found: dict[int, list[Page]] = defaultdict(list)
        rows = Page.objects.filter(incident__in=pks).select_related("person")
        for page in rows.order_by("created_at", "pk") if pks else ():
            found[page.incident_id].append(page)
        return found

    # --- What is told -----------------------------------------------------------------------------

    def _explained(self, alert: NormalisedAlert, route: Route | None) -> Explained:
        became = self.became.get(alert.dedup_key)
        firing = self.firing.get(alert.dedup_key)
        incident = self._joined(route, became) if route else firing.incident if firing else None
        fate = self._fate(alert, route, firing, incident)
        policy, calls_from = self._paging(route, fate) if route else (None, None)
        return Explained(
            alert=alert,
            fate=fate,
            rules=self.router.explain(alert) if route else [],
            route=route,
            firing=firing,
            incident=self._if_visible(incident),
            policy=policy,
            calls_from=calls_from,
            calls=self._called(policy, calls_from) if calls_from else [],
            became=became,
            became_of=self._if_visible(became.incident if became else None),
            pages=self.pages.get(became.incident_id or 0, []) if became else [],
        )

    def _fate(
        self,
        alert: NormalisedAlert,
        route: Route | None,
        firing: Alert | None,
        incident: Incident | None,
    ) -> Fate:
        if route is None:
            return Fate.RESOLVES if alert.action == Action.RESOLVE else Fate.ACKNOWLEDGES
        if firing:
            return Fate.REPEATS
        if route.suppressed_by:
            return Fate.SUPPRESSED
        if route.is_muted and not self.is_reported:
            return Fate.MUTED
        if route.hold_minutes and not self.is_reported:
            return Fate.HELD
        return Fate.JOINS if incident else Fate.OPENS

    def _joined(self, route: Route, became: Alert | None) -> Incident | None:
        """The incident it joins; None if it opens one."""
        if route.attach_to:
            return route.attach_to
        found = self.gathering.get(route.grouping_key)
        # Two of one group that came in together: the second joined what the first had opened.
        if not found and became and became.incident and became.pk not in self.opened:
            is_same_group = became.incident.grouping_key == route.grouping_key
            return became.incident if is_same_group else None
        return found

    def _if_visible(self, incident: Incident | None) -> Incident | None:
        return incident if incident and incident.pk in self.visible else None

    def _paging(self, route: Route, fate: Fate) -> tuple[EscalationPolicy | None, datetime | None]:
        """By which policy it pages and from when on, while it fires; None if it never does."""
        policy = route.policy or self.policies.get(route.service.pk)
        rule = route.rule
        moments = {
            Fate.OPENS: self.at,
            Fate.HELD: self.at + timedelta(minutes=route.hold_minutes),
            Fate.MUTED: route.maintenance_until,
            Fate.SUPPRESSED: rule.suppress_until if rule else None,
        }
        return policy, moments.get(fate)

    def _called(self, policy: EscalationPolicy | None, at: datetime) -> list[Call]:
        """Asked once for all alerts that page by one policy at one moment."""
        key = (policy.pk if policy else None, at)
        if key not in self._calls:
            self._calls[key] = who_would_be_called(policy, at=at)
        return self._calls[key]


def _policies_of(service_pks: Collection[int]) -> dict[int, EscalationPolicy]:
    """By service, the policy it pages by."""
    rows = Service.objects.filter(pk__in=service_pks)
    related = rows.select_related("policy", "owner_team__default_policy")
    found = ((service.pk, service.effective_policy()) for service in related)
    return {pk: policy for pk, policy in found if policy}
