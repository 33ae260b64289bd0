"""Whom a swap concerns, and telling them; the words are made where messages are."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from roster.models import Notice, NoticeKind, Person, Swap, Urgency
from roster.notices import tell_all
from roster.oncall import people_of
from roster.qualification import check_turns

# A shift that begins within these hours cannot wait until somebody's quiet hours are over.
SOON = timedelta(hours=12)


def people_asked(swap: Swap) -> list[Person]:
    """Who may take it: the one asked, or the trained people of the rotation; without the giver.

    Six queries at most.
    """
    if swap.asked:
        return [swap.asked]
    people = [
        person
        for person in people_of([swap.schedule], swap.starts_at)[swap.schedule_id]
        if person.pk != swap.giver_id
    ]
    untrained = set(check_turns(swap.schedule, people, swap.starts_at))
    return [person for person in people if person not in untrained]


def tell_offered(swap: Swap, people: Iterable[Person], *, at: datetime) -> None:
    _tell(swap, NoticeKind.SWAP_OFFERED, people, at=at)


def tell_to_confirm(swap: Swap, *, at: datetime) -> None:
    _tell(swap, NoticeKind.SWAP_TO_CONFIRM, [swap.giver], at=at, mark=f"-{swap.taker_id or 0}")


def tell_taken(swap: Swap, *, at: datetime) -> None:
    _tell(swap, NoticeKind.SWAP_TAKEN, _both(swap), at=at)


def tell_moved(swap: Swap, *, at: datetime) -> None:
    """After an edit of the rotation moved the shift that the swap is about."""
    mark = f"-{swap.starts_at:%Y%m%d%H%M}-{swap.ends_at:%Y%m%d%H%M}-{at.timestamp():.0f}"
    concerned = _both(swap) if swap.taker else [swap.giver]
    _tell(swap, NoticeKind.SWAP_TAKEN, concerned, at=at, mark=mark, moved=True)


def tell_ended(swap: Swap, *, at: datetime, by: Person | None) -> None:
    """Both sides, or whoever was still asked; not the one who ended it."""
    concerned = {person.pk: person for person in _both(swap)}
    if swap.taker is None and swap.state != Swap.State.LAPSED:
        said_no = set(swap.declined_by.values_list("pk", flat=True))
        concerned |= {each.pk: each for each in people_asked(swap) if each.pk not in said_no}
    _tell(
        swap,
        NoticeKind.SWAP_ENDED,
        [person for pk, person in concerned.items() if by is None or pk != by.pk],
        at=at,
    )


def _both(swap: Swap) -> list[Person]:
    return [person for person in (swap.giver, swap.taker) if person]


def _tell(
    swap: Swap,
    kind: NoticeKind,
    people: Iterable[Person],
    *,
    at: datetime,
    mark: str = "",
    moved: bool = False,
) -> None:
    # Good news waits for the morning, unless it is news to the one who is to be on call.
    is_news = kind != NoticeKind.SWAP_TAKEN or swap.arranged_by is not None or moved
    is_urgent = is_news and swap.first_starts_at - at < SOON
    tell_all(
        Notice(
            key=f"{kind}-{swap.pk}-{person.pk}{mark}",
            kind=kind,
            person=person,
            urgency=Urgency.HIGH if is_urgent else Urgency.LOW,
            data={"swap": swap.pk, "moved": moved},
            created_at=at,
            due_at=at,
        )
        for person in people
        if person.is_active
    )
