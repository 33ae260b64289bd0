"""Alerts, and the rules that say what becomes of them."""

from datetime import datetime
from typing import Self

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q

from incidents import patterns
from incidents.intake import Action
from incidents.models.integrations import AlertEvent, Integration
from incidents.models.maintenance import MaintenanceWindow
from incidents.models.services import Service
from incidents.models.severities import Severity
from incidents.visibility import IncidentRowQuerySet
from roster.models import EscalationPolicy, Urgency

# How the link to a runbook is labelled, whatever monitor it came from.
RUNBOOK = "Runbook"
# What may come before the alert it is about.
ENDS_AND_ANSWERS = (Action.RESOLVE.value, Action.ACKNOWLEDGE.value)


class RoutingRuleQuerySet(models.QuerySet["RoutingRule"]):
    def active(self) -> Self:
        return self.filter(is_active=True)


class RoutingRule(models.Model):
    """What becomes of the alerts that match: where they go, how loud they are, or silence.

    Kept by administrators. Rules are tried by `position`, and the first whose matchers all hold
    decides (`incidents.routing`). `group_by` names labels: alerts alike in them share an incident,
    for `group_minutes` from its first alert or as long as it is live. A holding rule waits whether
    the alert resolves by itself before anybody hears of it. A suppressing rule keeps the alert,
    with the reason, and pages nobody until `suppress_until`. `attach_to` sends alerts to an
    incident while that is live. Alerts propose and people declare, unless `declares` (R148).
    """

    name = models.CharField(max_length=200, unique=True)
    position = models.PositiveSmallIntegerField(default=0)
    is_active = models.BooleanField("active", default=True)
    integration = models.ForeignKey(
        Integration,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="rules",
        help_text="Only alerts that came in here. None chosen means all.",
    )
    service = models.ForeignKey(
        Service,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="routing_rules",
    )
    severity = models.ForeignKey(
        Severity,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="routing_rules",
    )
    urgency = models.CharField(
        max_length=10, choices=Urgency, blank=True, help_text="Empty: as the severity has it."
    )
    policy = models.ForeignKey(
        EscalationPolicy,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="routing_rules",
        verbose_name="escalation policy",
        help_text="Page by this one instead of the service's.",
    )
    group_by = models.JSONField(default=list, blank=True, help_text='Labels: ["cluster", "job"]')
    group_minutes = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="Later alerts open an incident of their own. Empty: as long as it is live.",
    )
    hold_minutes = models.PositiveSmallIntegerField(
        default=0,
        help_text="Wait so long, and tell nobody if the alert resolves by then.",
    )
    attach_to = models.ForeignKey(
        "incidents.Incident",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="attaching_rules",
        help_text="Alerts join this incident while it is live.",
    )
    declares = models.BooleanField(
        "declare by itself",
        default=False,
        help_text="Declares the incident without waiting for a person. Paging goes on.",
    )
    may_affect_customers = models.BooleanField(
        "potentially customer-impacting",
        default=False,
        help_text="The incident manager on call is told at once.",  # R075
    )
    is_suppressing = models.BooleanField("suppress", default=False)
    suppress_reason = models.CharField(max_length=300, blank=True)
    suppress_until = models.DateTimeField(
        null=True,
        blank=True,
        help_text="What still fires then is paged. Empty: until the rule is switched off.",
    )

    objects = RoutingRuleQuerySet.as_manager()

    class Meta:
        ordering = ["position", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(is_suppressing=False) | ~Q(suppress_reason=""),
                name="routing_rule_suppresses_with_reason",
                violation_error_message="Say why these alerts page nobody.",
            ),
            models.CheckConstraint(
                condition=Q(is_suppressing=True) | Q(suppress_until__isnull=True),
                name="routing_rule_until_if_suppressing",
                violation_error_message="Only a rule that suppresses has an end of that.",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Refuse, on its field, what contradicts itself."""
        labels = self.group_by
        if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
            raise ValidationError({"group_by": 'Write a list of labels, such as ["cluster"].'})
        if self.is_suppressing:
            self._check_silence()
        elif self.suppress_until:
            raise ValidationError({"suppress_until": "Only a rule that suppresses has an end."})
        if self.attach_to and not self.attach_to.is_live:
            phase = self.attach_to.get_phase_display().lower()
            message = f"{self.attach_to.reference} is {phase}: alerts no longer join it."
            raise ValidationError({"attach_to": message})

    def _check_silence(self) -> None:
        wrong = {
            name: "A rule that suppresses tells nobody, so this never happens. Leave it empty."
            for name in ("hold_minutes", "attach_to", "declares", "may_affect_customers")
            if getattr(self, name)
        }
        if not self.suppress_reason.strip():
            wrong["suppress_reason"] = "Say why these alerts page nobody."
        if wrong:
            raise ValidationError(wrong)


class RoutingMatcher(models.Model):
    """One condition of a rule: what a field of the alert must be. Changes with its rule.

    `label` names a label, or else a field of the alert, as `incidents.matching` says. `in` takes
    values separated by commas; `matches` a regular expression of RE2 for the whole value.
    """

    class Operator(models.TextChoices):
        EQUALS = "equals", "is"
        IN = "in", "is one of"
        MATCHES = "matches", "matches"
        ABSENT = "absent", "is absent"

    rule = models.ForeignKey(RoutingRule, on_delete=models.CASCADE, related_name="matchers")
    label = models.CharField(max_length=200)
    operator = models.CharField(max_length=10, choices=Operator, default=Operator.EQUALS)
    value = models.CharField(max_length=500, blank=True)

    def __str__(self) -> str:
        return f"{self.label} {self.get_operator_display()} {self.value}".rstrip()

    def clean(self) -> None:
        """Refuse a condition that could never hold, or always would by mistake."""
        if self.operator == self.Operator.MATCHES:
            self._check_pattern()
        elif self.operator == self.Operator.IN and not self.choices():
            raise ValidationError({"value": "Write values with commas between them."})
        elif self.operator == self.Operator.ABSENT and self.value:
            raise ValidationError({"value": "Leave this empty: the field is absent, or it is not."})

    def _check_pattern(self) -> None:
        try:
            patterns.check(self.value)
        except patterns.PatternError as error:
            message = f"This is no regular expression that can be used: {error}."
            raise ValidationError({"value": message}) from error

    def choices(self) -> list[str]:
        """The values that `in` offers."""
        return [value for part in self.value.split(",") if (value := part.strip())]


class AlertQuerySet(IncidentRowQuerySet["Alert"]):
    def firing(self) -> Self:
        return self.filter(state=Alert.State.FIRING)

    def suppressed(self) -> Self:
        return self.filter(suppressed_by__isnull=False)

    def to_look_at(self, at: datetime) -> Self:
        return self.filter(look_again_at__lte=at)


class Alert(models.Model):
    """One thing that a monitor reports, from when it fires until it resolves.

    Written by `incidents.processing` only. A repeat of a firing alert is counted on its row; once
    resolved, the same dedup key makes a new row. It belongs to an incident, or nobody hears of it
    because a rule suppressed it, a rule holds it, or maintenance mutes it; one of these always.
    What an incident has may be tagged with the maintenance it came during. `look_again_at` is when
    something changes by itself: a hold, a suppression or a maintenance ends, it expires for want
    of repeats, or, `flapping_since` then, it has been quiet long enough to count as resolved.
    """

    class State(models.TextChoices):
        FIRING = "firing", "Firing"
        RESOLVED = "resolved", "Resolved"

    integration = models.ForeignKey(Integration, on_delete=models.PROTECT, related_name="alerts")
    dedup_key = models.CharField(max_length=300)
    state = models.CharField(max_length=10, choices=State, default=State.FIRING)
    title = models.CharField(max_length=300)
    description = models.TextField(blank=True)
    severity_label = models.CharField(max_length=100, blank=True)
    labels = models.JSONField(default=dict, blank=True)
    annotations = models.JSONField(default=dict, blank=True)
    links = models.JSONField(default=list, blank=True)
    count = models.PositiveIntegerField(default=1)
    started_at = models.DateTimeField(help_text="By the monitor's own clock.")
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, blank=True)
    group = models.CharField(
        max_length=1000, blank=True, help_text="What the monitor itself groups it by."
    )
    last_fired_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="The newest time at which it fired, by the monitor's clock, if that was told.",
    )
    ended_at = models.DateTimeField(
        null=True, blank=True, help_text="Its end by the monitor's clock, if that was told."
    )
    service = models.ForeignKey(Service, on_delete=models.PROTECT, related_name="alerts")
    incident = models.ForeignKey(
        "incidents.Incident",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="alerts",
    )
    suppressed_by = models.ForeignKey(
        RoutingRule,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="alerts",
    )
    held_by = models.ForeignKey(
        RoutingRule,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="held_alerts",
    )
    maintenance = models.ForeignKey(
        MaintenanceWindow,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="alerts",
    )
    expires_at = models.DateTimeField(null=True, blank=True)
    flapping_since = models.DateTimeField(null=True, blank=True)
    quiet_since = models.DateTimeField(
        null=True, blank=True, help_text="While it flaps: when it last resolved."
    )
    look_again_at = models.DateTimeField(null=True, blank=True)
    last_event = models.ForeignKey(
        AlertEvent,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="alerts",
    )

    objects = AlertQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["incident", "state"], name="alert_of_incident"),
            models.Index(fields=["-last_seen_at"], name="alert_by_last_seen"),
            models.Index(
                fields=["look_again_at"],
                condition=Q(look_again_at__isnull=False),
                name="alert_to_look_at_again",
            ),
            models.Index(
                fields=["integration", "dedup_key", "-first_seen_at"], name="alert_of_key"
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["integration", "dedup_key"],
                condition=Q(state="firing"),
                name="alert_fires_once_per_key",
                violation_error_message="An alert with this key is firing already.",
            ),
            models.CheckConstraint(
                condition=Q(
                    incident__isnull=False, suppressed_by__isnull=True, held_by__isnull=True
                )
                | Q(incident__isnull=True)
                & (
                    Q(suppressed_by__isnull=False)
                    | Q(held_by__isnull=False)
                    | Q(maintenance__isnull=False)
                ),
                name="alert_attached_or_quiet_for_a_reason",
                violation_error_message="An alert belongs to an incident, or is quiet for a"
                " reason.",
            ),
            models.CheckConstraint(
                condition=Q(state="firing", resolved_at__isnull=True)
                | Q(state="resolved", resolved_at__isnull=False),
                name="alert_resolved_at_if_resolved",
            ),
            models.CheckConstraint(
                condition=Q(state="firing") | Q(look_again_at__isnull=True),
                name="alert_looked_at_while_firing",
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def runbook_url(self) -> str:
        """The runbook that came with the alert, or an empty text."""
        return next((link["url"] for link in self.links if link["label"] == RUNBOOK), "")


class AlertWord(models.Model):
    """The newest end, or acknowledgement, that we were told of for a key, kept for a while.

    Messages may come in another order than that in which things happened: an end that came before
    its alert must still end it. Written and dropped by `incidents.batch`; `said_at` is by the
    monitor's own clock, if that was told.
    """

    integration = models.ForeignKey(Integration, on_delete=models.CASCADE, related_name="+")
    dedup_key = models.CharField(max_length=300)
    action = models.CharField(max_length=20, choices=[(each, each) for each in ENDS_AND_ANSWERS])
    said_at = models.DateTimeField(null=True, blank=True)
    received_at = models.DateTimeField(db_index=True)
    actor = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["integration", "dedup_key", "action"], name="alert_word_once_per_key"
            )
        ]

    def __str__(self) -> str:
        return f"{self.action} of {self.dedup_key}"
