"""The words that messages start from, kept by the people who write them."""

from typing import Self

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from simple_history.models import HistoricalRecords

from comms import rendering
from comms.models.audiences import AudienceKind
from incidents.models import Phase, Severity
from roster.models import Channel


class Purpose(models.TextChoices):
    PAGE = "page", "Page"
    REQUEST = "request", "Request to a responder"
    RELEASED = "released", "Responder released"
    ROLE = "role", "Role assigned"
    DECLARED = "declared", "First update, at declaring"
    UPDATE = "update", "Update"
    RESOLVED_ITSELF = "resolved_itself", "Incident ended by itself"
    REMINDER = "reminder", "Promise reminder"
    INVITATION = "invitation", "Postmortem invitation"


# Written for an audience, chosen by kind; the others go to one person.
UPDATE_PURPOSES = {Purpose.DECLARED, Purpose.UPDATE}


class TemplateQuerySet(models.QuerySet["Template"]):
    def active(self) -> Self:
        return self.filter(is_active=True)

    def fitting(
        self,
        purpose: str,
        *,
        kind: str = AudienceKind.INTERNAL,
        phase: str = "",
        severity: Severity | None = None,
        channel: str = "",
    ) -> list["Template"]:
        """Active templates that may be used here, the most particular first."""
        rows = self.active().filter(
            Q(phase="") | Q(phase=phase),
            Q(severity=None) | Q(severity=severity),
            Q(channel="") | Q(channel=channel),
            purpose=purpose,
            audience_kind=kind,
        )
        return sorted(rows, key=lambda row: (-row.particularity, row.name))


class Template(models.Model):
    """Subject and body of a message, in Liquid and Markdown.

    The starter set comes with Muster; communications managers change it and add to it. Phase,
    severity and channel say where a template is meant for; blank means everywhere, and the
    most particular one that fits is used. Without any, built-in words are sent.
    """

    name = models.CharField(max_length=100)
    slug = models.SlugField(max_length=100, unique=True)
    purpose = models.CharField(max_length=20, choices=Purpose)
    audience_kind = models.CharField(
        "audience",
        max_length=10,
        choices=AudienceKind,
        default=AudienceKind.INTERNAL,
    )
    phase = models.CharField(max_length=20, choices=Phase, blank=True)
    severity = models.ForeignKey(
        Severity, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    channel = models.CharField(max_length=20, choices=Channel, blank=True)
    subject = models.CharField(max_length=300)
    body = models.TextField(help_text="Markdown, with values in Liquid.")
    is_active = models.BooleanField(default=True)

    objects = TemplateQuerySet.as_manager()
    history = HistoricalRecords()

    class Meta:
        indexes = [models.Index(fields=["purpose", "audience_kind"], name="template_purpose")]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        known = rendering.variables_for(self.purpose)
        problems = {
            field: [str(problem) for problem in rendering.check(getattr(self, field), known)]
            for field in ("subject", "body")
        }
        if found := {field: messages for field, messages in problems.items() if messages}:
            raise ValidationError(found)

    @property
    def particularity(self) -> int:
        return sum([bool(self.phase), self.severity_id is not None, bool(self.channel)])
