"""How a page test went: who answered after how long, and who did not."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from statistics import median

from roster.models import PageTest, PageTestCall


class Outcome(StrEnum):
    IN_TIME = "in time"
    LATE = "late"
    WAITING = "waiting"
    MISSED = "missed"


TONES = {
    Outcome.IN_TIME: "green",
    Outcome.LATE: "amber",
    Outcome.WAITING: "blue",
    Outcome.MISSED: "red",
}


@dataclass(frozen=True)
class Answer:
    """One person's answer; `after` is None while there is none."""

    call: PageTestCall
    outcome: Outcome
    after: timedelta | None
    share: int  # of the time given, in per cent, at most 100: the length of a bar

    @property
    def tone(self) -> str:
        return TONES[self.outcome]


@dataclass(frozen=True)
class Results:
    """All answers, the quickest first and the missing last; `median` is of those who answered."""

    answers: list[Answer]
    median: timedelta | None
    counts: dict[Outcome, int]


def answer_of(call: PageTestCall, *, at: datetime) -> Answer:
    """Reads `call.test`, so select it."""
    limit = timedelta(minutes=call.test.answer_within_minutes)
    if call.acknowledged_at is None:
        is_over = at >= call.sent_at + limit
        gone = min((at - call.sent_at) / limit, 1.0)
        return Answer(call, Outcome.MISSED if is_over else Outcome.WAITING, None, round(gone * 100))
    after = call.acknowledged_at - call.sent_at
    outcome = Outcome.IN_TIME if after <= limit else Outcome.LATE
    return Answer(call, outcome, after, max(1, round(min(after / limit, 1.0) * 100)))


def results_of(test: PageTest, *, at: datetime) -> Results:
    """One query."""
    calls = test.calls.select_related("person", "test").order_by("person__name", "pk")
    return summary([answer_of(call, at=at) for call in calls])


def summary(answers: Iterable[Answer]) -> Results:
    ordered = sorted(
        answers, key=lambda answer: (answer.after is None, answer.after or timedelta())
    )
    times = [answer.after.total_seconds() for answer in ordered if answer.after is not None]
    return Results(
        answers=ordered,
        median=timedelta(seconds=median(times)) if times else None,
        counts={
            outcome: sum(answer.outcome == outcome for answer in ordered) for outcome in Outcome
        },
    )
