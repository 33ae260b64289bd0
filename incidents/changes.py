"""What was changed on purpose, kept to be seen beside the incidents that begin soon afterwards.

Changes are kept for good: they are few and small, and a postmortem may ask for them a year later.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet

from incidents.intake.notification import NormalisedChange
from incidents.models import AlertEvent, Change, Incident, Integration, Service

# How long before an incident a change may have been its cause.
LOOKS_BACK = timedelta(hours=24)

_SAID = (
    "title", "kind", "state", "environment", "source", "actor_name", "at", "received_at", "links",
    "labels", "service", "event",
)  # fmt: skip


def take_all(
    integration: Integration, told: Iterable[tuple[NormalisedChange, AlertEvent]], *, at: datetime
) -> int:
    """Keep what events tell of, each key once with the newest that is known of it.

    Within the caller's transaction, which holds the integration; at most three queries, whatever
    the number. Answers how many rows were written: an older word than the one that stands is not.
    """
    told = list(told)
    if not told:
        return 0
    services = _services(integration, [change for change, _ in told])
    rows: dict[str, Change] = {}
    for change, event in told:
        row = _row(integration, change, event, at)
        row.service = services.get(change.source.lower()) or integration.service
        if row.key not in rows or _is_newer(row, rows[row.key]):
            rows[row.key] = row
    known = Change.objects.filter(integration=integration, key__in=rows)
    for standing in known.only("key", "at", "received_at"):
        if not _is_newer(rows[standing.key], standing):
            del rows[standing.key]
    Change.objects.bulk_create(
        rows.values(),
        update_conflicts=True,
        unique_fields=["integration", "key"],
        update_fields=_SAID,
    )
    return len(rows)


def _row(
    integration: Integration, change: NormalisedChange, event: AlertEvent, at: datetime
) -> Change:
    return Change(
        integration=integration,
        key=change.key[:300],
        title=change.title[:300] or "Change without a name",
        kind=change.kind[:40],
        state=change.state[:40],
        environment=change.environment[:100],
        source=change.source[:200],
        actor_name=change.actor[:200],
        # A sender's clock that runs ahead must not hide the change until then.
        at=min(change.at or event.received_at, at),
        received_at=event.received_at,
        links=[{"label": link.label, "url": link.url} for link in change.links],
        labels=change.labels,
        event=event,
    )


def _is_newer(row: Change, standing: Change) -> bool:
    """Whether `row` was said later: senders retry, and workers may overtake one another."""
    return (row.at, row.received_at) >= (standing.at, standing.received_at)


def _services(integration: Integration, changes: list[NormalisedChange]) -> dict[str, Service]:
    """The services that the option `services` names for these sources, by source in lower case."""
    named = integration.options.get("services")
    if not isinstance(named, dict):
        return {}
    slugs = {str(source).lower(): slug for source, slug in named.items()}
    wanted = {
        source: slugs[source] for change in changes if (source := change.source.lower()) in slugs
    }
    if not wanted:
        return {}
    found = {service.slug: service for service in Service.objects.filter(slug__in=wanted.values())}
    return {source: found[slug] for source, slug in wanted.items() if slug in found}


# --- What changed lately -------------------------------------------------------------------------


@dataclass(frozen=True)
class Lately:
    """The newest changes about an incident; `has_more` if older ones were left out."""

    changes: list[Change]
    has_more: bool
    since: datetime
    own: frozenset[int]  # keys of the incident's own services


def before(incident: Incident, services: Iterable[Service], *, now: datetime, limit: int) -> Lately:
    """Changes of these services, and of what they depend on, from a day before the incident on.

    Newest first, until now or until it was closed. Two queries, and what `services` costs.
    """
    began_at = min(incident.impact_began_at or incident.detected_at, incident.detected_at)
    since, until = began_at - LOOKS_BACK, min(incident.closed_at or now, now)
    own = frozenset(service.pk for service in services)
    found = list(_of(with_dependencies(own), since, until)[: limit + 1])
    return Lately(found[:limit], len(found) > limit, since, own)


def _of(services: Iterable[int], since: datetime, until: datetime) -> QuerySet[Change]:
    rows = Change.objects.filter(service__in=services).between(since, until)
    return rows.select_related("service", "integration").order_by("-at", "-pk")


def with_dependencies(services: frozenset[int]) -> frozenset[int]:
    """These services and all that they depend on, directly or not, by key. One query."""
    if not services:
        return services
    needed: dict[int, set[int]] = defaultdict(set)
    links = Service.depends_on.through.objects.all()
    for dependent, dependency in links.values_list("from_service_id", "to_service_id"):
        needed[dependent].add(dependency)
    found, ahead = set(services), list(services)
    while ahead:
        new = needed[ahead.pop()] - found
        found |= new
        ahead += new
    return frozenset(found)
