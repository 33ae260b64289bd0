"""The incident, and everything that can happen to it as a whole.

Every change is one conditional update and one timeline entry in one transaction; of two people who
do the same at once, one succeeds and the other is told who was faster.
"""

from collections.abc import Callable, Collection
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, PermissionsMixin
from django.db import models, transaction
from django.db.models import OuterRef, Q, Subquery
from django.urls import reverse

from incidents import guards
from incidents.models.escalations import Page
from incidents.models.incident_record import IncidentRecord
from incidents.models.responders import Responder
from incidents.models.roles import (
    FIRST_RESPONDER,
    INCIDENT_MANAGER,
    Role,
    RoleAssignment,
)
from incidents.models.severities import ImpactDegree, ImpactExtent, Severity
from incidents.phases import (
    ALLOWED_BACK_FROM,
    ALLOWED_FROM,
    ENDED_PHASES,
    LIVE_PHASES,
    OPEN_PHASES,
    Phase,
)
from incidents.responders import release_all
from incidents.roles import assign_role, fill_roles_from_roster
from incidents.signals import incident_closing, paging_settled
from incidents.timeline import TimelineEntry
from incidents.vocabulary import Kind
from roster.actors import Actor
from roster.errors import DomainError
from roster.models import Person

if TYPE_CHECKING:
    from django_stubs_ext.db.models.manager import RelatedManager

    from incidents.models.alerts import Alert
    from incidents.models.escalations import Escalation

PREFIX = "INC"
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
# Each milestone, whether it may be set while it is empty, and the kind of entry that set it.
MILESTONES: dict[str, tuple[bool, Kind | None]] = {
    "impact_began_at": (True, None),
    "detected_at": (False, Kind.INCIDENT_DETECTED),
    "acknowledged_at": (False, Kind.INCIDENT_ACKNOWLEDGED),
    "declared_at": (False, Kind.INCIDENT_DECLARED),
    "cause_found_at": (True, None),
    "restored_at": (False, Kind.INCIDENT_RESTORED),
    "closed_at": (False, Kind.INCIDENT_CLOSED),
}
_PHASE_KINDS = (
    Kind.INCIDENT_DECLARED,
    Kind.PHASE_CHANGED,
    Kind.INCIDENT_RESTORED,
    Kind.INCIDENT_DISMISSED,
    Kind.INCIDENT_CLOSED,
    Kind.INCIDENT_REOPENED,
)


class IncidentError(DomainError):
    """A change that this incident does not allow, as it now is."""


class PhaseError(IncidentError):
    """A change of phase that cannot be: from here, without what is missing, or any more."""


class IncidentQuerySet(models.QuerySet["Incident"]):
    def open(self) -> Self:
        """Somebody still has work to do: restored and learning included."""
        return self.filter(phase__in=OPEN_PHASES)

    def live(self) -> Self:
        """Customers may still be affected."""
        return self.filter(phase__in=LIVE_PHASES)

    def unacknowledged(self) -> Self:
        return self.live().filter(acknowledged_at__isnull=True)

    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> Self:
        """All that are not private, and the private ones this user works or worked on (R227).

        Nothing for whoever is not logged in. Whether the user may look at incidents at all is the
        caller's question.
        """
        if not (isinstance(user, PermissionsMixin) and user.is_active):
            return self.none()
        if user.has_perm("incidents.view_private_incident"):
            return self.all()
        part: Callable[[models.QuerySet[Any]], models.QuerySet[Any, Any]] = lambda rows: (
            rows.filter(person__user=user).values("incident")
        )
        return self.filter(
            Q(is_private=False)
            | Q(pk__in=part(RoleAssignment.objects.all()))
            | Q(pk__in=part(Responder.objects.all()))
            | Q(pk__in=part(Page.objects.all()))
        )

    def get_by_reference(self, reference: str) -> "Incident":
        """Find INC-142. Raises Incident.DoesNotExist for anything that is no such reference."""
        prefix, _, number = reference.upper().partition("-")
        if prefix != PREFIX or not (number.isascii() and number.isdigit() and len(number) < 10):
            raise Incident.DoesNotExist(reference)
        return self.get(number=number)

    def with_manager(self) -> Self:
        """Annotate `manager_name`: who owns the incident now, None if nobody does."""
        managing = RoleAssignment.objects.current().filter(
            incident=OuterRef("pk"), role__slug=INCIDENT_MANAGER
        )
        return self.annotate(manager_name=Subquery(managing.values("person__name")[:1]))


class Incident(IncidentRecord):
    """What the organisation responds to, from the first sign until it has learnt from it.

    It appears by `incidents.lifecycle.detect`, for an alert or for a person. Its phase, severity
    and milestones change only through the methods below, by whoever `incidents.permissions` lets;
    the current holder of the incident manager's role owns it. Never deleted.
    """

    objects = IncidentQuerySet.as_manager()

    if TYPE_CHECKING:
        alerts: RelatedManager["Alert"]
        escalations: RelatedManager["Escalation"]
        pages: RelatedManager[Page]
        timeline: RelatedManager[TimelineEntry]

    class Meta(IncidentRecord.Meta):
        abstract = False
        permissions = [
            ("acknowledge_incident", "Can acknowledge incidents"),
            ("advance_incident", "Can move incidents between phases"),
            ("assign_role_incident", "Can assign roles on incidents"),
            ("classify_incident", "Can change the severity of incidents"),
            ("close_incident", "Can close incidents"),
            ("declare_incident", "Can declare incidents"),
            ("dismiss_incident", "Can dismiss incidents"),
            ("note_incident", "Can add notes to incidents"),
            ("release_responder_incident", "Can release responders"),
            ("request_responder_incident", "Can request responders"),
            ("restore_incident", "Can mark incidents as restored"),
            ("view_private_incident", "Can see private incidents"),
        ]

    def __str__(self) -> str:
        return f"{self.reference} {self.title}"

    def get_absolute_url(self) -> str:
        return reverse("admin:incidents_incident_change", args=[self.pk])

    @property
    def reference(self) -> str:
        return f"{PREFIX}-{self.number}"

    @property
    def is_open(self) -> bool:
        return self.phase in OPEN_PHASES

    @property
    def is_live(self) -> bool:
        return self.phase in LIVE_PHASES

    def manager(self) -> Person | None:
        """The owner: who holds the incident manager's role now. One query."""
        managing = RoleAssignment.objects.current().filter(
            incident=self, role__slug=INCIDENT_MANAGER
        )
        assignment = managing.select_related("person").first()
        return assignment.person if assignment else None

    def lock(self) -> None:
        """Hold this incident's row until the transaction ends, and read its phase anew.

        What adds rows to an incident takes it first, so that nothing joins one that has just ended.
        """
        locked = Incident.objects.select_for_update(of=("self",))
        self.refresh_from_db(fields=["phase"], from_queryset=locked)

    # --- Taking it on -----------------------------------------------------------------------------

    def acknowledge(self, *, by: Actor, at: datetime) -> None:
        """Say "mine": paging stops, and the person becomes first responder if none is named.

        Repeating one's own acknowledgement does nothing. Raises IncidentError if somebody else was
        faster, or the incident is no longer live.
        """
        if self._take(by=by, at=at):
            return
        self.refresh_from_db()
        if self.acknowledged_at is None:
            raise PhaseError(
                "phase_not_allowed",
                f"{self.reference} is already {self.get_phase_display().lower()}."
                " There is nothing to acknowledge.",
            )
        if self.acknowledged_by_name != by.name:
            raise IncidentError(
                "already_acknowledged",
                f"{self.reference} was already acknowledged by {self.acknowledged_by_name}"
                f" at {self.acknowledged_at:%H:%M} UTC.",
            )

    def declare(
        self,
        *,
        extent: ImpactExtent | None,
        degree: ImpactDegree | None,
        severity: Severity | None = None,
        reason: str = "",
        title: str | None = None,
        by: Actor,
        at: datetime,
    ) -> None:
        """Decide that it is an incident, and get people together: `detected` to `mobilizing`.

        Extent and degree propose a severity (R122); another `severity` overrules it and needs a
        `reason`. Whoever declares has acknowledged. Required roles are filled from the roster.
        """
        proposed = Severity.objects.for_impact(extent, degree) if extent and degree else None
        chosen = self._chosen_severity(proposed, severity, reason)
        overruled = proposed is not None and chosen != proposed
        with transaction.atomic():
            self._enter(
                Phase.MOBILIZING,
                Kind.INCIDENT_DECLARED,
                by=by,
                at=at,
                text=reason,
                columns={
                    "severity": chosen,
                    "severity_reason": reason if overruled else "",
                    "extent": extent,
                    "degree": degree,
                    "title": title or self.title,
                    "declared_at": at,
                    "declared_by": by.person,
                    "declared_by_name": by.name,
                },
                data={
                    "severity": chosen.slug,
                    "severity_name": chosen.name,
                    "proposed": proposed.slug if proposed else None,
                    "extent": extent.slug if extent else None,
                    "degree": degree.slug if degree else None,
                },
            )
            if not self._take(by=by, at=at):
                self._settle_paging(by=by, at=at, reason=f"declared by {by.name}")
            fill_roles_from_roster(self, by=by, at=at)

    def dismiss(self, *, reason: str, by: Actor, at: datetime) -> None:
        """Decide that it is no incident, or none any more before anyone declared it."""
        if not reason:
            raise _field_error("reason", "Say in one line why this is no incident.")
        with transaction.atomic():
            self._enter(
                Phase.DISMISSED,
                Kind.INCIDENT_DISMISSED,
                by=by,
                at=at,
                text=reason,
                columns={"closed_at": at},
            )
            self._let_everyone_go(by=by, at=at)

    # --- Working on it ----------------------------------------------------------------------------

    def advance(
        self,
        phase: str,
        *,
        by: Actor,
        at: datetime,
        note: str = "",
        override_reason: str = "",
    ) -> None:
        """Move on to `diagnosing` or `restoring`.

        Raises PhaseError with what is missing, unless `override_reason` says why to go on without.
        """
        target = Phase(phase)
        if target not in (Phase.DIAGNOSING, Phase.RESTORING):
            raise PhaseError(
                "phase_not_allowed",
                f"An incident does not advance to {target.label} by itself.",
            )
        self._refuse_phase(target, ALLOWED_FROM[target])
        overridden = self._overridden(guards.lacking_before_work(self, target), override_reason)
        self._enter(target, Kind.PHASE_CHANGED, by=by, at=at, text=note, data=overridden)

    def restore(self, *, by: Actor, at: datetime, summary: str) -> None:
        """Mark customer impact as over. `summary` says what restored service."""
        if not summary:
            raise _field_error("summary", "Say in one line what restored service.")
        self._enter(
            Phase.RESTORED,
            Kind.INCIDENT_RESTORED,
            by=by,
            at=at,
            text=summary,
            columns={"restored_at": at, "summary": self.summary or summary},
        )

    def start_learning(self, *, by: Actor, at: datetime, note: str = "") -> None:
        self._enter(Phase.LEARNING, Kind.PHASE_CHANGED, by=by, at=at, text=note)

    def close(
        self, *, by: Actor, at: datetime, summary: str = "", override_reason: str = ""
    ) -> None:
        """Finish. One that is still live is restored first, with an entry of its own.

        Raises PhaseError with what is missing, in this app's view and in that of others
        (`incident_closing`), unless `override_reason` says why to close without.
        """
        self._refuse_phase(Phase.CLOSED, ALLOWED_FROM[Phase.CLOSED])
        with transaction.atomic():
            lacking = guards.lacking_before_close(self, summary=summary)
            answers = incident_closing.send(sender=Incident, incident=self, by=by, at=at)
            lacking += [answer for _, answer in answers if answer]
            overridden = self._overridden(lacking, override_reason)
            summary = summary or self.summary or override_reason
            if self.is_live:
                self.restore(by=by, at=at, summary=summary)
            self._enter(
                Phase.CLOSED,
                Kind.INCIDENT_CLOSED,
                by=by,
                at=at,
                text=summary,
                columns={"closed_at": at, "summary": self.summary or summary},
                data=overridden,
            )
            self._let_everyone_go(by=by, at=at)

    def reopen(self, phase: str, *, reason: str, by: Actor, at: datetime) -> None:
        """Step back to an earlier phase: the fix did not hold, or the decision was wrong.

        Milestones of phases that are undone are cleared, their old values kept in the entry. If
        another live incident gathers the same alerts by now, it goes on doing so.
        """
        target = Phase(phase)
        if not reason:
            raise _field_error("reason", "Say in one line why it goes back.")
        self._refuse_phase(target, ALLOWED_BACK_FROM.get(target, frozenset()))
        if self.phase == Phase.DISMISSED and (self.declared_at is None) != (
            target == Phase.DETECTED
        ):
            fitting = "Detected" if self.declared_at is None else "Mobilizing"
            raise PhaseError("phase_not_allowed", f"Reopen {self.reference} as {fitting}.")
        undone = {"closed_at": None} | ({"restored_at": None} if target in LIVE_PHASES else {})
        columns: dict[str, Any] = {**undone}
        if target in LIVE_PHASES and self._is_group_taken():
            columns["grouping_key"] = ""
        self._enter(
            target,
            Kind.INCIDENT_REOPENED if not self.is_live else Kind.PHASE_CHANGED,
            allowed=ALLOWED_BACK_FROM[target],
            by=by,
            at=at,
            text=reason,
            columns=columns,
            data={
                "is_back": True,
                **{name: _plain(getattr(self, name)) for name in undone},
            },
        )

    def change_severity(
        self, severity: Severity, *, reason: str = "", by: Actor, at: datetime
    ) -> None:
        """Judge it anew. A milder severity needs a reason; a worse one fills the roles it adds.

        Does nothing if the severity is that already.
        """
        old = self.severity
        if severity == old:
            return
        if not self.is_open:
            raise self._refusal(None)
        if old.is_worse_than(severity) and not reason:
            raise _field_error("reason", f"Say why it is milder than {old.name}.")
        with transaction.atomic():
            self._change(
                Kind.SEVERITY_CHANGED,
                by=by,
                at=at,
                text=reason,
                expected={"severity": old, "phase__in": OPEN_PHASES},
                columns={"severity": severity, "severity_reason": reason},
                data={
                    "old": old.slug,
                    "old_name": old.name,
                    "new": severity.slug,
                    "new_name": severity.name,
                    "is_worse": severity.is_worse_than(old),
                },
            )
            if severity.is_worse_than(old) and self.declared_at and self.is_live:
                fill_roles_from_roster(self, by=by, at=at)

    # --- Keeping the record -----------------------------------------------------------------------

    def note(
        self, text: str, *, by: Actor, at: datetime, happened_at: datetime | None = None
    ) -> TimelineEntry:
        """Write down what a person has to say, at any phase; `happened_at` if it was earlier."""
        if not text.strip():
            raise _field_error("text", "Write something to note.")
        if happened_at and happened_at > at:
            raise _field_error("happened_at", "A note is about what has happened, not what will.")
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
            raise _field_error("title", "An incident needs a title.")
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
            names = [_field_label(name) for name in changes]
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
            raise _field_error("name", f"There is no milestone {name}.")
        may_be_empty, kind = MILESTONES[name]
        old = getattr(self, name)
        if old is None and not may_be_empty:
            raise _field_error("name", f"{self.reference} has not come to that yet.")
        if not reason:
            raise _field_error("reason", "Say how you know.")
        if moment > at:
            raise _field_error("moment", "This moment is yet to come.")
        if problem := self._out_of_order(name, moment):
            raise _field_error("moment", problem)
        entries = TimelineEntry.objects.filter(incident=self)
        self._change(
            Kind.MILESTONE_CORRECTED,
            by=by,
            at=at,
            text=reason,
            expected={name: old},
            columns={name: moment},
            data={"milestone": name, "old": _plain(old), "new": _plain(moment)},
            corrects=entries.of_kinds(kind).newest_first().first() if kind else None,
        )

    # --- How a change is made ---------------------------------------------------------------------

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
            data={"old": self.phase, "new": phase.value, **(data or {})},
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
            untouched = Incident.objects.filter(pk=self.pk, **expected)
            if columns and not untouched.update(**columns):
                raise self._overtaken()
            TimelineEntry.record(self, kind, by=by, at=at, text=text, data=data, corrects=corrects)
        for name, value in columns.items():
            setattr(self, name, value)

    def _take(self, *, by: Actor, at: datetime) -> bool:
        """Acknowledge unless somebody has: False if so, or if the incident is no longer live."""
        with transaction.atomic():
            columns = {
                "acknowledged_at": at,
                "acknowledged_by": by.person,
                "acknowledged_by_name": by.name,
            }
            if not Incident.objects.unacknowledged().filter(pk=self.pk).update(**columns):
                return False
            TimelineEntry.record(self, Kind.INCIDENT_ACKNOWLEDGED, by=by, at=at)
            self._name_first_responder(by=by, at=at)
            self._settle_paging(by=by, at=at, reason=f"acknowledged by {by.name}")
        for name, value in columns.items():
            setattr(self, name, value)
        return True

    def _name_first_responder(self, *, by: Actor, at: datetime) -> None:
        role = Role.objects.filter(slug=FIRST_RESPONDER).first()
        if role and by.person and by.person.is_active:
            assign_role(self, role, by.person, by=by, at=at)

    def _settle_paging(self, *, by: Actor, at: datetime, reason: str) -> None:
        paging_settled.send(sender=Incident, incident=self, by=by, at=at, reason=reason)

    def _let_everyone_go(self, *, by: Actor, at: datetime) -> None:
        ended = self.get_phase_display().lower()
        release_all(
            self,
            by=by,
            at=at,
            reason=f"{self.reference} was {ended}.",
            is_automatic=True,
        )
        self._settle_paging(by=by, at=at, reason=f"{ended} by {by.name}")

    # --- Why it is refused ------------------------------------------------------------------------

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
        now = Incident.objects.get(pk=self.pk)
        if now.phase == self.phase:
            words = f"Somebody else has just changed {self.reference}."
        else:
            entries = TimelineEntry.objects.filter(incident=self).of_kinds(*_PHASE_KINDS)
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

    def _chosen_severity(
        self, proposed: Severity | None, severity: Severity | None, reason: str
    ) -> Severity:
        if severity and proposed and severity != proposed and not reason:
            raise _field_error(
                "reason",
                f"The matrix says {proposed.name}. Say why it is {severity.name}.",
            )
        chosen = severity or proposed
        if chosen is None:
            raise _field_error("severity", "The matrix has no severity for this. Choose one.")
        return chosen

    def _is_group_taken(self) -> bool:
        if not self.grouping_key:
            return False
        rivals = Incident.objects.live().filter(grouping_key=self.grouping_key)
        return rivals.exclude(pk=self.pk).exists()

    def _out_of_order(self, name: str, moment: datetime) -> str:
        """What is wrong with a milestone at this moment, given the others; "" if nothing."""
        moments = {
            "impact_began_at": self.impact_began_at,
            "restored_at": self.restored_at,
        }
        moments |= {"closed_at": self.closed_at, name: moment}
        began, restored, closed = (
            moments["impact_began_at"],
            moments["restored_at"],
            moments["closed_at"],
        )
        if began and restored and restored < began:
            return "Service cannot have been restored before the impact began."
        if restored and closed and closed < restored:
            return "An incident cannot have been closed before service was restored."
        return ""


def _plain(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _field_label(name: str) -> str:
    return str(Incident._meta.get_field(name).verbose_name)


def _field_error(field: str, sentence: str) -> IncidentError:
    return IncidentError("invalid", sentence, {field: [sentence]})
