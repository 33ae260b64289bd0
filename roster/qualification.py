"""Who is trained for what: checked when people are put on duty, granted, and on the way (R078).

A missing qualification never stops anybody at night: whoever insists gives a reason, and the
exception is on record.
"""

from calendar import monthrange
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction

from roster.actors import Actor
from roster.errors import DomainError
from roster.models import (
    ConfidenceRating,
    Person,
    Qualification,
    QualificationException,
    QualificationGrant,
    Schedule,
    Shadowing,
)
from roster.watch import prove_soon

# How long before it expires a grant is shown, and reminded of.
EXPIRES_SOON = timedelta(days=30)
# So long an exception speaks for a person; then the coverage watch asks again.
EXCEPTION_COUNTS_FOR = timedelta(days=90)
# What one exception is for, at most, in words: the columns' lengths.
WHERE_LENGTH, REASON_LENGTH = 200, 300


# --- Who may -----------------------------------------------------------------------------------


def lacking(
    people: Iterable[Person], qualification: Qualification | None, day: date
) -> list[Person]:
    """Those who do not hold it on a day, in the order given; nobody where none is asked for.

    One query, or none.
    """
    asked = list(dict.fromkeys(people))
    if qualification is None or not asked:
        return []
    grants = QualificationGrant.objects.valid_on(day).filter(
        qualification=qualification, person__in=asked
    )
    qualified = set(grants.values_list("person_id", flat=True))
    return [person for person in asked if person.pk not in qualified]


def check_turns(schedule: Schedule, people: Iterable[Person], at: datetime) -> list[Person]:
    """Those whom the schedule should not list from a moment on: untrained, and not excepted.

    An exception given for this schedule lately speaks for its person. Three queries at most.
    """
    if schedule.qualification_id is None:
        return []
    day = at.astimezone(ZoneInfo(schedule.time_zone)).date()
    untrained = lacking(people, schedule.qualification, day)
    if not untrained:
        return []
    excepted = set(
        QualificationException.objects.filter(
            person__in=untrained,
            schedule=schedule,
            qualification=schedule.qualification_id,
            at__gt=at - EXCEPTION_COUNTS_FOR,
        ).values_list("person_id", flat=True)
    )
    return [person for person in untrained if person.pk not in excepted]


def allow_exception(
    person: Person,
    qualification: Qualification,
    *,
    where: str,
    schedule: Schedule | None,
    reason: str,
    by: Actor,
    at: datetime,
) -> QualificationException:
    """Record that somebody is on duty without a qualification, who allowed it, and why.

    `where` is the schedule or the role in words. Raises DomainError without a reason.
    """
    reason = reason.strip()
    if not reason:
        raise DomainError(
            "reason_needed",
            f"{person} does not hold “{qualification}”. Say why it is all right this time.",
            {"reason": ["Say why it is all right this time."]},
        )
    return QualificationException.objects.create(
        person=person,
        qualification=qualification,
        where=where[:WHERE_LENGTH],
        schedule=schedule,
        reason=reason[:REASON_LENGTH],
        allowed_by_name=by.name,
        at=at,
    )


def put_on_duty(
    schedule: Schedule,
    people: Iterable[Person],
    *,
    reason: str,
    by: Actor,
    at: datetime,
    field: str = "reason",
) -> None:
    """Before people are listed: those untrained need a reason, which stays on record.

    Raises DomainError on `field` where it is missing. One query for each person excepted.
    """
    untrained = check_turns(schedule, people, at)
    if not untrained or schedule.qualification is None:
        return
    if not reason.strip():
        sentence = lack_sentence(untrained, schedule.qualification)
        raise DomainError("not_qualified", sentence, {field: [sentence]})
    for person in untrained:
        allow_exception(
            person,
            schedule.qualification,
            where=schedule.name,
            schedule=schedule,
            reason=reason,
            by=by,
            at=at,
        )


def lack_sentence(people: Sequence[Person], qualification: Qualification) -> str:
    *first, last = [person.name for person in people]
    names = f"{', '.join(first)} and {last}" if first else last
    verb = "do" if first else "does"
    return (
        f"{names} {verb} not hold “{qualification}”. Choose somebody else, or say here why it is "
        "all right this time; the reason stays on record."
    )


# --- Granting ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Earned:
    """How a qualification was earned, from which day on it counts; `expires_on` None: worked out
    from how long it is valid.
    """

    on: date
    by: QualificationGrant.EarnedBy = QualificationGrant.EarnedBy.COURSE
    evidence: str = ""
    expires_on: date | None = None


def expiry(qualification: Qualification, granted_on: date) -> date | None:
    """The day on which a grant of that day ends: the same day of a later month, or its last."""
    if qualification.valid_months is None:
        return None
    years, month = divmod(granted_on.month - 1 + qualification.valid_months, 12)
    year, month = granted_on.year + years, month + 1
    return date(year, month, min(granted_on.day, monthrange(year, month)[1]))


def refuse_double(person: Person, qualification: Qualification, earned: Earned) -> None:
    """Raise DomainError where a grant that lasts as long is there already. One query."""
    expires_on = earned.expires_on or expiry(qualification, earned.on)
    held = QualificationGrant.objects.valid_on(earned.on).filter(
        person=person, qualification=qualification
    )
    for each in held:
        lasts_longer = each.expires_on is None or (expires_on and each.expires_on >= expires_on)
        if lasts_longer:
            until = f"until {each.expires_on:%-d %b %Y}" if each.expires_on else "without end"
            raise DomainError(
                "already_granted", f"{person} holds “{qualification}” {until} already."
            )


def grant(
    person: Person, qualification: Qualification, earned: Earned, *, at: datetime
) -> QualificationGrant:
    """Enter that a person holds it. Renewing adds a row; what was held before stays on record.

    Raises DomainError where a grant that lasts as long is there already.
    """
    expires_on = earned.expires_on or expiry(qualification, earned.on)
    refuse_double(person, qualification, earned)
    with transaction.atomic():
        granted = QualificationGrant.objects.create(
            person=person,
            qualification=qualification,
            granted_on=earned.on,
            expires_on=expires_on,
            earned_by=earned.by,
            evidence=earned.evidence,
        )
        prove_holders([qualification.pk], at=at)
    return granted


def prove_holders(qualifications: Iterable[int], *, at: datetime) -> None:
    """Have the schedules that ask for these qualifications (ids) proven again.

    All of them where none does: then it may be a role that asks, which this app knows nothing of.
    """
    active = Schedule.objects.active()
    asking = active.filter(qualification__in=set(qualifications)).values_list("pk", flat=True)
    prove_soon(list(asking) or list(active.values_list("pk", flat=True)), at=at)


# --- The way there (R172) ------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """How far a person has come towards one qualification: what is done, of what is asked.

    `held` is the grant that counts today, None if there is none; `shadowed` and `led` count
    shadowings that are over on schedules that ask for it, as learner and as the one watched.
    """

    qualification: Qualification
    held: QualificationGrant | None
    lacks_prerequisite: bool
    shadowed: int
    led: int

    @property
    def is_ready(self) -> bool:
        """Whether nothing is left to do but to grant it: a person decides."""
        done = (
            self.shadowed >= self.qualification.shadow_shifts
            and self.led >= self.qualification.reverse_shadow_shifts
        )
        return self.held is None and done and self.is_a_way and not self.lacks_prerequisite

    @property
    def is_a_way(self) -> bool:
        """Whether shifts, or another qualification, are asked for at all."""
        asked = self.qualification
        return bool(asked.shadow_shifts or asked.reverse_shadow_shifts or asked.requires_id)


@dataclass(frozen=True)
class Path:
    """One person's qualifications, held and on the way, and how confident they last felt."""

    steps: Sequence[Step]
    confidence: ConfidenceRating | None


def path_of(person: Person, at: datetime) -> Path:
    """From the first qualification of a chain to the last. Four queries."""
    qualifications = list(Qualification.objects.select_related("requires").order_by("name"))
    held = _held(person, at.astimezone(ZoneInfo(person.time_zone)).date())
    shadowed, led = _shifts_done(person, at)
    steps = [
        Step(
            qualification=each,
            held=held.get(each.pk),
            lacks_prerequisite=each.requires_id is not None and each.requires_id not in held,
            shadowed=shadowed[each.pk],
            led=led[each.pk],
        )
        for each in in_order(qualifications)
    ]
    latest = ConfidenceRating.objects.filter(person=person).select_related("schedule")
    return Path(steps=steps, confidence=latest.order_by("-at", "-pk").first())


def in_order(qualifications: Iterable[Qualification]) -> list[Qualification]:
    """Each after the one that it requires, otherwise as given."""
    rows = {each.pk: each for each in qualifications}

    def depth(each: Qualification) -> int:
        seen = {each.pk}
        while each.requires_id in rows and each.requires_id not in seen:
            seen.add(each.requires_id)
            each = rows[each.requires_id]
        return len(seen)

    return sorted(rows.values(), key=depth)


def _held(person: Person, day: date) -> dict[int, QualificationGrant]:
    """By qualification, the valid grant that lasts longest."""
    found: dict[int, QualificationGrant] = {}
    for each in QualificationGrant.objects.valid_on(day).filter(person=person):
        known = found.get(each.qualification_id)
        if known is None or (
            known.expires_on and (each.expires_on is None or each.expires_on > known.expires_on)
        ):
            found[each.qualification_id] = each
    return found


def _shifts_done(person: Person, at: datetime) -> tuple[dict[int, int], dict[int, int]]:
    """By qualification, how many shifts this person watched, and led while watched."""
    shadowed: dict[int, int] = defaultdict(int)
    led: dict[int, int] = defaultdict(int)
    over = Shadowing.objects.over(at).filter(schedule__qualification__isnull=False).of(person)
    for kind, who, qualification in over.values_list(
        "kind", "person_id", "schedule__qualification_id"
    ):
        if kind == Shadowing.Kind.SHADOW and who == person.pk:
            shadowed[qualification] += 1
        elif kind == Shadowing.Kind.REVERSE and who != person.pk:
            led[qualification] += 1
    return shadowed, led
