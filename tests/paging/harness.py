"""The whole way from a monitor's bytes to a provider, with a clock that a test moves.

Every sweep is the real one. Only the providers at the edge of the network are stand-ins, and what
they take must be expected: before the clock moves on, and at the end, a message that nobody asked
for is a failure.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import time_machine
from django.db.models import Model
from django.test import Client

from comms import outbox, promises
from comms.models import Message
from incidents import (
    acknowledgement,
    alert_watch,
    announcements,
    escalation,
    heartbeats,
    processing,
)
from incidents import responders as responder_requests
from incidents.models import (
    Acknowledgement,
    Alert,
    AlertEvent,
    Announcement,
    Escalation,
    Incident,
    MaintenanceWindow,
    Page,
    Responder,
    Service,
)
from roster.actors import Actor
from roster.leases import Leased
from roster.links import make_url
from roster.models import (
    Channel,
    EscalationPolicy,
    EscalationStep,
    EscalationTarget,
    Person,
    Schedule,
    Team,
    Urgency,
)
from tests.factories.roster import make_contact_method, make_person, make_rule, make_target
from tests.incidents.paging import Paging, alert
from tests.paging.providers import Delivery, Providers

SWEEPS = (
    processing.process_due,
    alert_watch.look_again,
    heartbeats.check_due,
    acknowledgement.expire_due,
    escalation.run_due,
    announcements.announce_due,
    responder_requests.remind_due,
    promises.check_due,
    outbox.send_due,
)
QUEUES: tuple[type[Leased], ...] = (
    AlertEvent, Escalation, Acknowledgement, Announcement, Responder, Message,
)  # fmt: skip
MINUTE = timedelta(minutes=1)
ROUNDS = 200

type Target = Person | Team | Schedule


class Drill(Paging):
    """A small organisation under alarm. What the people in it are sent waits to be expected."""

    def __init__(
        self,
        policy: EscalationPolicy | None,
        *,
        at: datetime,
        providers: Providers,
        clock: time_machine.Traveller,
    ) -> None:
        self.providers = providers
        self.clock = clock
        super().__init__(policy, at=at)

    # --- time -------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Run every sweep at this moment until none of them finds anything to do."""
        self.clock.move_to(self.at)
        for _ in range(ROUNDS):
            if not sum(sweep(at=self.at) for sweep in SWEEPS):
                return
        raise AssertionError("The sweeps find no end.")

    def tick(self, minutes: float = 0) -> None:
        """Let time pass, with the sweeps at work whenever something is due on the way."""
        if minutes:
            self.expect_no_more()
        until = self.at + timedelta(minutes=minutes)
        self.settle()
        while due := self._next_due(until):
            self.at = due
            self.settle()
        self.at = until
        self.settle()

    def sleep(self, minutes: float) -> None:
        """Let time pass with every worker stopped."""
        self.expect_no_more()
        self.at += timedelta(minutes=minutes)
        self.clock.move_to(self.at)

    def _next_due(self, until: datetime) -> datetime | None:
        """The first moment after now, and not after `until`, at which a row is due."""
        moments: list[datetime] = []
        for queue in QUEUES:
            rows = queue._default_manager.filter(due_at__lte=until)
            for due_at, leased_until in rows.values_list("due_at", "leased_until"):
                if due_at:
                    moments.append(max(due_at, leased_until or due_at))
        looks = Alert.objects.filter(look_again_at__gt=self.at, look_again_at__lte=until)
        moments.extend(looks.values_list("look_again_at", flat=True))
        return min((each for each in moments if self.at < each <= until), default=None)

    # --- what is sent -----------------------------------------------------------------------------

    def expect(self, person: str, way: str = "email", *, about: str = "") -> Delivery:
        """Take one message off those that were sent; fail if there is none like it."""
        for delivery in self.providers.taken:
            said = f"{delivery.subject}\n{delivery.body}"
            if (delivery.person, delivery.way) == (person, way) and about in said:
                self.providers.taken.remove(delivery)
                return delivery
        sent = "\n".join(map(str, self._unexpected())) or "nothing"
        raise AssertionError(
            f"Missing at {self.at:%H:%M:%S}: {person} by {way} {about}\nSent were:\n{sent}"
        )

    def expect_many(self) -> Sequence[Delivery]:
        """Take everything that was sent, for tests that look at a storm as a whole."""
        sent, self.providers.taken[:] = list(self.providers.taken), []
        return sent

    def expect_no_more(self) -> None:
        """Fail if anything was sent that nobody expected."""
        if left := self._unexpected():
            raise AssertionError("Nobody expected:\n" + "\n".join(map(str, left)))

    def _unexpected(self) -> Sequence[Delivery]:
        return list(self.providers.taken)

    # --- people and policies ----------------------------------------------------------------------

    def move_service_to(self, policy: EscalationPolicy | None) -> None:
        Service.objects.update(policy=policy)

    def deactivate(self, person: Person) -> None:
        person.is_active = False
        person.save()

    def by_link(self, page: Page, purpose: str, **answers: Any) -> str:
        """What the paged person's phone shows after the one tap that confirms."""
        address = urlsplit(make_url(f"page.{purpose}", page.pk, page.person)).path
        return Client().post(address, answers).content.decode()

    def take(self, person: Person) -> None:
        """Acknowledge the incident itself, as on its page."""
        self.incident.acknowledge(by=Actor.of_person(person, via="admin"), at=self.at)

    def acknowledge(self, person: Person) -> None:
        super().acknowledge(person)
        self.settle()

    def decline(self, person: Person, reason: str = "") -> None:
        super().decline(person, reason)
        self.settle()

    def escalate(self, person: Person, reason: str = "") -> None:
        by = Actor.of_person(person, via="admin")
        escalation.escalate(self.incident, by=by, at=self.at, reason=reason)
        self.settle()

    def snooze(self, person: Person, minutes: float) -> None:
        by = Actor.of_person(person, via="admin")
        until = self.at + timedelta(minutes=minutes)
        acknowledgement.snooze(self.incident, until, by=by, at=self.at)
        self.settle()

    def confirm(self, person: Person) -> None:
        by = Actor.of_person(person, via="admin")
        acknowledgement.confirm(self.incident, by=by, at=self.at)

    def maintain(self, *, minutes: float, begins_in: float = 0) -> MaintenanceWindow:
        """Have the one service under maintenance, which pages nobody."""
        begins = self.at + timedelta(minutes=begins_in)
        window = MaintenanceWindow.objects.create(
            name="Database upgrade",
            starts_at=begins,
            ends_at=begins + timedelta(minutes=minutes),
            mode=MaintenanceWindow.Mode.MUTE,
            created_by_name="Ruth",
            created_at=self.at,
        )
        window.services.set([self.service])
        return window

    def new_incident(self, key: str = "new") -> None:
        """An alert of another group."""
        self.send(alert(key), group=key)
        self.settle()

    @property
    def last_incident(self) -> Incident:
        return Incident.objects.latest("pk")


def somebody(name: str, *ways: tuple[str, int], low: tuple[str, int] | None = None, **fields: Any):
    """A person; `ways` are how they want to be paged, each with its minutes ("push", 0).

    Without any it is the e-mail of their profile, at once.
    """
    person = make_person(slug=name.lower(), name=name, **fields)
    for way, minutes in ways:
        _rule(person, way, minutes, Urgency.HIGH)
    if low:
        _rule(person, *low, Urgency.LOW)
    return person


def _rule(person: Person, way: str, minutes: int, urgency: str) -> None:
    is_mail = way == "email"
    address = person.email if is_mail else f"{way}://{person.slug}"
    method = person.contact_methods.filter(address=address).first() or make_contact_method(
        person, channel=Channel.EMAIL if is_mail else Channel.APPRISE, address=address
    )
    make_rule(method, urgency=urgency, delay_minutes=minutes)


def policy_of(*rungs: Sequence[Target] | Target, name: str = "Checkout policy", **fields: Any):
    """A policy with one step for each rung, five minutes apart; a rung may be several targets."""
    policy = EscalationPolicy.objects.create(
        slug=name.lower().replace(" ", "-"), name=name, repeats=fields.pop("repeats", 0), **fields
    )
    for position, rung in enumerate(rungs, start=1):
        step = EscalationStep.objects.create(policy=policy, position=position)
        for target in [rung] if isinstance(rung, Model) else rung:
            make_target(step, target)
    return policy


def add_step(policy: EscalationPolicy, target: Target, *, position: int, **fields: Any):
    """A step put in by an edit, which counts as a new version."""
    step = EscalationStep.objects.create(policy=policy, position=position, **fields)
    make_target(step, target)
    policy.next_version()
    return step


def retarget(step: EscalationStep, target: Target) -> None:
    EscalationTarget.objects.filter(step=step).delete()
    make_target(step, target)
