"""Who would be called if an alert came at a given moment, minute by minute.

Nothing is written: the walk is that of `incidents.escalation`, with people as the rosters have them
at each step's own time.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import groupby

from django.db.models import prefetch_related_objects

from incidents.policies import fallback_targets
from roster.escalation_targets import Resolved, people_behind
from roster.models import EscalationPolicy, EscalationStep
from roster.working_hours import allows


@dataclass(frozen=True)
class Call:
    """One rung: at `at`, if nobody has answered by then, these people are paged.

    `unreachable` have no way to be reached and `left_out` are left out by the step's condition in
    time, so no page is made for them. Where nobody is paged the next rung follows at once.
    `must_answer` are those of `people` whose page goes on when others have acknowledged.
    """

    at: datetime
    after: timedelta
    title: str
    people: list[Resolved] = field(default_factory=list)
    unreachable: list[Resolved] = field(default_factory=list)
    left_out: list[Resolved] = field(default_factory=list)
    must_answer: list[Resolved] = field(default_factory=list)


def who_would_be_called(policy: EscalationPolicy | None, *, at: datetime) -> list[Call]:
    """Every rung from `at` on, the fallback last, as long as nobody answers.

    Queries grow with the rungs of the policy, not with the people or the schedules behind them.
    """
    return list(_walk(policy, at))


def _walk(policy: EscalationPolicy | None, began: datetime) -> Iterator[Call]:
    at, somebody = began, True
    rungs = _rungs(policy)
    passes = policy.repeats + 1 if policy else 0
    for number in range(1, passes + 1):
        if not somebody:  # a pass that paged nobody is not repeated
            break
        somebody = False
        for position, steps in rungs:
            title = f"Step {position}" if number == 1 else f"Step {position}, round {number}"
            call, minutes = _rung(title, steps, at, began)
            yield call
            if call.people:
                somebody = True
                at += timedelta(minutes=minutes)
    yield _fallback(policy, at, began)


def _rungs(policy: EscalationPolicy | None) -> list[tuple[int, list[EscalationStep]]]:
    """Steps at one position are paged together."""
    steps = list(policy.steps.all()) if policy else []
    by_position = groupby(steps, key=lambda step: step.position)
    return [(position, list(together)) for position, together in by_position]


def _rung(
    title: str, steps: list[EscalationStep], at: datetime, began: datetime
) -> tuple[Call, int]:
    """What the steps do together, and how many minutes pass before the next."""
    behind = people_behind(steps, at=at)
    prefetch_related_objects(
        [each.person for found in behind.values() for each in found], "contact_methods"
    )
    allowed: dict[int, Resolved] = {}
    left_out: dict[int, Resolved] = {}
    must: dict[int, Resolved] = {}
    minutes = 0
    for step in steps:
        for each in behind[step.pk]:
            if not allows(step.condition, each.person, at):
                left_out.setdefault(each.person.pk, each)
                continue
            first = allowed.setdefault(each.person.pk, each)
            if each.person.reachable_methods():
                minutes = max(minutes, step.wait_minutes)
                if step.all_must_acknowledge:
                    must.setdefault(each.person.pk, first)
    call = _call(title, list(allowed.values()), at, began)
    apart = [each for pk, each in left_out.items() if pk not in allowed]
    return replace(call, left_out=apart, must_answer=list(must.values())), minutes


def _fallback(policy: EscalationPolicy | None, at: datetime, began: datetime) -> Call:
    """The first of the fallbacks that reaches anybody; an empty rung if none does."""
    for name, found in fallback_targets(policy, at=at):
        call = _call(f"Fallback: {name}", found, at, began)
        if call.people:
            return call
    return Call(at, at - began, "Fallback")


def _call(title: str, found: list[Resolved], at: datetime, began: datetime) -> Call:
    prefetch_related_objects([each.person for each in found], "contact_methods")
    reachable = {each.person.pk for each in found if each.person.reachable_methods()}
    return Call(
        at=at,
        after=at - began,
        title=title,
        people=[each for each in found if each.person.pk in reachable],
        unreachable=[each for each in found if each.person.pk not in reachable],
    )
