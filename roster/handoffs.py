"""From the outgoing person to the incoming: a note in their own words, and the work that is open.

What is open is not this app's business; whoever knows registers a reader (`register_open_work`).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import transaction

from roster import oncall
from roster.errors import DomainError
from roster.models import HandoffNote, Notice, NoticeKind, Person, Schedule
from roster.notices import tell_all
from roster.oncall import OnCall
from roster.reminders import end_of_stretch

# So long after going off duty a person may still write.
AFTERWARDS = timedelta(hours=12)
ASK_BEFORE = timedelta(hours=1)
# Whoever hands over every two hours is not asked for a note every time.
ASK_FROM_LENGTH = timedelta(hours=4)
MARGIN = timedelta(minutes=1)
LONGEST_NOTE = 5_000

type Viewer = Person | AbstractBaseUser | AnonymousUser
type OpenWork = Callable[[Schedule, datetime, Viewer], list[tuple[str, str]]]

_open_work: list[OpenWork] = []


@dataclass(frozen=True)
class Handoff:
    """When one person leaves a schedule, and who is on call from then on; perhaps nobody."""

    schedule: Schedule
    at: datetime
    outgoing: Person
    incoming: list[Person]


def register_open_work(reader: OpenWork) -> None:
    """`reader(schedule, at, viewer)` lists (label, absolute address) of what that viewer may see.

    A viewer is a person who reads a message, or the login that looks at a page.
    """
    if reader not in _open_work:
        _open_work.append(reader)


def open_work(schedule: Schedule, *, at: datetime, viewer: Viewer) -> list[tuple[str, str]]:
    return [line for reader in _open_work for line in reader(schedule, at, viewer)]


def handoff_of(schedule: Schedule, person: Person, *, at: datetime) -> Handoff | None:
    """The handoff this person would write about: their next, or the one just behind them.

    None if they are not on call and were not within twelve hours, or stay for over five weeks.
    """
    end = at + oncall.HORIZON
    shifts = oncall.shifts_between(schedule, at - AFTERWARDS - MARGIN, end)
    own = [each for each in shifts if each.person == person]
    if any(_covers(each, at) for each in own):
        leaves_at = end_of_stretch(own, at)
    else:
        past = [each.shift.end for each in own if _stamp(each.shift.end) <= _stamp(at)]
        leaves_at = max(past, key=_stamp, default=end)
    is_known = at - AFTERWARDS <= leaves_at and _stamp(leaves_at) < _stamp(end)
    return _handoff(schedule, person, leaves_at, shifts) if is_known else None


def _handoff(schedule: Schedule, person: Person, at: datetime, shifts: Iterable[OnCall]) -> Handoff:
    incoming = {each.person: None for each in shifts if _covers(each, at)}
    incoming.pop(person, None)
    return Handoff(schedule, at, person, [each for each in incoming if each.is_active])


def write_note(schedule: Schedule, *, author: Person, text: str, at: datetime) -> HandoffNote:
    """Keep the note and send it to the incoming people at once, with what is open.

    Refused to whoever has nothing to hand over, and without words.
    """
    if not text.strip():
        raise _on_text("Write what the next person needs to know.")
    if len(text) > LONGEST_NOTE:
        raise _on_text(f"Keep the note under {LONGEST_NOTE} characters.")
    handoff = handoff_of(schedule, author, at=at)
    if handoff is None:
        raise DomainError(
            "nothing_to_hand_over",
            f"{author} is not on call for {schedule}, and was not in the last 12 hours. "
            "Only who goes off duty writes the note.",
        )
    with transaction.atomic():
        note = HandoffNote.objects.create(
            schedule=schedule,
            author=author,
            handoff_at=handoff.at,
            text=text.strip(),
            created_at=at,
        )
        tell_all(
            Notice(
                key=f"handoff-note-{note.pk}-{person.pk}",
                kind=NoticeKind.HANDOFF_NOTE,
                person=person,
                data={"note": note.pk},
                created_at=at,
                due_at=at,
            )
            for person in handoff.incoming
        )
    return note


def _on_text(sentence: str) -> DomainError:
    return DomainError("note_text", sentence, {"text": [sentence]})


def notes_of(
    schedules: Iterable[Schedule], on_call: Mapping[int, Iterable[OnCall]], *, at: datetime
) -> dict[int, list[HandoffNote]]:
    """Notes that still count, by schedule id, oldest first: for this stretch and the next.

    `on_call` says who is on call now. One query.
    """
    since = {
        schedule.pk: min(
            (_stamp(each.shift.start) for each in on_call.get(schedule.pk, ())), default=_stamp(at)
        )
        for schedule in schedules
    }
    notes = HandoffNote.objects.filter(
        schedule__in=since, handoff_at__gte=at - oncall.HORIZON
    ).select_related("author")
    found: dict[int, list[HandoffNote]] = {pk: [] for pk in since}
    for note in notes.order_by("created_at", "pk"):
        if _stamp(note.handoff_at) >= since[note.schedule_id]:
            found[note.schedule_id].append(note)
    return found


def ask_due(*, at: datetime) -> int:
    """Ask those who go off duty within the hour for a note; answer how many were asked.

    Seven queries at most, however many schedules there are. Whoever wants no reminders, or was on
    for under four hours, is not asked; neither is anybody where nobody takes over.
    """
    schedules = {schedule.pk: schedule for schedule in Schedule.objects.active()}
    begin, end = at - ASK_FROM_LENGTH, at + ASK_BEFORE
    answers = oncall.shifts_of(schedules.values(), begin, end + MARGIN)
    asked = {
        notice.key: notice
        for pk, shifts in answers.items()
        for handoff in _ending(schedules[pk], shifts, at, end)
        for notice in [_asking(handoff, at)]
    }
    kept = Notice.objects.filter(kind=NoticeKind.HANDOFF_ASKED, created_at__gt=at - 2 * ASK_BEFORE)
    for key in kept.values_list("key", flat=True) if asked else ():
        asked.pop(key, None)
    if asked:
        tell_all(asked.values())
    return len(asked)


def _ending(
    schedule: Schedule, shifts: list[OnCall], at: datetime, until: datetime
) -> list[Handoff]:
    found = []
    for each in shifts:
        ends, person = each.shift.end, each.person
        is_soon = _stamp(at) < _stamp(ends) <= _stamp(until)
        length = _stamp(ends) - _stamp(each.shift.start)
        if not (is_soon and person.is_active and person.reminder_hours):
            continue
        stays = any(other.person == person and _covers(other, ends) for other in shifts)
        handoff = _handoff(schedule, person, ends, shifts)
        if length >= ASK_FROM_LENGTH.total_seconds() and handoff.incoming and not stays:
            found.append(handoff)
    return found


def _asking(handoff: Handoff, at: datetime) -> Notice:
    moment = int(_stamp(handoff.at))
    return Notice(
        key=f"handoff-asked-{handoff.schedule.pk}-{handoff.outgoing.pk}-{moment}",
        kind=NoticeKind.HANDOFF_ASKED,
        person=handoff.outgoing,
        data={
            "schedule": handoff.schedule.pk,
            "handoff_at": handoff.at.isoformat(),
            "incoming": [person.name for person in handoff.incoming],
        },
        created_at=at,
        due_at=at,
    )


def _covers(each: OnCall, moment: datetime) -> bool:
    return _stamp(each.shift.start) <= _stamp(moment) < _stamp(each.shift.end)


def _stamp(moment: datetime) -> float:
    """Moments of one zone compare by the clock face in Python; instants do not."""
    return moment.timestamp()
