"""Telling one incident again, at the times at which it happened, through the domain itself.

Every change is made by the function that the admin, the API and the workers call, so what the
demo shows is what would have been recorded. Only the sending is left out.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from django.db.models import F

from comms.models import Audience, Message, MessageState, Update
from comms.updates import Draft, approve, draft_update, send_update, worded
from config.demo.organisation import Organisation
from config.demo.stories import Story
from incidents.escalation import acknowledge_page, run_due
from incidents.lifecycle import detect
from incidents.models import (
    AlertEvent,
    Announcement,
    Escalation,
    ImpactDegree,
    ImpactExtent,
    Incident,
    Page,
    Phase,
    Responder,
    Role,
    Severity,
    TimelineEntry,
)
from incidents.processing import process_due
from incidents.responders import request_on_call, request_responder
from incidents.roles import assign_role
from incidents.signals import entry_recorded
from roster.actors import Actor
from roster.models import Person


@dataclass
class Clock:
    """The moment at which the story stands."""

    at: datetime
    rng: Random

    def pass_minutes(self, least: int, most: int) -> None:
        self.at += timedelta(seconds=self.rng.randint(least * 60, most * 60))


class Replay:
    """One incident, from its first sign to wherever the story leaves it."""

    def __init__(self, company: Organisation, starts_at: datetime, rng: Random) -> None:
        self.company = company
        self.rng = rng
        self.clock = Clock(starts_at, rng)
        self.incident = Incident()

    @property
    def at(self) -> datetime:
        return self.clock.at

    def do(self, change: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Make a change at this moment."""
        return change(*args, **kwargs, at=self.at)

    def settle(self) -> None:
        """Deliver what is due by now, then let the other apps hear of what was recorded.

        In this order, since an answer takes back only what had not been sent before it.
        """
        self._deliver()
        self._announce()

    def finish(self) -> None:
        """Announce and deliver everything that is left."""
        while self._announce():
            pass
        self._deliver()

    def _announce(self) -> bool:
        """Without the leases of `announce_due`: nobody else is here, and it is twice as fast."""
        recorded = Announcement.objects.select_related("entry__incident__severity", "entry__actor")
        heard = list(recorded.order_by("pk"))
        for announcement in heard:
            entry_recorded.send(sender=TimelineEntry, entry=announcement.entry)
        Announcement.objects.filter(pk__in=[announcement.pk for announcement in heard]).delete()
        return bool(heard)

    def _deliver(self) -> None:
        Message.objects.filter(
            state=MessageState.QUEUED, due_at__lte=self.at, incident=self.incident.pk
        ).update(
            state=MessageState.SENT,
            sent_at=F("due_at"),
            due_at=None,
            provider_response="Part of the demo's history: never handed over.",
        )

    # --- How it begins ----------------------------------------------------------------------------

    def alert(self, service: str, name: str, title: str, severity: str, *, is_over: bool) -> None:
        """Let the monitor post, as it would to `/ingest/`."""
        AlertEvent.objects.create(
            integration=self.company.integration,
            received_at=self.at,
            due_at=self.at,
            content_type="application/json",
            body=_payload(service, name, title, severity, self.at, is_over=is_over),
        )
        process_due(at=self.at)
        if not is_over:
            self.incident = Incident.objects.select_related("severity").latest("number")
        self.settle()

    def report(self, story: Story, reporter: Person, source: str) -> None:
        """Let a person say that something is wrong."""
        self.incident = self.do(
            detect,
            title=story.title,
            services=[self.company.services[story.service]],
            severity=Severity.objects.get(slug="sev3"),
            source=source,
            by=Actor.of_person(reporter, via="admin"),
        )

    def page(self) -> None:
        """Run the escalation for as long as nobody has answered up to now."""
        running = Escalation.objects.running().filter(incident=self.incident)
        while (
            due_at := running.filter(due_at__lte=self.at).values_list("due_at", flat=True).first()
        ):
            run_due(at=due_at)
        self.settle()

    def take(self, *, within_minutes: int) -> Actor:
        """Somebody who was paged says “mine”; without a page, whoever is first on the policy."""
        self.page()
        self.clock.pass_minutes(1, within_minutes)
        self.page()
        page = Page.objects.pending().filter(incident=self.incident).order_by("-pk").first()
        if page is None:
            by = Actor.of_person(self.rng.choice(self.engineers()), via="admin")
            self.incident.refresh_from_db()
            self.do(self.incident.acknowledge, by=by)
        else:
            by = Actor.of_person(page.person)
            self.do(acknowledge_page, page, by=by, via="link")
        self.settle()
        self.refresh()
        return by

    def refresh(self) -> None:
        self.incident = Incident.objects.select_related("severity").get(pk=self.incident.pk)

    # --- How it goes on ---------------------------------------------------------------------------

    def declare(self, story: Story, *, by: Actor) -> None:
        self.do(
            self.incident.declare,
            extent=ImpactExtent.objects.get(slug=story.extent),
            degree=ImpactDegree.objects.get(slug=story.degree),
            title=story.title,
            by=by,
        )
        self.do(self.incident.edit, by=by, customer_impact=story.impact)
        self.settle()

    def manager(self) -> Actor:
        found = self.incident.manager()
        return Actor.of_person(found or self.company.people["ines-okafor"], via="admin")

    def assign(self, role: str, person: str, *, note: str = "") -> Actor:
        holder = self.company.people[person]
        self.do(
            assign_role,
            self.incident,
            Role.objects.get(slug=role),
            holder,
            by=self.manager(),
            note=note,
        )
        return Actor.of_person(holder, via="admin")

    def call_in_on_call(self, service: str) -> list[Responder]:
        """Request whoever is on call for a service; nobody new to ask is no matter here."""
        taken = set(self.incident.responders.open().values_list("person", flat=True))
        policy = self.company.services[service].effective_policy()
        if policy is None or not policy.steps.exists():
            return []
        requested = self.do(
            request_on_call, self.incident, self.company.services[service], by=self.manager()
        )
        self.settle()
        return [responder for responder in requested if responder.person_id not in taken]

    def call_in(self, person: str, purpose: str, message: str) -> Responder:
        responder: Responder = self.do(
            request_responder,
            self.incident,
            self.company.people[person],
            purpose=purpose,
            message=message,
            by=self.manager(),
        )
        self.settle()
        return responder

    def join(self, responder: Responder) -> None:
        self.clock.pass_minutes(1, 6)
        self.do(responder.acknowledge, by=Actor.of_person(responder.person))
        self.settle()

    def tell(
        self, kind: str, audiences: str, *, by: Actor, approver: Actor, next_in: int | None
    ) -> None:
        """Write from the fitting template and send, after somebody else approved it."""
        next_due_at = self.at + timedelta(minutes=next_in) if next_in else None
        words = worded(
            self.incident,
            kind=kind,
            author=by.name,
            at=self.at,
            next_due_at=next_due_at,
            is_last=next_in is None,
        )
        draft = Draft(
            words.subject,
            words.markdown,
            list(Audience.objects.filter(slug__in=audiences.split())),
            next_due_at=next_due_at,
            is_last=next_in is None,
        )
        update = self.do(draft_update, self.incident, kind=kind, draft=draft, by=by)
        if kind == "external":
            self.clock.pass_minutes(1, 4)
            self.do(approve, update, by=approver)
        self.do(send_update, update, by=by)

    def send_final(self, *, by: Actor) -> None:
        """Send the last update inside, which was drafted when service was restored."""
        self.settle()
        for update in Update.objects.filter(incident=self.incident, is_last=True).unsent():
            self.do(send_update, update, by=by)

    def advance(self, phase: Phase, *, by: Actor, note: str = "") -> None:
        self.do(self.incident.advance, phase, by=by, note=note)

    def engineers(self) -> list[Person]:
        """Those engaged; before anybody is, everyone of the technical teams."""
        technical = ["platform", "booking", "tracking"]
        everyone = Person.objects.filter(teams__slug__in=technical).order_by("slug")
        engaged = everyone.filter(engagements__in=self.incident.responders.engaged()).distinct()
        return list(engaged) or list(everyone)


def _payload(
    service: str, name: str, title: str, severity: str, at: datetime, *, is_over: bool
) -> bytes:
    """A webhook of Alertmanager, version 4."""
    status = "resolved" if is_over else "firing"
    labels = {"alertname": name, "service": service, "severity": severity, "region": "eu-1"}
    alert = {
        "status": status,
        "labels": labels,
        "annotations": {"summary": title},
        "startsAt": (at - timedelta(minutes=2)).isoformat(),
        "endsAt": at.isoformat() if is_over else "0001-01-01T00:00:00Z",
        "generatorURL": f"http://prometheus.halyard.example/graph?g0.expr={name}",
        "fingerprint": f"{service}-{name}".lower(),
    }
    return json.dumps(
        {
            "version": "4",
            "receiver": "muster",
            "status": status,
            "groupKey": f'{{}}:{{alertname="{name}", service="{service}"}}',
            "groupLabels": {"alertname": name, "service": service},
            "commonLabels": labels,
            "commonAnnotations": {},
            "externalURL": "http://alertmanager.halyard.example",
            "truncatedAlerts": 0,
            "alerts": [alert],
        }
    ).encode()
