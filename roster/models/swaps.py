from collections.abc import Collection
from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import F, Q

from roster.models.people import Person
from roster.models.schedules import Schedule

REFERENCE_PREFIX = "SWAP"


class SwapQuerySet(models.QuerySet["Swap"]):
    def for_display(self) -> Self:
        """With the rows that its wording names."""
        return self.select_related("schedule", "giver", "asked", "taker", "arranged_by")

    def open(self) -> Self:
        """Those that somebody still has to answer."""
        return self.filter(state__in=Swap.OPEN_STATES)

    def in_force(self, at: datetime) -> Self:
        """Agreed, and not over at a moment."""
        ends_last = Q(ends_at__gt=at) | Q(return_ends_at__gt=at)
        return self.filter(ends_last, state=Swap.State.TAKEN)

    def touching(self, starts_at: datetime, ends_at: datetime) -> Self:
        """Those whose given part touches any instant of [starts_at, ends_at)."""
        return self.filter(starts_at__lt=ends_at, ends_at__gt=starts_at)

    def waiting_for(self, person: Person, rotations: Collection[int]) -> Self:
        """Open ones that this person has to answer; `rotations`: schedules they take turns on."""
        to_rotation = Q(asked__isnull=True, schedule__in=rotations) & ~Q(giver=person)
        to_take = Q(state=Swap.State.OFFERED) & (Q(asked=person) | to_rotation)
        to_confirm = Q(giver=person, giver_confirmed_at__isnull=True)
        return self.open().filter(to_take | to_confirm).exclude(declined_by=person)


class Swap(models.Model):
    """One person's shift, or a part of it, that another takes over; perhaps against one of theirs.

    Offered by the giver, by the taker ("let me cover you") or arranged by a roster editor, to one
    person or to the whole rotation. It counts once both sides have confirmed: then it has written
    `replace` overrides, one for a cover and two for an exchange (rule 7). Until then it changes
    nothing, and it lapses when its shift begins. Only `roster.swaps` changes one. A shift is known
    by layer lineage and turn, or by the override that makes it, so that a swap follows its shift
    when the rotation is edited.
    """

    class Kind(models.TextChoices):
        COVER = "cover", "Cover: the shift is taken over"
        EXCHANGE = "exchange", "Exchange: each takes the other's shift"

    class State(models.TextChoices):
        OFFERED = "offered", "Offered"
        ACCEPTED = "accepted", "Accepted, waiting for the giver"
        TAKEN = "taken", "Agreed"
        DECLINED = "declined", "Declined"
        CANCELLED = "cancelled", "Called off"
        LAPSED = "lapsed", "Lapsed: nobody took it in time"
        UNDONE = "undone", "Given back"

    OPEN_STATES = (State.OFFERED, State.ACCEPTED)

    number = models.PositiveBigIntegerField(unique=True, editable=False)
    schedule = models.ForeignKey(Schedule, on_delete=models.PROTECT, related_name="swaps")
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.COVER)
    state = models.CharField(max_length=10, choices=State, default=State.OFFERED)
    giver = models.ForeignKey(
        Person, on_delete=models.PROTECT, related_name="swaps_given", verbose_name="whose shift"
    )
    asked = models.ForeignKey(
        Person,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="swaps_asked",
        verbose_name="offered to",
        help_text="Empty: everyone who takes turns on this schedule.",
    )
    taker = models.ForeignKey(
        Person,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="swaps_taken",
        verbose_name="taken by",
    )
    lineage = models.UUIDField(null=True, blank=True, editable=False)
    turn = models.IntegerField(null=True, blank=True, editable=False)
    is_whole = models.BooleanField(
        default=True, editable=False, help_text="The whole shift, wherever an edit moves it."
    )
    starts_at = models.DateTimeField("from")
    ends_at = models.DateTimeField("until")
    return_lineage = models.UUIDField(null=True, blank=True, editable=False)
    return_turn = models.IntegerField(null=True, blank=True, editable=False)
    return_is_whole = models.BooleanField(default=True, editable=False)
    return_starts_at = models.DateTimeField("in return from", null=True, blank=True)
    return_ends_at = models.DateTimeField("in return until", null=True, blank=True)
    note = models.CharField(max_length=300, blank=True)
    # Of an offer to the whole rotation: those who said no. It stands while others may say yes.
    declined_by = models.ManyToManyField(
        Person, blank=True, editable=False, related_name="swaps_declined"
    )
    arranged_by = models.ForeignKey(
        Person,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="swaps_arranged",
    )
    giver_confirmed_at = models.DateTimeField(null=True, blank=True, editable=False)
    taker_confirmed_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(editable=False)
    settled_at = models.DateTimeField(null=True, blank=True, editable=False)
    ended_because = models.CharField(max_length=300, blank=True, editable=False)

    objects = SwapQuerySet.as_manager()

    class Meta:
        permissions = [("arrange_swap", "Can arrange swaps for other people")]
        indexes = [models.Index(fields=["schedule", "ends_at"])]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")),
                name="swap_ends_after_start",
                violation_error_message="The part given away must end after it starts.",
            ),
            models.CheckConstraint(
                condition=(Q(taker__isnull=True) | ~Q(taker=F("giver")))
                & (Q(asked__isnull=True) | ~Q(asked=F("giver"))),
                name="swap_between_two_people",
                violation_error_message="A swap needs two people.",
            ),
            models.CheckConstraint(
                condition=~Q(state="taken")
                | Q(
                    taker__isnull=False,
                    giver_confirmed_at__isnull=False,
                    taker_confirmed_at__isnull=False,
                ),
                name="swap_taken_is_confirmed_by_both",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reference} {self.schedule}"

    @property
    def reference(self) -> str:
        return f"{REFERENCE_PREFIX}-{self.number}"

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN_STATES

    @property
    def first_starts_at(self) -> datetime:
        """When the first of its shifts begins."""
        return min(self.starts_at, self.return_starts_at or self.starts_at)

    @property
    def last_ends_at(self) -> datetime:
        return max(self.ends_at, self.return_ends_at or self.ends_at)
