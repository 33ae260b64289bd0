"""Who holds which role on an incident: assigning, handing over, filling from the roster."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import transaction

from incidents.models.roles import INCIDENT_MANAGER, Role, RoleAssignment
from incidents.phases import ENDED_PHASES
from incidents.timeline import TimelineEntry
from incidents.vocabulary import Kind
from roster.actors import Actor
from roster.errors import DomainError
from roster.models import Person
from roster.oncall import on_call
from roster.qualification import allow_exception, lacking

if TYPE_CHECKING:
    from incidents.models.incident import Incident


class RoleError(DomainError):
    """A change of roles that makes no sense as things are."""


@dataclass(frozen=True)
class RoleSlot:
    """One line of the role board: a role, who holds it now, and whether it must be filled."""

    role: Role
    holders: list[RoleAssignment]
    is_required: bool

    @property
    def is_missing(self) -> bool:
        return self.is_required and not self.holders


def assign_role(
    incident: "Incident",
    role: Role,
    person: Person,
    *,
    by: Actor,
    at: datetime,
    note: str = "",
    override_reason: str = "",
) -> RoleAssignment:
    """Give a role to a person. A single role is handed over: its holder's time ends at `at`.

    Assigning who holds it already changes nothing. Raises RoleError on an ended incident, for a
    person who is no longer active, and for one without the qualification that the role asks for
    unless `override_reason` says why it is all right; that stays on record (R078).
    """
    with transaction.atomic():
        incident.lock()
        _refuse_ended(incident)
        if not person.is_active:
            raise RoleError("person_inactive", f"{person.name} is no longer active.")
        current = incident.role_assignments.current().filter(role=role)
        held = current.filter(person=person).first()
        if held is not None:
            return held
        untrained = _untrained(role, person, override_reason, at=at)
        previous = current.select_related("person").first() if role.is_single else None
        if previous is not None:
            current.filter(pk=previous.pk).update(ends_at=at)
        assignment = RoleAssignment.objects.create(
            incident=incident,
            role=role,
            person=person,
            is_single=role.is_single,
            starts_at=at,
            note=note,
            assigned_by_name=by.name,
        )
        data = _data_of(role, person) | {"previous": previous.person.name if previous else None}
        if untrained:
            data |= {"overridden": [untrained], "override_reason": override_reason}
            _record_exception(assignment, override_reason, by=by, at=at)
        TimelineEntry.record(incident, Kind.ROLE_ASSIGNED, by=by, at=at, text=note, data=data)
    return assignment


def end_role(
    assignment: RoleAssignment,
    *,
    by: Actor,
    at: datetime,
    note: str = "",
    override_reason: str = "",
) -> None:
    """Let a holder go without a successor.

    The incident manager of an open incident is its owner and cannot be missing (R015): assign the
    successor instead, or say why not. Raises RoleError if the role was handed over meanwhile.
    """
    incident, role = assignment.incident, assignment.role
    if role.slug == INCIDENT_MANAGER and not override_reason and incident.is_open:
        raise RoleError(
            "owner_needed",
            f"{incident.reference} would have no {role.name.lower()}. Assign the next one instead.",
        )
    with transaction.atomic():
        current = RoleAssignment.objects.current().filter(pk=assignment.pk)
        if not current.update(ends_at=at):
            raise RoleError(
                "role_ended",
                f"{assignment.person.name} is no longer {role.name.lower()}.",
            )
        data = _data_of(role, assignment.person)
        if override_reason:
            data["override_reason"] = override_reason
        TimelineEntry.record(incident, Kind.ROLE_ENDED, by=by, at=at, text=note, data=data)
    assignment.ends_at = at


def fill_roles_from_roster(
    incident: "Incident", *, by: Actor, at: datetime
) -> list[RoleAssignment]:
    """Give each required role that nobody holds to whoever is on call for it (R180).

    Roles that nobody covers stay unfilled, which one entry says. Constant queries, whatever the
    number of roles.
    """
    with transaction.atomic():
        incident.lock()
        _refuse_ended(incident)
        vacant = [slot.role for slot in role_board(incident) if slot.is_missing]
        schedules = [role.schedule for role in vacant if role.schedule]
        shifts = on_call({schedule.pk: schedule for schedule in schedules}.values(), at)
        filled: list[RoleAssignment] = []
        for role in vacant:
            people = [shift.person for shift in shifts.get(role.schedule_id or 0, [])]
            filled += [
                RoleAssignment(
                    incident=incident,
                    role=role,
                    person=person,
                    is_single=role.is_single,
                    starts_at=at,
                    assigned_by_name=by.name,
                )
                for person in (people[:1] if role.is_single else people)
            ]
        RoleAssignment.objects.bulk_create(filled)
        _record_untrained(filled, by=by, at=at)
        _record_filling(incident, vacant, filled, by=by, at=at)
    return filled


def role_board(incident: "Incident") -> list[RoleSlot]:
    """Every role that is held or required, in order, then those that could be. Two queries."""
    held: dict[int, list[RoleAssignment]] = {}
    current = incident.role_assignments.current().select_related("person", "role")
    for assignment in current.order_by("starts_at", "pk"):
        held.setdefault(assignment.role_id, []).append(assignment)
    slots = [
        RoleSlot(
            role=role,
            holders=held.get(role.pk, []),
            is_required=bool(
                role.required_from and role.required_from.rank >= incident.severity.rank
            ),
        )
        for role in Role.objects.select_related("required_from", "schedule", "qualification")
    ]
    return sorted(slots, key=lambda slot: not (slot.holders or slot.is_required))


def _record_filling(
    incident: "Incident",
    vacant: list[Role],
    filled: list[RoleAssignment],
    *,
    by: Actor,
    at: datetime,
) -> None:
    entries = [
        TimelineEntry.draft(
            incident,
            Kind.ROLE_ASSIGNED,
            by=by,
            at=at,
            data=_data_of(assignment.role, assignment.person) | {"from_roster": True},
        )
        for assignment in filled
    ]
    taken = {assignment.role_id for assignment in filled}
    unfilled = [role for role in vacant if role.pk not in taken]
    if unfilled:
        data = {
            "roles": [role.slug for role in unfilled],
            "role_names": [role.name.lower() for role in unfilled],
        }
        entries.append(TimelineEntry.draft(incident, Kind.ROLES_UNFILLED, by=by, at=at, data=data))
    TimelineEntry.write(entries)


def _untrained(role: Role, person: Person, override_reason: str, *, at: datetime) -> str:
    """What the person lacks, as a sentence; raises RoleError unless there is a reason for it."""
    if not role.qualification or not lacking([person], role.qualification, at.date()):
        return ""
    sentence = f"{person.name} does not hold “{role.qualification}”."
    if not override_reason.strip():
        raise RoleError(
            "not_qualified",
            f"{sentence} Choose somebody else, or say why it is all right this time.",
        )
    return sentence


def _record_exception(assignment: RoleAssignment, reason: str, *, by: Actor, at: datetime) -> None:
    """In the log of exceptions, which is read by people who may not see a private incident."""
    incident, role = assignment.incident, assignment.role
    if role.qualification is None:
        return
    is_private = incident.is_private
    allow_exception(
        assignment.person,
        role.qualification,
        where=role.name if is_private else f"{role.name} of {incident.reference}",
        schedule=None,
        reason="See the timeline of the incident." if is_private else reason,
        by=by,
        at=at,
    )


def _record_untrained(filled: list[RoleAssignment], *, by: Actor, at: datetime) -> None:
    """Whoever is on call takes the role, trained or not; the log says so.

    One query for each role that asks for a qualification, and one for each exception.
    """
    for assignment in filled:
        role = assignment.role
        if lacking([assignment.person], role.qualification, at.date()):
            _record_exception(assignment, "Was on call when the role was filled.", by=by, at=at)


def _refuse_ended(incident: "Incident") -> None:
    if incident.phase in ENDED_PHASES:
        raise RoleError(
            "incident_ended",
            f"{incident.reference} is {incident.get_phase_display().lower()}."
            " Reopen it to change its roles.",
        )


def _data_of(role: Role, person: Person) -> dict[str, object]:
    return {
        "role": role.slug,
        "role_name": role.name.lower(),
        "person": person.name,
        "person_id": person.pk,
    }
