"""A policy being carried out for an incident, the people it paged, and whoever said "mine"."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self

from django.db import models, transaction
from django.db.models import F, Q

from incidents.visibility import IncidentRowQuerySet
from roster.actors import Actor
from roster.leases import Leased
from roster.models import EscalationPolicy, EscalationStep, Person, Urgency

if TYPE_CHECKING:
    from incidents.models.incident_record import IncidentRecord


class EscalationQuerySet(IncidentRowQuerySet["Escalation"]):
    def running(self) -> Self:
        return self.filter(state=Escalation.State.RUNNING)


class Escalation(Leased):
    """One run of a policy for one incident, until somebody answers or nobody is left to ask.

    Started and moved on by `incidents.escalation` only. While it runs it is due at the moment of
    its next step. Steps are followed by identity, since a policy may be edited meanwhile:
    `steps_run` are the ids of this pass' steps so far, `steps_ahead` those that followed the last
    of them at that time. `also_paged` is paged with the first step: whoever had acknowledged and
    then showed no sign of work. Until `postponed_until` maintenance keeps it from paging anybody.
    Without a policy only the fallback is paged.
    """

    class State(models.TextChoices):
        RUNNING = "running", "Running"
        ACKNOWLEDGED = "acknowledged", "Acknowledged"
        EXHAUSTED = "exhausted", "Exhausted"
        STOPPED = "stopped", "Stopped"

    incident = models.ForeignKey(
        "incidents.Incident", on_delete=models.PROTECT, related_name="escalations"
    )
    policy = models.ForeignKey(
        EscalationPolicy,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="escalations",
    )
    policy_version = models.PositiveIntegerField(default=1)
    steps_run = models.JSONField(default=list, blank=True)
    steps_ahead = models.JSONField(default=list, blank=True)
    pass_number = models.PositiveSmallIntegerField(default=1)
    also_paged = models.ForeignKey(
        Person, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    waits_for_backlog = models.BooleanField(
        default=False,
        help_text="Its alert is old: it may have been resolved by an event not processed yet.",
    )
    postponed_until = models.DateTimeField(
        null=True, blank=True, help_text="All its services are under maintenance until then."
    )
    state = models.CharField(max_length=20, choices=State, default=State.RUNNING)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = EscalationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["incident"],
                condition=Q(state="running"),
                name="escalation_one_running",
                violation_error_message="An escalation is running for this incident already.",
            ),
            models.CheckConstraint(
                condition=Q(state="running", ended_at__isnull=True, due_at__isnull=False)
                | (~Q(state="running") & Q(ended_at__isnull=False, due_at__isnull=True)),
                name="escalation_due_while_running",
            ),
        ]

    def __str__(self) -> str:
        return f"Escalation of {self.incident_id} by {self.policy}"


class PageQuerySet(IncidentRowQuerySet["Page"]):
    def pending(self) -> Self:
        return self.filter(state=Page.State.PENDING)


class Page(models.Model):
    """One attempt of an escalation to reach one person, in words: "is this yours?".

    Made when a step runs, answered by that person or stopped with the escalation
    (`incidents.escalation`). `step_position` is where its step stood then; the fallback, which is
    no step of any pass, has 0 for both. The messages it becomes are the business of comms.
    """

    class State(models.TextChoices):
        PENDING = "pending", "Waiting for an answer"
        ACKNOWLEDGED = "acknowledged", "Acknowledged"
        DECLINED = "declined", "Declined"
        STOPPED = "stopped", "Stopped"

    incident = models.ForeignKey(
        "incidents.Incident", on_delete=models.PROTECT, related_name="pages"
    )
    escalation = models.ForeignKey(
        Escalation,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="pages",
    )
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="pages")
    step = models.ForeignKey(
        EscalationStep, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    must_answer = models.BooleanField(
        default=False, help_text="Goes on when others of its step have acknowledged."
    )
    step_position = models.PositiveSmallIntegerField()
    pass_number = models.PositiveSmallIntegerField()
    via_target = models.CharField(max_length=200, help_text="How the policy came to this person.")
    urgency = models.CharField(max_length=10, choices=Urgency, default=Urgency.HIGH)
    state = models.CharField(max_length=20, choices=State, default=State.PENDING)
    created_at = models.DateTimeField()
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_via = models.CharField(max_length=20, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = PageQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["person", "state"], name="page_of_person"),
            models.Index(fields=["person"], condition=Q(state="pending"), name="page_pending"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["escalation", "pass_number", "step", "person"],
                name="page_once_per_step",
                violation_error_message="This step has paged this person already.",
            ),
            models.UniqueConstraint(
                fields=["escalation", "person"],
                condition=Q(pass_number=0),
                name="page_once_by_the_fallback",
                violation_error_message="The fallback has paged this person already.",
            ),
            models.CheckConstraint(
                condition=Q(state="pending", ended_at__isnull=True)
                | (~Q(state="pending") & Q(ended_at__isnull=False)),
                name="page_ended_unless_pending",
            ),
            models.CheckConstraint(
                condition=Q(state="acknowledged", acknowledged_at__isnull=False)
                | (~Q(state="acknowledged") & Q(acknowledged_at__isnull=True)),
                name="page_acknowledged_at_if_acknowledged",
            ),
        ]

    def __str__(self) -> str:
        return f"Page of {self.person}"


class AcknowledgementQuerySet(IncidentRowQuerySet["Acknowledgement"]):
    def standing(self) -> Self:
        return self.filter(ended_at__isnull=True)

    def finish(self, end: "Acknowledgement.End", *, at: datetime) -> int:
        """End those that stand, for this reason; answers how many."""
        over = {"due_at": None, "lease_token": None, "leased_until": None}
        return self.standing().update(ended_at=at, end=end, **over)


class Acknowledgement(Leased):
    """Somebody's "mine", for as long as it holds (PAGING-RULES, Escalation).

    Made whenever somebody acknowledges; one at most stands for an incident. Where it can expire it
    is due when it would (`incidents.acknowledgement`): `expires_after_minutes` after the last sign
    of work, or at `until`, if it is a snooze. The milestone of the first acknowledgement is the
    incident's own and stays.
    """

    class End(models.TextChoices):
        EXPIRED = "expired", "Expired"
        REPLACED = "replaced", "Taken over"
        OVER = "over", "No longer needed"

    incident = models.ForeignKey(
        "incidents.Incident", on_delete=models.PROTECT, related_name="acknowledgements"
    )
    person = models.ForeignKey(
        Person,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="acknowledgements",
    )
    by_name = models.CharField(max_length=200)
    at = models.DateTimeField()
    until = models.DateTimeField(null=True, blank=True, help_text="Snoozed until then.")
    expires_after_minutes = models.PositiveIntegerField(null=True, blank=True)
    last_work_at = models.DateTimeField(help_text="The last sign of work that was seen.")
    ended_at = models.DateTimeField(null=True, blank=True)
    end = models.CharField(max_length=10, choices=End, blank=True)

    objects = AcknowledgementQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["incident"],
                condition=Q(ended_at__isnull=True),
                name="acknowledgement_one_standing",
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, end="")
                | Q(ended_at__isnull=False, due_at__isnull=True) & ~Q(end=""),
                name="acknowledgement_ended_for_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.by_name} has {self.incident_id}"

    @classmethod
    def stand(
        cls, incident: "IncidentRecord", *, by: Actor, at: datetime, until: datetime | None = None
    ) -> "Acknowledgement":
        """Have this one stand from now on; whoever stood before is taken over from.

        Reads the incident's severity. The caller writes the entry, and holds the incident's row.
        """
        minutes = None if until else incident.severity.acknowledgement_expires_minutes
        with transaction.atomic():
            cls.objects.filter(incident=incident.pk).finish(cls.End.REPLACED, at=at)
            return cls._default_manager.create(
                incident_id=incident.pk,
                person=by.person,
                by_name=by.name,
                at=at,
                until=until,
                expires_after_minutes=minutes,
                last_work_at=at,
                due_at=until or (at + timedelta(minutes=minutes) if minutes else None),
            )

    @classmethod
    def judge_by(cls, incident: "IncidentRecord") -> None:
        """Have what stands expire as the incident's severity now asks; a snooze stays as it is."""
        minutes = incident.severity.acknowledgement_expires_minutes
        standing = cls.objects.filter(incident=incident.pk, until__isnull=True).standing()
        standing.update(
            expires_after_minutes=minutes,
            due_at=F("last_work_at") + timedelta(minutes=minutes) if minutes else None,
        )

    @property
    def expires_at(self) -> datetime | None:
        """When it ends by itself, as far as signs of work were looked for; None: never."""
        if self.until or not self.expires_after_minutes:
            return self.until
        return self.last_work_at + timedelta(minutes=self.expires_after_minutes)
