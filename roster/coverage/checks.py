"""The checks of this app: each reads the outlook and says what is wrong, the worst first."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from roster import conflicts, oncall
from roster.coverage.found import Found, Stretch, episodes
from roster.coverage.outlook import Outlook, Training, Turn, training, unreachable
from roster.coverage.practice import unpractised
from roster.models import (
    Coverage,
    FindingKind,
    Person,
    Qualification,
    QualificationGrant,
    Schedule,
)

_MINUTE = timedelta(minutes=1)


def gaps(outlook: Outlook) -> Iterator[Found]:
    """Nobody on call where somebody has to be (R014); a turn of someone who left is one."""
    for schedule in outlook.schedules:
        yield from gaps_of(
            outlook, schedule, outlook.gaps(schedule), f"gap:{schedule.pk}", FindingKind.GAP
        )


def gaps_of(
    outlook: Outlook, schedule: Schedule, found: list[Stretch], key: str, kind: FindingKind
) -> Iterator[Found]:
    """Gaps in words, for a schedule or for a role that it covers."""
    for each in episodes(found, since=outlook.since, at=outlook.at, until=outlook.until):
        ends_at = each.ends_at or outlook.until
        who_left = _inactive_turns(outlook.shifts[schedule.pk], each.starts_at, ends_at)
        sentence = f"Nobody is on call for {schedule}."
        if who_left:
            verb = "is" if len(who_left) == 1 else "are"
            sentence = (
                f"Nobody is on call for {schedule}: it is the turn of "
                f"{' and '.join(who_left)}, who {verb} inactive."
            )
        elif not outlook.shifts[schedule.pk]:
            sentence = f"Nobody takes turns on {schedule}."
        yield Found(
            kind=kind,
            key=f"{key}:{each.mark}",
            schedule=schedule,
            starts_at=each.starts_at,
            ends_at=each.ends_at,
            text=each.text(sentence),
        )


def clashes(outlook: Outlook) -> Iterator[Found]:
    """What stands against final shifts: time off, two primaries at once, too little rest."""
    found = conflicts.conflicts_between(outlook.schedules, outlook.since, outlook.until)
    groups: dict[tuple[object, ...], list[conflicts.Conflict]] = defaultdict(list)
    for conflict in found:
        if conflict.person.is_active:
            other = conflict.other.pk if conflict.other else ""
            key = conflict.kind.value, conflict.schedule.pk, conflict.person.pk, other
            groups[key].append(conflict)
    for names, group in groups.items():
        stretches = [(conflict.starts_at, conflict.ends_at) for conflict in group]
        words = {conflict.starts_at: conflict.text for conflict in group}
        for each in episodes(stretches, since=outlook.since, at=outlook.at, until=outlook.until):
            yield Found(
                kind=group[0].kind,
                key=":".join(map(str, (*names, each.mark))),
                schedule=group[0].schedule,
                person=group[0].person,
                starts_at=each.starts_at,
                ends_at=each.ends_at,
                text=each.text(words[each.starts_at]),
            )


def without_contact(outlook: Outlook) -> Iterator[Found]:
    """On call within the horizon, and no address at which a message was seen to arrive."""
    silent = unreachable(outlook.people())
    for schedule, person, turn in outlook.each_first_turn():
        if person.pk in silent:
            yield _about_turn(
                FindingKind.UNREACHABLE,
                schedule,
                turn,
                f"{person} is on call for {schedule} and has no verified contact method.",
            )


def never_practised(outlook: Outlook) -> Iterator[Found]:
    """On call within the horizon without ever having answered a page (R110)."""
    new = unpractised(outlook.people())
    for schedule, person, turn in outlook.each_first_turn():
        if person.pk in new:
            yield _about_turn(
                FindingKind.UNPRACTISED,
                schedule,
                turn,
                f"{person} is on call for {schedule} and has never answered a page, not even a "
                "test.",
            )


def untrained(outlook: Outlook) -> Iterator[Found]:
    """On call without what the schedule asks for, at the time of the turn (R078, R118)."""
    asked = [
        (schedule, schedule.qualification)
        for schedule in outlook.schedules
        if schedule.qualification
    ]
    known = training(outlook.people(), {each.pk for _, each in asked}, outlook.at)
    for schedule, qualification in asked:
        yield from untrained_on(outlook, schedule, qualification, known)


def untrained_on(
    outlook: Outlook, schedule: Schedule, qualification: Qualification, known: Training
) -> Iterator[Found]:
    """Those without one qualification on one schedule, each once, from the first such moment."""
    told: set[int] = set()
    for turn in outlook.turns[schedule.pk]:
        person = turn.person
        is_excepted = (person.pk, qualification.pk, schedule.pk) in known.exceptions
        if person.pk in told or is_excepted:
            continue
        grants = known.grants.get((person.pk, qualification.pk), [])
        starts_at = _first_untrained(turn, grants, schedule, outlook.at)
        if starts_at is None:
            continue
        told.add(person.pk)
        yield Found(
            kind=FindingKind.UNQUALIFIED,
            key=f"unqualified:{schedule.pk}:{person.pk}:{qualification.pk}",
            schedule=schedule,
            person=person,
            starts_at=starts_at,
            ends_at=turn.ends_at,
            text=_untrained_text(person, qualification, schedule, grants, starts_at),
        )


def single_people(outlook: Outlook) -> Iterator[Found]:
    """One person covers all of a schedule that must be covered, and nobody else takes turns."""
    asked = [each for each in outlook.schedules if each.coverage != Coverage.NONE]
    members = oncall.people_of(asked, outlook.at)
    for schedule in asked:
        people = outlook.first_turns(schedule)
        if len(people) == 1 and len(members[schedule.pk]) <= 1:
            [(person, turn)] = people.items()
            yield Found(
                kind=FindingKind.SINGLE_PERSON,
                key=f"single_person:{schedule.pk}:{person.pk}",
                schedule=schedule,
                person=person,
                starts_at=max(turn.starts_at, outlook.at),
                text=f"{person} covers all of {schedule}; nobody else takes turns.",
            )


CHECKS = (gaps, without_contact, clashes, untrained, single_people, never_practised)


def _about_turn(kind: FindingKind, schedule: Schedule, turn: Turn, text: str) -> Found:
    return Found(
        kind=kind,
        key=f"{kind.value}:{schedule.pk}:{turn.person.pk}",
        schedule=schedule,
        person=turn.person,
        starts_at=turn.starts_at,
        ends_at=turn.ends_at,
        text=text,
    )


def _inactive_turns(shifts: list[oncall.OnCall], start: datetime, end: datetime) -> list[str]:
    return sorted(
        {
            each.person.name
            for each in shifts
            if not each.person.is_active
            and each.shift.start.timestamp() < end.timestamp()
            and each.shift.end.timestamp() > start.timestamp()
        }
    )


def _first_untrained(
    turn: Turn, grants: list[QualificationGrant], schedule: Schedule, at: datetime
) -> datetime | None:
    """The first moment of a turn on a day on which no grant counts; None if all are covered."""
    zone = ZoneInfo(schedule.time_zone)
    begins = max(turn.starts_at, at)
    first, last = begins.astimezone(zone).date(), (turn.ends_at - _MINUTE).astimezone(zone).date()
    day = _covered_until(grants, first)
    if day > last:
        return None
    return max(begins, datetime.combine(day, time(), zone).astimezone(UTC))


def _covered_until(grants: list[QualificationGrant], day: date) -> date:
    """The first day from this one on for which no grant counts; grants are by beginning."""
    for grant in grants:
        if grant.granted_on <= day and (grant.expires_on is None or grant.expires_on > day):
            day = grant.expires_on or date.max
    return day


def _untrained_text(
    person: Person,
    qualification: Qualification,
    schedule: Schedule,
    grants: list[QualificationGrant],
    starts_at: datetime,
) -> str:
    day = starts_at.astimezone(ZoneInfo(schedule.time_zone)).date()
    if any(each.expires_on and each.expires_on <= day for each in grants):
        return f"{person} is on call for {schedule} after “{qualification}” has expired."
    return f"{person} is on call for {schedule} without “{qualification}”."
