"""A policy being carried out for an incident, and the people it paged."""

from typing import Self

from django.db import models
from django.db.models import Q

from incidents.visibility import IncidentRowQuerySet
from roster.leases import Leased
from roster.models import EscalationPolicy, EscalationStep, Person, Urgency


class EscalationQuerySet(IncidentRowQuerySet["Escalation"]):
    def running(self) -> Self:
        return self.filter(state=Escalation.State.RUNNING)


class Escalation(Leased):
    """One run of a policy for one incident, until somebody answers or nobody is left to ask.

    Started and moved on by `incidents.escalation` only. While it runs it is due at the moment of
    its next step. Steps are followed by identity, since a policy may be edited meanwhile:
    `steps_run` are the ids of this pass' steps so far, `steps_ahead` those that followed the last
    of them at that time. `also_paged` is paged with the first step: whoever had acknowledged and
    then showed no sign of work. Without a policy only the fallback is paged.
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


class AcknowledgementQuerySet(IncidentRowQuerySet["Acknowledgement"]):
    def standing(self) -> Self:
        return self.filter(ended_at__isnull=True)


class Acknowledgement(Leased):
    """Somebody's "mine", for as long as it holds (PAGING-RULES, Escalation).

    Made by `incidents.acknowledgement`; one at most stands for an incident. Where it can expire it
    is due when it would: `expires_after_minutes` after the last sign of work, or at `until`, if it
    is a snooze. The milestone of the first acknowledgement is the incident's own and stays.
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
