"""People asked to help, and each engagement from request to release."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, Self

from django.db import models, transaction
from django.db.models import Q

from incidents.timeline import TimelineEntry
from incidents.visibility import IncidentRowQuerySet
from incidents.vocabulary import Kind
from roster.actors import Actor
from roster.errors import DomainError
from roster.leases import Leased
from roster.models import Person


class ResponderError(DomainError):
    """A step that this engagement does not allow, as it now is."""


class ResponderState(models.TextChoices):
    REQUESTED = "requested", "Requested"
    ACKNOWLEDGED = "acknowledged", "Engaged"
    DECLINED = "declined", "Declined"
    RELEASED = "released", "Released"
    CANCELLED = "cancelled", "Withdrawn"


OPEN_STATES = (ResponderState.REQUESTED, ResponderState.ACKNOWLEDGED)


class ResponderQuerySet(IncidentRowQuerySet["Responder"]):
    def open(self) -> Self:
        """Asked or engaged: whoever still has something to do with the incident."""
        return self.filter(state__in=OPEN_STATES)

    def unanswered(self) -> Self:
        return self.filter(state=ResponderState.REQUESTED)

    def engaged(self) -> Self:
        return self.filter(state=ResponderState.ACKNOWLEDGED)

    def ever_engaged(self) -> Self:
        return self.filter(acknowledged_at__isnull=False)

    def wanting_to_leave(self) -> Self:
        return self.engaged().filter(wants_to_leave_at__isnull=False)


class Responder(Leased):
    """One engagement of one person in one incident: asked, perhaps engaged, let go (R001, R020).

    Made by `incidents.responders`; asking somebody again makes a new row, and none is deleted.
    While nobody has answered it is due when the request is to be repeated. Its state changes only
    through the methods below.
    """

    State = ResponderState

    class Purpose(models.TextChoices):
        INVESTIGATE = "investigate", "Investigate"
        MITIGATE = "mitigate", "Mitigate"
        RESOLVE = "resolve", "Resolve"
        CONSULT = "consult", "Consult"
        COMMUNICATE = "communicate", "Communicate"
        DECIDE = "decide", "Decide"
        SUPPORT = "support", "Support those who took over"

    incident = models.ForeignKey(
        "incidents.Incident", on_delete=models.PROTECT, related_name="responders"
    )
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="engagements")
    purpose = models.CharField(max_length=20, choices=Purpose, default=Purpose.INVESTIGATE)
    area = models.CharField(
        max_length=200, blank=True, help_text="What this person looks after, as declared (R097)."
    )
    message = models.TextField(blank=True)
    state = models.CharField(max_length=20, choices=State, default=State.REQUESTED)
    requested_by = models.ForeignKey(
        Person,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="requests_made",
    )
    requested_by_name = models.CharField(max_length=200)
    requested_at = models.DateTimeField()
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    declined_at = models.DateTimeField(null=True, blank=True)
    decline_reason = models.TextField(blank=True)
    wants_to_leave_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    released_by_name = models.CharField(max_length=200, blank=True)
    release_reason = models.TextField(blank=True)
    reminders_sent = models.PositiveSmallIntegerField(default=0)

    objects = ResponderQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["person", "state"], name="responder_of_person")]
        constraints = [
            models.UniqueConstraint(
                fields=["incident", "person"],
                condition=Q(state__in=["requested", "acknowledged"]),
                name="responder_one_open_engagement",
                violation_error_message="This person is asked or engaged already.",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["requested", "acknowledged"], ended_at__isnull=True)
                | ~Q(state__in=["requested", "acknowledged"]) & Q(ended_at__isnull=False),
                name="responder_ended_at_if_ended",
            ),
            models.CheckConstraint(
                condition=Q(
                    state__in=["acknowledged", "released"],
                    acknowledged_at__isnull=False,
                )
                | ~Q(state__in=["acknowledged", "released"]) & Q(acknowledged_at__isnull=True),
                name="responder_acknowledged_at_if_engaged",
            ),
            models.CheckConstraint(
                condition=Q(state="declined", declined_at__isnull=False)
                | ~Q(state="declined") & Q(declined_at__isnull=True),
                name="responder_declined_at_if_declined",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["released", "cancelled"]) & Q(released_by_name="")
                | Q(state__in=["released", "cancelled"]) & ~Q(released_by_name=""),
                name="responder_released_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(state="requested") | Q(due_at__isnull=True),
                name="responder_due_only_while_requested",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person} on {self.incident}"

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES

    def acknowledge(self, *, by: Actor, at: datetime) -> None:
        """Take the request on. Repeating it does nothing; ResponderError if it is over."""
        if self.state == self.State.ACKNOWLEDGED:
            return
        self._change(
            Kind.RESPONDER_ACKNOWLEDGED,
            allowed=[self.State.REQUESTED],
            by=by,
            at=at,
            columns={
                "state": self.State.ACKNOWLEDGED,
                "acknowledged_at": at,
                "due_at": None,
            },
        )

    def decline(self, *, by: Actor, at: datetime, reason: str = "") -> None:
        """Answer the request with no. Who is engaged asks to leave instead."""
        self._change(
            Kind.RESPONDER_DECLINED,
            allowed=[self.State.REQUESTED],
            by=by,
            at=at,
            text=reason,
            columns={
                "state": self.State.DECLINED,
                "declined_at": at,
                "decline_reason": reason,
                "ended_at": at,
                "due_at": None,
            },
        )

    def ask_to_leave(self, *, by: Actor, at: datetime, reason: str = "") -> None:
        """Tell the incident manager that one wants to go (R021). Repeating it does nothing."""
        if self.wants_to_leave_at is not None:
            return
        self._change(
            Kind.RESPONDER_ASKED_TO_LEAVE,
            allowed=[self.State.ACKNOWLEDGED],
            by=by,
            at=at,
            text=reason,
            columns={"wants_to_leave_at": at},
        )

    def release(
        self, *, by: Actor, at: datetime, reason: str = "", is_automatic: bool = False
    ) -> None:
        """Let the person go. A request not answered yet is withdrawn, which is another entry."""
        was_engaged = self.state == self.State.ACKNOWLEDGED
        self._change(
            Kind.RESPONDER_RELEASED if was_engaged else Kind.REQUEST_WITHDRAWN,
            allowed=OPEN_STATES,
            by=by,
            at=at,
            text=reason,
            data={"is_automatic": is_automatic},
            columns={
                "state": self.State.RELEASED if was_engaged else self.State.CANCELLED,
                "ended_at": at,
                "released_by_name": by.name,
                "release_reason": reason,
                "due_at": None,
            },
        )

    def _change(
        self,
        kind: Kind,
        *,
        allowed: Collection[str],
        by: Actor,
        at: datetime,
        columns: dict[str, Any],  # Any: the columns differ in type
        text: str = "",
        data: dict[str, Any] | None = None,
    ) -> None:
        if self.state not in allowed:
            raise self._refusal()
        with transaction.atomic():
            if not Responder.objects.filter(pk=self.pk, state=self.state).update(**columns):
                self.refresh_from_db()
                raise self._refusal()
            data = {"responder": self.pk, "person": self.person.name, **(data or {})}
            TimelineEntry.record(self.incident, kind, by=by, at=at, text=text, data=data)
        for name, value in columns.items():
            setattr(self, name, value)

    def _refusal(self) -> ResponderError:
        name, reference = self.person.name, self.incident.reference
        sentences = {
            self.State.REQUESTED: f"{name} has not answered about {reference} yet.",
            self.State.ACKNOWLEDGED: f"{name} is engaged in {reference}; to go, ask to leave.",
            self.State.DECLINED: f"{name} has declined to help. Ask again if needed.",
            self.State.RELEASED: (
                f"{name} was released from {reference} by {self.released_by_name}."
                " Ask again if needed."
            ),
            self.State.CANCELLED: (
                f"The request to {name} was withdrawn by {self.released_by_name}."
                " Ask again if needed."
            ),
        }
        return ResponderError(f"responder_{self.state}", sentences[self.State(self.state)])
