"""The timeline: what happened to an incident, written once and never changed."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn, Self

from django.db import models, transaction
from django.db.models import Q

from incidents.visibility import IncidentRowQuerySet
from roster.actors import Actor
from roster.doorbell import ring
from roster.leases import Leased
from roster.models import Person

if TYPE_CHECKING:
    from incidents.models.incident_record import IncidentRecord

ANNOUNCE_TASK = "incidents.announce_entries"


class AppendOnlyError(Exception):
    """Code tried to change or delete what may only be added to. Always a mistake of ours."""

    def __init__(self) -> None:
        super().__init__("The timeline is append-only: record a new entry that corrects the old.")


class TimelineEntryQuerySet(IncidentRowQuerySet["TimelineEntry"]):
    def newest_first(self) -> Self:
        return self.order_by("-at", "-pk")

    def of_kinds(self, *kinds: str) -> Self:
        return self.filter(kind__in=kinds)

    def update(self, **kwargs: object) -> NoReturn:
        raise AppendOnlyError

    def delete(self) -> NoReturn:
        raise AppendOnlyError


class TimelineEntry(models.Model):
    """One thing that happened to an incident.

    Written only by `record` and `write`, in the transaction of the change itself; nobody changes
    or deletes one. `at` is when it happened, `recorded_at` when we learnt of it. `kind` is a word
    of `incidents.vocabulary` or of an app to the right; `text` is what a person wrote, `data` the
    rest, as JSON primitives. A correction is a new entry whose `corrects` names the old one.
    """

    incident = models.ForeignKey(
        "incidents.Incident", on_delete=models.PROTECT, related_name="timeline"
    )
    at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    kind = models.CharField(max_length=40)
    actor = models.ForeignKey(
        Person,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="timeline_entries",
    )
    actor_name = models.CharField(max_length=200)
    via = models.CharField(max_length=20)
    text = models.TextField(blank=True)
    data = models.JSONField(default=dict, blank=True)
    is_pinned = models.BooleanField("pinned", default=False)
    corrects = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="corrected_by",
    )

    objects = TimelineEntryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "timeline entries"
        ordering = ["at", "id"]
        indexes = [
            models.Index(fields=["incident", "at", "id"], name="timeline_of_incident"),
            models.Index(fields=["kind", "at"], name="timeline_by_kind"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~Q(kind="") & ~Q(actor_name=""),
                name="timeline_entry_says_what_and_who",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} by {self.actor_name}"

    def save(self, *args: Any, **kwargs: Any) -> None:  # Any: as Django declares them
        if not self._state.adding:
            raise AppendOnlyError
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnlyError

    @classmethod
    def record(
        cls,
        incident: "IncidentRecord",
        kind: str,
        *,
        by: Actor,
        at: datetime,
        text: str = "",
        data: dict[str, Any] | None = None,
        corrects: Self | None = None,
        happened_at: datetime | None = None,
    ) -> Self:
        """Write one entry. Give `happened_at` for what is told after the fact. Three queries."""
        entry = cls.draft(
            incident,
            kind,
            by=by,
            at=at,
            text=text,
            data=data,
            corrects=corrects,
            happened_at=happened_at,
        )
        cls.write([entry])
        return entry

    @classmethod
    def draft(
        cls,
        incident: "IncidentRecord",
        kind: str,
        *,
        by: Actor,
        at: datetime,
        text: str = "",
        data: dict[str, Any] | None = None,
        corrects: Self | None = None,
        happened_at: datetime | None = None,
    ) -> Self:
        """An entry not written yet, for `write` to store together with others."""
        return cls(
            incident=incident,
            kind=kind,
            at=happened_at or at,
            recorded_at=at,
            actor=by.person,
            actor_name=by.name,
            via=by.via,
            text=text,
            data=data or {},
            corrects=corrects,
        )

    @classmethod
    def write(cls, entries: Sequence[Self]) -> None:
        """Store entries and what announces them to other apps, in a constant number of queries."""
        with transaction.atomic():
            cls.objects.bulk_create(entries)
            Announcement.objects.bulk_create(
                Announcement(entry=entry, due_at=entry.recorded_at) for entry in entries
            )
            ring(ANNOUNCE_TASK)


class Announcement(Leased):
    """One timeline entry that the apps to the right have not all heard of yet.

    Appears with its entry and is deleted by `incidents.announcements` once every receiver is done.
    """

    entry = models.OneToOneField(
        TimelineEntry, on_delete=models.PROTECT, related_name="announcement"
    )

    def __str__(self) -> str:
        return f"Announcement of entry {self.entry_id}"
