"""The incident, and everything that can happen to it as a whole.

Every change is one conditional update and one timeline entry in one transaction; of two people who
do the same at once, one succeeds and the other is told who was faster.
"""

from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, PermissionsMixin
from django.db import models, transaction
from django.db.models import OuterRef, Q, Subquery
from django.urls import reverse

from incidents import guards
from incidents.classification import classify
from incidents.models.escalations import Acknowledgement, Escalation, Page
from incidents.models.incident_changes import (
    IncidentChanges,
    IncidentError,
    PhaseError,
    in_words,
)
from incidents.models.incident_record import PREFIX
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
from roster.models import Person

if TYPE_CHECKING:
    from django_stubs_ext.db.models.manager import RelatedManager

    from incidents.models.alerts import Alert


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
        involved = Q(is_private=False)
        for rows in (RoleAssignment.objects, Responder.objects, Page.objects):
            involved |= Q(pk__in=rows.filter(person__user=user).values("incident"))
        return self.filter(involved)

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


class Incident(IncidentChanges):
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

    class Meta(IncidentChanges.Meta):
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

    def get_absolute_url(self) -> str:
        return reverse("admin:incidents_incident_change", args=[self.pk])

    def manager(self) -> Person | None:
        """The owner: who holds the incident manager's role now. One query."""
        managing = RoleAssignment.objects.current().filter(
            incident=self, role__slug=INCIDENT_MANAGER
        )
        assignment = managing.select_related("person").first()
        return assignment.person if assignment else None

    # --- Taking it on -----------------------------------------------------------------------------

    def acknowledge(self, *, by: Actor, at: datetime) -> None:
        """Say "mine": paging stops, and the person becomes first responder if none is named.

        Repeating one's own acknowledgement does nothing. Raises IncidentError if somebody else was
        faster and paging is over, or the incident is no longer live.
        """
        if self.take(by=by, at=at):
            return
        self.refresh_from_db()
        if self.acknowledged_at is None:
            raise PhaseError(
                "phase_not_allowed",
                f"{self.reference} is already {self.get_phase_display().lower()}."
                " There is nothing to acknowledge.",
            )
        standing = Acknowledgement.objects.filter(incident=self).standing().first()
        name = standing.by_name if standing else self.acknowledged_by_name
        since = standing.at if standing else self.acknowledged_at
        if name != by.name:
            raise IncidentError(
                "already_acknowledged",
                f"{self.reference} was already acknowledged by {name} at {since:%H:%M} UTC.",
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
        `reason`. A person who declares has acknowledged; where a rule does (R148), nobody has, and
        paging goes on. Required roles are filled from the roster.
        """
        verdict = classify(extent, degree, severity=severity, reason=reason)
        with transaction.atomic():
            self._enter(
                Phase.MOBILIZING,
                Kind.INCIDENT_DECLARED,
                by=by,
                at=at,
                text=reason,
                columns={
                    "severity": verdict.severity,
                    "severity_reason": reason if verdict.is_overruled else "",
                    "extent": extent,
                    "degree": degree,
                    "title": title or self.title,
                    "declared_at": at,
                    "declared_by": by.person,
                    "declared_by_name": by.name,
                },
                data={
                    "severity": verdict.severity.slug,
                    "severity_name": verdict.severity.name,
                    "proposed": verdict.proposed.slug if verdict.proposed else None,
                    "extent": extent.slug if extent else None,
                    "degree": degree.slug if degree else None,
                },
            )
            if not by.is_system and not self._take(by=by, at=at):
                self._settle_paging(by=by, at=at, reason=f"declared by {by.name}")
                self._keep_acknowledgement(by=by, at=at)
            fill_roles_from_roster(self, by=by, at=at)

    def dismiss(self, *, reason: str, by: Actor, at: datetime) -> None:
        """Decide that it is no incident, or none any more before anyone declared it."""
        if not reason:
            raise IncidentError.of_field("reason", "Say in one line why this is no incident.")
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
            raise IncidentError.of_field("summary", "Say in one line what restored service.")
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
            raise IncidentError.of_field("reason", "Say in one line why it goes back.")
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
                **{name: in_words(getattr(self, name)) for name in undone},
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
            raise IncidentError.of_field("reason", f"Say why it is milder than {old.name}.")
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
            Acknowledgement.judge_by(self)
            if severity.is_worse_than(old) and self.declared_at and self.is_live:
                fill_roles_from_roster(self, by=by, at=at)

    # --- What belongs to these changes ------------------------------------------------------------

    def take(self, *, by: Actor, at: datetime, is_paged: bool = False) -> bool:
        """Acknowledge, for the first time or again: False if somebody has it, or it is not live.

        Somebody has it from their acknowledgement until that lapses; while paging runs again,
        whoever answers next takes it over. `is_paged` says that it does.
        """
        return self._take(by=by, at=at) or self._take_over(by=by, at=at, is_paged=is_paged)

    def _take_over(self, *, by: Actor, at: datetime, is_paged: bool) -> bool:
        with transaction.atomic():
            self.lock()
            last = Acknowledgement.objects.filter(incident=self).order_by("-pk").first()
            if not self.is_live or last is None:
                return False
            if last.ended_at is None and not (is_paged or self._is_paging()):
                return False
            TimelineEntry.record(self, Kind.INCIDENT_TAKEN_OVER, by=by, at=at)
            Acknowledgement.stand(self, by=by, at=at)
            self._settle_paging(by=by, at=at, reason=f"acknowledged by {by.name}")
        return True

    def _is_paging(self) -> bool:
        """Whether anybody is being asked to take it, besides those who must all answer."""
        asked = Page.objects.pending().filter(incident=self, must_answer=False)
        return Escalation.objects.running().filter(incident=self).exists() or asked.exists()

    def _keep_acknowledgement(self, *, by: Actor, at: datetime) -> None:
        """Whoever has it still does; what was snoozed or had lapsed is whose who declared."""
        kept = Acknowledgement.objects.filter(incident=self, until__isnull=True).standing()
        if kept.exists():
            Acknowledgement.judge_by(self)
        else:
            Acknowledgement.stand(self, by=by, at=at)

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
            Acknowledgement.stand(self, by=by, at=at)
            self._name_first_responder(by=by, at=at)
            self._settle_paging(by=by, at=at, reason=f"acknowledged by {by.name}")
        for name, value in columns.items():
            setattr(self, name, value)
        return True

    def _name_first_responder(self, *, by: Actor, at: datetime) -> None:
        role = Role.objects.filter(slug=FIRST_RESPONDER).first()
        if role and by.person and by.person.is_active:
            reason = "Was the first to acknowledge."
            assign_role(self, role, by.person, by=by, at=at, override_reason=reason)

    def _settle_paging(self, *, by: Actor, at: datetime, reason: str) -> None:
        paging_settled.send(sender=Incident, incident=self, by=by, at=at, reason=reason)

    def _let_everyone_go(self, *, by: Actor, at: datetime) -> None:
        ended = self.get_phase_display().lower()
        reason = f"{self.reference} was {ended}."
        release_all(self, by=by, at=at, reason=reason, is_automatic=True)
        Acknowledgement.objects.filter(incident=self).finish(Acknowledgement.End.OVER, at=at)
        self._settle_paging(by=by, at=at, reason=f"{ended} by {by.name}")

    def _is_group_taken(self) -> bool:
        if not self.grouping_key:
            return False
        rivals = Incident.objects.live().filter(grouping_key=self.grouping_key)
        return rivals.exclude(pk=self.pk).exists()
