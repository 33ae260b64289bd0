"""The outbox: every message that leaves Muster is a row here first."""

from typing import Self

from django.db import models
from django.db.models import Q

from comms.models.updates import Update
from incidents.models import Incident, Page, Responder
from incidents.visibility import IncidentRowQuerySet
from roster.leases import Leased
from roster.models import Channel, ContactMethod, Notice, Person


class MessageState(models.TextChoices):
    QUEUED = "queued", "Queued"
    SENDING = "sending", "Sending"
    SENT = "sent", "Sent"
    FAILED = "failed", "Failed, will be tried again"
    DEAD = "dead", "Failed for good"
    WITHDRAWN = "withdrawn", "Withdrawn"
    BUNDLED = "bundled", "Sent as part of another"


# Waiting for its turn: nobody is handing it over at this moment.
WITHDRAWABLE_STATES = [MessageState.QUEUED, MessageState.FAILED]
RETRIABLE_STATES = [MessageState.FAILED, MessageState.DEAD]
UNSENT_STATES = [*WITHDRAWABLE_STATES, MessageState.SENDING]


class Priority(models.IntegerChoices):
    """Lower goes first: a new incident's page overtakes whatever else is waiting."""

    FIRST_PAGE = 0, "First page"
    PAGE = 10, "Page"
    REQUEST = 20, "Request or reminder"
    UPDATE = 30, "Update"
    DIGEST = 40, "Digest"


class MessageQuerySet(IncidentRowQuerySet["Message"]):
    def unsent(self) -> Self:
        return self.filter(state__in=UNSENT_STATES)

    def withdrawable(self) -> Self:
        return self.filter(state__in=WITHDRAWABLE_STATES)

    def dead(self) -> Self:
        return self.filter(state=MessageState.DEAD)

    def in_sending_order(self) -> Self:
        return self.order_by("priority", "due_at", "pk")


class Message(Leased):
    """One message to one address, from the decision to send it until the provider took it.

    Written by `comms.outbox.enqueue` in the transaction that decided on it and handed over by
    `comms.outbox.send_due`; nobody edits one. `key` is what makes it that message: asking
    for it twice gives one row, and its e-mail's Message-ID comes from it, so that a resend is
    recognisable as the same. Temporary failures are tried again until `give_up_at`, then the
    message is dead and waits for a person, who may have it tried again. One that became a part of
    a `bundle` is sent, fails and is taken back with it.
    """

    key = models.CharField(max_length=120, unique=True)
    channel = models.CharField(max_length=20, choices=Channel)
    recipient = models.CharField(max_length=500)
    person = models.ForeignKey(
        Person, null=True, blank=True, on_delete=models.PROTECT, related_name="messages"
    )
    contact_method = models.ForeignKey(
        ContactMethod, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    incident = models.ForeignKey(
        Incident, null=True, blank=True, on_delete=models.PROTECT, related_name="messages"
    )
    page = models.ForeignKey(
        Page, null=True, blank=True, on_delete=models.PROTECT, related_name="messages"
    )
    responder = models.ForeignKey(
        Responder, null=True, blank=True, on_delete=models.PROTECT, related_name="messages"
    )
    update = models.ForeignKey(
        Update, null=True, blank=True, on_delete=models.PROTECT, related_name="messages"
    )
    notice = models.ForeignKey(
        Notice, null=True, blank=True, on_delete=models.SET_NULL, related_name="messages"
    )
    bundle = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="bundled",
        help_text="The message that says this one's part together with others.",
    )
    is_confidential = models.BooleanField(
        default=False,
        help_text="For its recipient's eyes only: shown nowhere, and forgotten once it is sent.",
    )
    priority = models.PositiveSmallIntegerField(choices=Priority)
    subject = models.CharField(max_length=300)
    body = models.TextField(help_text="Plain text.")
    html = models.TextField(blank=True)
    attachments = models.JSONField(
        default=list, blank=True, help_text="List of name, content_type and text."
    )
    state = models.CharField(max_length=10, choices=MessageState, default=MessageState.QUEUED)
    created_at = models.DateTimeField()
    give_up_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    possibly_sent_twice = models.BooleanField(default=False)
    provider_response = models.CharField(max_length=500, blank=True)

    objects = MessageQuerySet.as_manager()

    class Meta:
        permissions = [("retry_message", "Can have a failed message tried again")]
        indexes = [
            models.Index(
                fields=["channel", "priority", "due_at", "id"],
                condition=Q(due_at__isnull=False),
                name="message_due",
            ),
            # What else waits for the same person, and what they were sent in the last minute.
            models.Index(
                fields=["person", "due_at"],
                condition=Q(due_at__isnull=False),
                name="message_due_to_person",
            ),
            models.Index(
                fields=["person", "sent_at"],
                condition=Q(sent_at__isnull=False),
                name="message_sent_to_person",
            ),
            # How late pages were of late: priorities up to that of a page.
            models.Index(
                fields=["sent_at"],
                condition=Q(sent_at__isnull=False, priority__lte=Priority.PAGE),
                name="message_page_sent",
            ),
            models.Index(fields=["state"], condition=Q(state="dead"), name="message_dead"),
        ]
        constraints = [
            models.CheckConstraint(
                name="message_sent_at_exactly_when_sent",
                condition=Q(state=MessageState.SENT, sent_at__isnull=False)
                | (~Q(state=MessageState.SENT) & Q(sent_at__isnull=True)),
                violation_error_message="A sent message has the time it was sent.",
            ),
            models.CheckConstraint(
                name="message_finished_is_not_due",
                condition=Q(due_at__isnull=True)
                | Q(state__in=[MessageState.QUEUED, MessageState.SENDING, MessageState.FAILED]),
                violation_error_message="A finished message is not due.",
            ),
        ]

    def __str__(self) -> str:
        """A person's address is theirs: it is named only where nobody is."""
        return self.subject if self.person_id else f"{self.subject} to {self.recipient}"

    @property
    def can_be_retried(self) -> bool:
        return self.state in RETRIABLE_STATES
