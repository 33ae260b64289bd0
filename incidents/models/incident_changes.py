"""How an incident's record is kept: notes, descriptions, milestones, and how any change is made."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db import models, transaction

from incidents.models.incident_record import IncidentRecord
from incidents.phases import ALLOWED_FROM, ENDED_PHASES, Phase
from incidents.timeline import TimelineEntry
from incidents.vocabulary import PHASE_KINDS, Kind
from roster.actors import Actor
from roster.errors import DomainError

EDITABLE = frozenset(
    {
        "title",
        "kind",
        "source",
        "customer_impact",
        "summary",
        "workaround",
        "suspected_cause",
        "confirmed_cause",
        "is_private",
        "bridge_url",
        "chat_url",
        "ticket_url",
    }
)
# Each milestone, and the kind of entry that set it; the others may be set while they are empty.
MILESTONES: dict[str, Kind | None] = {
    "impact_began_at": None,
    "detected_at": Kind.INCIDENT_DETECTED,
    "acknowledged_at": Kind.INCIDENT_ACKNOWLEDGED,
    "declared_at": Kind.INCIDENT_DECLARED,
    "cause_found_at": None,
    "restored_at": Kind.INCIDENT_RESTORED,
    "closed_at": Kind.INCIDENT_CLOSED,
}


class IncidentError(DomainError):
    """A change that this incident does not allow, as it now is."""

    @classmethod
    def of_field(cls, field: str, sentence: str) -> "IncidentError":
        return cls("invalid", sentence, {field: [sentence]})


class PhaseError(IncidentError):
    """A change of phase that cannot be: from here, without what is missing, or any more."""


class IncidentChanges(IncidentRecord):
    """What may be said of an incident at any phase. Its phases are in `Incident`."""

    class Meta(IncidentRecord.Meta):
        abstract = True

    def lock(self) -> None:
        """Hold this incident's row until the transaction ends, and read its phase anew.

        What adds rows to an incident takes it first, so that nothing joins one that has just ended.
        """
        locked = type(self)._default_manager.select_for_update(no_key=True, of=("self",))
        self.refresh_from_db(fields=["phase"], from_queryset=locked)

    def note(
        self, text: str, *, by: Actor, at: datetime, happened_at: datetime | None = None
    ) -> TimelineEntry:
        """Write down what a person has to say, at any phase; `happened_at` if it was earlier."""
        if not text.strip():
            raise IncidentError.of_field("text", "Write something to note.")
        if happened_at and happened_at > at:
            raise IncidentError.of_field("happened_at", "This moment is yet to come.")
        return TimelineEntry.record(
            self, Kind.NOTE_ADDED, by=by, at=at, text=text, happened_at=happened_at
        )

    def edit(self, *, by: Actor, at: datetime, **values: Any) -> None:
        """Change descriptive columns (`EDITABLE`) and `services`; one entry names old and new.

        Does nothing if nothing differs. Raises IncidentError if somebody changed one of the same
        columns since this incident was read. The first confirmed cause sets its milestone.
        """
        services = values.pop("services", None)
        unknown = values.keys() - EDITABLE
        if unknown:
            raise TypeError(f"Not to be edited: {', '.join(sorted(unknown))}")
        old = {name: getattr(self, name) for name in values}
        changed = {name: value for name, value in values.items() if value != old[name]}
        if not changed.get("title", self.title):
            raise IncidentError.of_field("title", "An incident needs a title.")
        changes = {name: [old[name], value] for name, value in changed.items()}
        with transaction.atomic():
            if services is not None:
                before = sorted(self.services.values_list("name", flat=True))
                after = sorted(service.name for service in services)
                if before != after:
                    self.services.set(services)
                    changes["services"] = [before, after]
            if not changes:
                return
            columns = dict(changed)
            if changed.get("confirmed_cause") and self.cause_found_at is None:
                columns["cause_found_at"] = at
            names = [self._label_of(name) for name in changes]
            self._change(
                Kind.DETAILS_CHANGED,
                by=by,
                at=at,
                expected={name: old[name] for name in changed},
                columns=columns,
                data={"fields": names, "changes": changes},
            )

    def correct_milestone(
        self, name: str, moment: datetime, *, reason: str, by: Actor, at: datetime
    ) -> None:
        """Set right when something happened. The entry points at the one that was wrong."""
        if name not in MILESTONES:
            raise IncidentError.of_field("name", f"There is no milestone {name}.")
        kind = MILESTONES[name]
        old = getattr(self, name)
        if old is None and kind:
            raise IncidentError.of_field("name", f"{self.reference} has not come to that yet.")
        if not reason:
            raise IncidentError.of_field("reason", "Say how you know.")
        if moment > at:
            raise IncidentError.of_field("moment", "This moment is yet to come.")
        if problem := self._out_of_order(name, moment):
            raise IncidentError.of_field("moment", problem)
        entries = TimelineEntry.objects.filter(incident=self.pk)
        self._change(
            Kind.MILESTONE_CORRECTED,
            by=by,
            at=at,
            text=reason,
            expected={name: old},
            columns={name: moment},
            data={
                "milestone": name,
                "milestone_name": self._label_of(name),
                "old": in_words(old),
                "new": in_words(moment),
            },
            corrects=entries.of_kinds(kind).newest_first().first() if kind else None,
        )

    def _enter(
        self,
        phase: Phase,
        kind: Kind,
        *,
        by: Actor,
        at: datetime,
        allowed: Collection[str] | None = None,
        text: str = "",
        columns: dict[str, Any] | None = None,  # Any: the columns differ in type
        data: dict[str, Any] | None = None,
    ) -> None:
        self._refuse_phase(phase, ALLOWED_FROM[phase] if allowed is None else allowed)
        self._change(
            kind,
            by=by,
            at=at,
            text=text,
            expected={"phase": self.phase},
            columns={"phase": phase, **(columns or {})},
            data={"old": str(self.phase), "new": phase.value, **(data or {})},
        )

    def _change(
        self,
        kind: Kind,
        *,
        by: Actor,
        at: datetime,
        expected: dict[str, Any],
        columns: dict[str, Any],
        data: dict[str, Any],
        text: str = "",
        corrects: TimelineEntry | None = None,
    ) -> None:
        """Write `columns` and one entry, if `expected` still holds in the database."""
        with transaction.atomic():
            untouched = type(self)._default_manager.filter(pk=self.pk, **expected)
            if columns and not untouched.update(**columns):
                raise self._overtaken()
            TimelineEntry.record(self, kind, by=by, at=at, text=text, data=data, corrects=corrects)
        for name, value in columns.items():
            setattr(self, name, value)

    def _refuse_phase(self, phase: Phase, allowed: Collection[str]) -> None:
        if self.phase not in allowed:
            raise self._refusal(phase)

    def _refusal(self, phase: Phase | None) -> PhaseError:
        now = self.get_phase_display().lower()
        if self.phase == phase:
            words = f"{self.reference} is already {now}."
        elif self.phase in ENDED_PHASES:
            words = f"{self.reference} is already {now}. Reopen it first."
        elif self.phase == Phase.DETECTED:
            words = f"{self.reference} has not been declared. Declare or dismiss it first."
        else:
            there = phase.label if phase else "there"
            words = f"{self.reference} is {now}, and from there it does not go to {there}."
        return PhaseError("phase_not_allowed", words)

    def _overtaken(self) -> PhaseError:
        """Somebody changed the same thing a moment ago: say who, and what it is now."""
        now = type(self)._default_manager.get(pk=self.pk)
        if now.phase == self.phase:
            words = f"Somebody else has just changed {self.reference}."
        else:
            entries = TimelineEntry.objects.filter(incident=self.pk).of_kinds(*PHASE_KINDS)
            last = entries.order_by("-pk").first()
            who = last.actor_name if last else "Somebody else"
            words = f"{who} has just moved {self.reference} to {now.get_phase_display()}."
        return PhaseError("changed_meanwhile", f"{words} Reload the page to see it.")

    def _overridden(self, lacking: list[str], override_reason: str) -> dict[str, Any]:
        """What the entry says of a guard that was overridden. Raises PhaseError if it was not."""
        if not lacking:
            return {}
        if not override_reason:
            raise PhaseError("something_missing", " ".join(lacking))
        return {"overridden": lacking, "override_reason": override_reason}

    def _out_of_order(self, name: str, moment: datetime) -> str:
        """What is wrong with a milestone at this moment, given the others; "" if nothing."""
        known = {each: getattr(self, each) for each in MILESTONES} | {name: moment}
        began, restored = known["impact_began_at"], known["restored_at"]
        closed = known["closed_at"]
        if began and restored and restored < began:
            return "Service cannot have been restored before the impact began."
        if restored and closed and closed < restored:
            return "An incident cannot have been closed before service was restored."
        return ""

    def _label_of(self, name: str) -> str:
        field = self._meta.get_field(name)
        return str(field.verbose_name) if isinstance(field, models.Field) else name


def in_words(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
