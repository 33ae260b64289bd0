"""Is the organisation ready before anything happens (R070, R071)?

Read from what is set up and from what the coverage watch last found; changes nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from incidents.models import Role, Service
from roster.models import CoverageFinding, FindingKind, Person, QualificationGrant, Schedule


@dataclass(frozen=True)
class Lack:
    """One thing to repair: the row it is about, and what is wrong with it."""

    row: Role | Schedule | Person | Service
    text: str


@dataclass(frozen=True)
class Check:
    """One question, why it matters, and what does not pass yet."""

    question: str
    why: str
    lacks: list[Lack]

    @property
    def is_passed(self) -> bool:
        return not self.lacks


@dataclass(frozen=True)
class Readiness:
    """All the answers. `proven_at` is when the coverage of the coming weeks was last proven."""

    checks: list[Check]
    proven_at: datetime | None

    @property
    def passed(self) -> int:
        return sum(check.is_passed for check in self.checks)


def readiness(today: date) -> Readiness:
    """Six questions. Five queries, whatever there is."""
    roles = list(
        Role.objects.select_related("schedule", "qualification", "required_from").order_by(
            "position", "pk"
        )
    )
    held = set(
        QualificationGrant.objects.valid_on(today)
        .filter(person__is_active=True)
        .values_list("qualification_id", flat=True)
    )
    findings = list(
        CoverageFinding.objects.standing()
        .filter(kind__in=_FINDINGS)
        .select_related("schedule", "person")
        .order_by("starts_at", "pk")
    )
    services = Service.objects.select_related("policy", "owner_team__default_policy")
    proven = Schedule.objects.active().order_by("watch__proven_at")
    return Readiness(
        checks=[
            _undefined(roles),
            _uncovered_roles(roles),
            _untrained_roles(roles, held),
            _uncovered_schedules(findings),
            _people(findings),
            _unpaged(services.order_by("name")),
        ],
        proven_at=proven.values_list("watch__proven_at", flat=True).first(),
    )


_FINDINGS = (FindingKind.GAP, FindingKind.UNPRACTISED, FindingKind.UNREACHABLE)


def _undefined(roles: Iterable[Role]) -> Check:
    return Check(
        "Is it written down what each role does?",
        "In an incident nobody has time to work out who decides.",
        [Lack(role, "has no responsibilities") for role in roles if not role.responsibilities],
    )


def _uncovered_roles(roles: Iterable[Role]) -> Check:
    lacks = []
    for role in roles:
        if role.schedule and not role.schedule.is_active:
            lacks.append(Lack(role, f"is covered by {role.schedule}, which is inactive"))
        elif role.is_round_the_clock and not role.schedule:
            lacks.append(Lack(role, "must be covered round the clock, and no schedule does it"))
        elif role.required_from and not role.schedule:
            lacks.append(
                Lack(role, f"is required from {role.required_from} on, and no schedule fills it")
            )
    return Check(
        "Does somebody fill each role at any hour?",
        "A role without a schedule is filled by asking around.",
        lacks,
    )


def _untrained_roles(roles: Iterable[Role], held: set[int]) -> Check:
    lacks = []
    for role in roles:
        if role.qualification and role.qualification_id not in held:
            lacks.append(Lack(role, f"asks for “{role.qualification}”, which nobody holds"))
        elif role.required_from and not role.qualification:
            lacks.append(Lack(role, "asks for no qualification, so anybody may be put in it"))
    return Check(
        "Are there trained people for each role?",
        "Training is too late once the pages come in.",
        lacks,
    )


def _uncovered_schedules(findings: Iterable[CoverageFinding]) -> Check:
    lacks: dict[int, Lack] = {}
    for finding in findings:
        if finding.kind == FindingKind.GAP and finding.schedule:
            lacks.setdefault(
                finding.schedule.pk, Lack(finding.schedule, "has gaps in the next 30 days")
            )
    return Check(
        "Are all schedules covered for the next 30 days?",
        "A gap found now costs a message; one found at night costs the night.",
        list(lacks.values()),
    )


def _people(findings: Iterable[CoverageFinding]) -> Check:
    words = {
        FindingKind.UNREACHABLE: "has no verified contact method",
        FindingKind.UNPRACTISED: "has never answered a page, not even a test",
    }
    found: dict[Person, list[str]] = {}
    for finding in findings:
        if finding.person and finding.kind in words:
            said = found.setdefault(finding.person, [])
            if words[FindingKind(finding.kind)] not in said:
                said.append(words[FindingKind(finding.kind)])
    return Check(
        "Has everybody who is on call soon been reached once, and practised?",
        "The first page of a person should not be a real one.",
        [Lack(person, " and ".join(said)) for person, said in found.items()],
    )


def _unpaged(services: Iterable[Service]) -> Check:
    return Check(
        "Is somebody paged for every service?",
        "An alert of a service without a policy goes to the fallback.",
        [
            Lack(service, "has no escalation policy, nor has its team")
            for service in services
            if service.effective_policy() is None
        ],
    )
