"""A small organisation with one service, a clock that moves, and the real code in between.

What a monitor sends goes in as bytes; the sweeps run as they do in production. Nothing is mocked.
"""

import json
from datetime import datetime, timedelta
from typing import Any

from incidents import alert_watch, announcements, escalation, processing
from incidents.intake import own
from incidents.models import (
    Alert,
    AlertEvent,
    Escalation,
    Incident,
    Integration,
    Page,
    Role,
    Service,
    Severity,
    TimelineEntry,
)
from roster.actors import Actor
from roster.models import EscalationPolicy, Person
from tests.factories.roster import make_team

SEVERITIES = ("critical", "high", "medium", "low", "info")
ADMIN = Actor(person=None, name="Administrator", via="admin")
SWEEPS = (processing.process_due, alert_watch.look_again, escalation.run_due)


def alert(key: str = "a", *, status: str = "firing", **fields: Any) -> dict[str, Any]:
    """One alert as Alertmanager writes it; `labels` are added to its usual ones."""
    labels = {"alertname": f"Alert {key}", "severity": "critical"} | fields.pop("labels", {})
    return {"status": status, "fingerprint": key, "labels": labels} | fields


def webhook(*alerts: dict[str, Any], group: str = "group", **fields: Any) -> bytes:
    return json.dumps({"version": "4", "groupKey": group, "alerts": alerts} | fields).encode()


class Paging:
    """The service, its policy and its monitor, at a moment that `tick` moves."""

    def __init__(self, policy: EscalationPolicy | None, *, at: datetime) -> None:
        self.at = at
        for rank, name in enumerate(SEVERITIES, start=1):
            Severity.objects.create(
                slug=f"sev{rank}", name=f"SEV{rank}", rank=rank, aliases=name, urgency="high"
            )
        Role.objects.create(
            slug="first-responder", name="First responder", category="operations", is_single=False
        )
        self.service = Service.objects.create(
            slug="checkout", name="Checkout", owner_team=make_team(), policy=policy
        )
        self.integration, self.key = Integration.issue(
            slug="prometheus", name="Prometheus", service=self.service, by=ADMIN, at=at
        )

    def send(self, *alerts: dict[str, Any], **fields: Any) -> AlertEvent:
        """Have an event accepted now, without processing it yet."""
        return self.send_body(webhook(*alerts, **fields))

    def send_body(self, body: bytes) -> AlertEvent:
        return AlertEvent.objects.create(
            integration=self.integration, received_at=self.at, due_at=self.at, body=body
        )

    def say(self, key: str = "a", action: str = "trigger", **fields: Any) -> AlertEvent:
        """Have something said of an alert in Muster's own words, and processed."""
        origin = fields.pop("origin", AlertEvent.Origin.MUSTER)
        fields.setdefault("title", f"Alert {key}")
        event = AlertEvent.objects.create(
            integration=self.integration,
            received_at=self.at,
            due_at=self.at,
            origin=origin,
            body=own.body_of(own.OwnAlert(key, action, **fields)),
        )
        self.tick()
        event.refresh_from_db()
        return event

    def tick(self, minutes: float = 0) -> None:
        """Let time pass, then run every sweep until nothing is due."""
        self.at += timedelta(minutes=minutes)
        while sum(sweep(at=self.at) for sweep in SWEEPS):
            pass
        announcements.announce_due(at=self.at)

    def fire(self, *keys: str, **fields: Any) -> None:
        self.send(*[alert(key) for key in keys or ("a",)], **fields)
        self.tick()

    def fire_since(self, began: str) -> None:
        """Have alert "a" told of with when it began, by the monitor's clock."""
        self.send(alert(startsAt=began))
        self.tick()

    def send_alert_only(self) -> None:
        """Have an incident whose first step is due, and not run yet."""
        self.send(alert())
        processing.process_due(at=self.at)

    def resolve(self, *keys: str, **fields: Any) -> None:
        self.send(*[alert(key, status="resolved") for key in keys or ("a",)], **fields)
        self.tick()

    @property
    def incident(self) -> Incident:
        """The one incident there is."""
        return Incident.objects.get()

    @property
    def alert(self) -> Alert:
        return Alert.objects.get()

    @property
    def escalation(self) -> Escalation:
        return Escalation.objects.latest("pk")

    def paged(self) -> list[str]:
        """Whom a page was made for, in order, repeats included."""
        return list(Page.objects.order_by("pk").values_list("person__name", flat=True))

    def waiting(self) -> list[str]:
        return list(Page.objects.pending().order_by("pk").values_list("person__name", flat=True))

    def page_of(self, person: Person) -> Page:
        return Page.objects.filter(person=person).latest("pk")

    def acknowledge(self, person: Person) -> None:
        by = Actor.of_person(person)
        escalation.acknowledge_page(self.page_of(person), by=by, at=self.at, via="link")

    def decline(self, person: Person, reason: str = "") -> None:
        by = Actor.of_person(person)
        escalation.decline_page(self.page_of(person), by=by, at=self.at, reason=reason)

    def story(self) -> list[str]:
        """The kinds of all timeline entries, in the order they were written."""
        return list(TimelineEntry.objects.order_by("pk").values_list("kind", flat=True))

    def entry(self, kind: str) -> TimelineEntry:
        """The one entry of this kind."""
        return TimelineEntry.objects.get(kind=kind)
