"""A policy being carried out for an incident, and the people it paged."""

from typing import Self

from django.db import models
from django.db.models import Q

from incidents.visibility import IncidentRowQuerySet
from roster.leases import Leased
from roster.models import EscalationPolicy, Person, Urgency


class EscalationQuerySet(IncidentRowQuerySet["Escalation"]):
    def running(self) -> Self:
        return self.filter(state=Escalation.State.RUNNING)


class Escalation(Leased):
    """One run of a policy for one incident, until somebody answers or nobody is left to ask.

    Started and moved on by `incidents.escalation` only. While it runs it is due at the moment of
    the step `step_position` of pass `pass_number`. Without a policy only the fallback is paged.
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
    step_position = models.PositiveSmallIntegerField(default=1, help_text="The next step to run.")
    pass_number = models.PositiveSmallIntegerField(default=1)
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
    (`incidents.escalation`). The messages it becomes are the business of comms.
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
        indexes = [models.Index(fields=["person", "state"], name="page_of_person")]
        constraints = [
            models.UniqueConstraint(
                fields=["escalation", "pass_number", "step_position", "person"],
                name="page_once_per_step",
                violation_error_message="This step has paged this person already.",
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
