"""What people of the roster must be told: an outbox towards whoever carries messages."""

from django.db import models

from roster.leases import Leased
from roster.models.contacts import ContactMethod, Urgency
from roster.models.people import Person


class NoticeKind(models.TextChoices):
    """What a notice is about; its wording and its links follow from this."""

    SHIFTS_CHANGED = "shifts_changed", "Your shifts changed"
    SHIFT_REMINDER = "shift_reminder", "A shift of yours begins"
    HANDOFF_NOTE = "handoff_note", "Note from the outgoing person"
    HANDOFF_ASKED = "handoff_asked", "You hand over soon"
    SWAP_OFFERED = "swap_offered", "A swap is offered to you"
    SWAP_TO_CONFIRM = "swap_to_confirm", "A swap waits for your confirmation"
    SWAP_TAKEN = "swap_taken", "A swap is agreed"
    SWAP_ENDED = "swap_ended", "A swap is off"
    TIME_OFF_CONFLICT = "time_off_conflict", "On call during time off"
    COVERAGE_FINDINGS = "coverage_findings", "What the coverage watch found"
    CALENDAR_FAILED = "calendar_failed", "A calendar cannot be read"
    VERIFICATION_CODE = "verification_code", "Code for a contact method"
    PAGE_TEST = "page_test", "Test page"
    PLAN_READY = "plan_ready", "A roster proposal is ready"
    QUALIFICATION_EXPIRES = "qualification_expires", "A qualification of yours ends soon"
    CONFIDENCE_ASKED = "confidence_asked", "How confident were you?"


class Notice(Leased):
    """One thing that one person must be told, written in the transaction that decided on it.

    Made by `roster.notices.tell`; due at `due_at` until the app that carries messages has queued
    them, then `delivered_at` says when. `key` makes it that notice: asking twice tells once.
    `data` holds JSON primitives only. With `contact_method` it goes there and nowhere else.
    """

    key = models.CharField(max_length=150, unique=True)
    kind = models.CharField(max_length=30, choices=NoticeKind)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="notices")
    contact_method = models.ForeignKey(
        ContactMethod, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    urgency = models.CharField(max_length=10, choices=Urgency, default=Urgency.LOW)
    data = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField()
    delivered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["kind", "created_at"])]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.person}"
