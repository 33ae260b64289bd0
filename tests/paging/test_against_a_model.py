"""Random policies, edits and answers, against a small model of the rules that shares no code.

The model is told what the test does, minute by minute, and says who is paged at which minute. The
real thing goes from the incident to its pages; both must name the same people, in the same order.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incidents import escalation
from incidents.models import Escalation, Incident, Page
from roster.actors import Actor
from roster.models import EscalationPolicy, EscalationStep, Person
from tests.factories.incidents import make_incident, make_service
from tests.factories.roster import make_person, make_policy, make_target, make_team

BEGIN = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
HORIZON = 40
NAMES = ("ada", "ben", "cem")
_numbers = count(1)


@dataclass
class Rung:
    """A step of the model: who is behind it, how long it waits, and whether all must answer."""

    pk: int
    people: tuple[str, ...]
    wait: int
    must: bool = False


@dataclass
class Model:
    """The rules, said as plainly as they can be."""

    steps: list[Rung]
    repeats: int
    fallback: tuple[str, ...]
    log: list[tuple[int, str]] = field(default_factory=list)
    waiting: dict[str, str] = field(default_factory=dict)  # person: the rung they answer for
    left: set[str] = field(default_factory=set)
    done: list[int] = field(default_factory=list)
    promised: list[int] = field(default_factory=list)
    number: int = 1
    somebody: bool = False
    due: int | None = 0
    rung: int = 0
    state: str = "running"
    by_fallback: set[str] = field(default_factory=set)
    pages: list[dict] = field(default_factory=list)

    def minute(self, now: int) -> None:
        """What is due at this minute happens."""
        while self.state == "running" and self.due is not None and self.due <= now:
            self.step(now)

    def rest(self) -> list[Rung]:
        here = -1
        order = [step.pk for step in self.steps]
        for pk in self.done:
            if pk in order:
                here = order.index(pk)
        return [
            step
            for place, step in enumerate(self.steps)
            if step.pk not in self.done and (place > here or step.pk in self.promised)
        ]

    def step(self, now: int) -> None:
        rest = self.rest()
        if not rest and self.somebody and self.number <= self.repeats:
            self.number, self.done, self.promised = self.number + 1, [], []
            self.somebody = False
            rest = list(self.steps)
        if not rest:
            fresh = [name for name in self.fallback if name not in self.by_fallback | self.left]
            self.page(now, fresh, must=False)
            self.by_fallback |= set(fresh)
            self.state, self.due = "exhausted", None
            return
        step = rest[0]
        people = [name for name in step.people if name not in self.left]
        self.page(now, people, must=step.must)
        self.done = [*self.done, step.pk]
        self.promised = [each.pk for each in self.rest()]
        if people:
            self.somebody = True
            self.due = now + step.wait

    def page(self, now: int, people: list[str], *, must: bool) -> None:
        if people:
            self.rung += 1
        for name in people:
            self.log.append((now, name))
            self.pages.append({"who": name, "rung": self.rung, "open": True, "must": must})

    def open_page(self, name: str) -> dict | None:
        mine = [page for page in self.pages if page["who"] == name and page["open"]]
        return mine[-1] if mine else None

    def acknowledge(self, name: str) -> None:
        if self.open_page(name):
            for page in self.pages:
                if page["who"] == name or not page["must"]:
                    page["open"] = False
            if self.state == "running":
                self.state, self.due = "acknowledged", None
            self.state = "answered" if self.state == "exhausted" else self.state

    def decline(self, name: str, now: int) -> None:
        if page := self.open_page(name):
            page["open"] = False
            self.move_on(page, now)

    def leave(self, name: str, now: int) -> None:
        self.left.add(name)
        for page in self.pages:
            if page["who"] == name and page["open"]:
                page["open"] = False
                self.move_on(page, now)

    def move_on(self, page: dict, now: int) -> None:
        together = [each for each in self.pages if each["rung"] == self.rung]
        if page["rung"] != self.rung or any(each["open"] for each in together):
            return
        if self.state == "running":
            self.due = now
        elif self.state == "exhausted":
            self.state, self.due = "running", now

    def escalate(self, now: int) -> None:
        if self.state == "running":
            self.due = now


class Real:
    """The same, done to the real code."""

    def __init__(self, steps: list[Rung], repeats: int, fallback: tuple[str, ...]) -> None:
        number = next(_numbers)
        self.people = {name: make_person(slug=f"{name}-{number}", name=name) for name in NAMES}
        boss = [make_person(slug=f"{name}-{number}", name=name) for name in fallback]
        self.people |= {each.name: each for each in boss}
        self.policy: EscalationPolicy = make_policy(
            repeats=repeats, fallback_team=make_team(members=boss)
        )
        self.steps: dict[int, EscalationStep] = {}
        for position, rung in enumerate(steps, start=1):
            self.add(rung, position)
        service = make_service(policy=self.policy)
        self.incident: Incident = make_incident(services=[service], detected_at=BEGIN)
        escalation.start_escalation(self.incident, by=Actor.system("test"), at=BEGIN)

    def add(self, rung: Rung, position: int) -> None:
        step = EscalationStep.objects.create(
            policy=self.policy,
            position=position,
            wait_minutes=rung.wait,
            all_must_acknowledge=rung.must,
        )
        for name in rung.people:
            make_target(step, self.people[name])
        self.steps[rung.pk] = step

    def reorder(self, order: list[Rung]) -> None:
        for position, rung in enumerate(order, start=1):
            EscalationStep.objects.filter(pk=self.steps[rung.pk].pk).update(position=position)

    def sweep(self, at: datetime) -> None:
        while escalation.run_due(at=at):
            pass

    def page_of(self, name: str) -> Page | None:
        own = Page.objects.pending().filter(incident=self.incident, person=self.people[name])
        return own.order_by("-pk").first()

    def log(self) -> list[tuple[int, str]]:
        pages = Page.objects.filter(incident=self.incident).order_by("pk")
        return [
            ((at - BEGIN) // timedelta(minutes=1), name)
            for at, name in pages.values_list("created_at", "person__name")
        ]


rungs = st.builds(
    lambda people, wait, must: (tuple(sorted(people)), wait, must),
    st.sets(st.sampled_from(NAMES), max_size=2),
    st.integers(1, 4),
    st.booleans(),
)
happenings = st.lists(
    st.tuples(
        st.integers(0, 15),
        st.sampled_from(
            [
                "acknowledge",
                "decline",
                "decline",
                "leave",
                "escalate",
                "delete",
                "insert",
                "swap",
                "swap",
                "repeats",
            ]
        ),
        st.integers(0, 5),
        rungs,
    ),
    min_size=2,
    max_size=12,
)


@pytest.mark.django_db(transaction=False)
@settings(max_examples=40, deadline=None)
@given(
    chosen=st.lists(rungs, max_size=4),
    repeats=st.integers(0, 2),
    fallback=st.sampled_from([(), ("boss",), ("boss", "chief")]),
    happening=happenings,
)
def test_who_is_paged_and_when(chosen, repeats, fallback, happening) -> None:
    numbers = count(1)
    steps = [Rung(next(numbers), *rung) for rung in chosen]
    model = Model(list(steps), repeats, fallback)
    real = Real(steps, repeats, fallback)
    todo = sorted(happening, key=lambda each: each[0])

    for minute in range(HORIZON):
        at = BEGIN + timedelta(minutes=minute)
        model.minute(minute)
        real.sweep(at)
        while todo and todo[0][0] == minute:
            _, what, which, rung = todo.pop(0)
            _do(what, which, Rung(next(numbers), *rung), model, real, minute)
            model.minute(minute)
            real.sweep(at)

    assert real.log() == model.log
    is_running = Escalation.objects.running().filter(incident=real.incident).exists()
    assert is_running == (model.state == "running")


def _do(what: str, which: int, new: Rung, model: Model, real: Real, minute: int) -> None:
    at = BEGIN + timedelta(minutes=minute)
    if what in ANSWERS:
        everyone = [*NAMES, *model.fallback]
        ANSWERS[what](everyone[which % len(everyone)], model, real, at, minute)
    elif what == "escalate":
        if model.state == "running":
            model.escalate(minute)
            escalation.escalate(real.incident, by=Actor.system("test"), at=at)
    elif what == "repeats":
        model.repeats = which % 3
        EscalationPolicy.objects.filter(pk=real.policy.pk).update(repeats=which % 3)
    else:
        _edit(what, which, new, model, real)


def _edit(what: str, which: int, new: Rung, model: Model, real: Real) -> None:
    if what == "insert":
        place = which % (len(model.steps) + 1)
        model.steps.insert(place, new)
        real.add(new, 99)
        real.reorder(model.steps)
    elif model.steps and what == "delete":
        gone = model.steps.pop(which % len(model.steps))
        real.steps.pop(gone.pk).delete()
    elif model.steps and what == "swap":
        place = which % len(model.steps)
        model.steps.append(model.steps.pop(place))
        real.reorder(model.steps)


def _acknowledge(name: str, model: Model, real: Real, at: datetime, minute: int) -> None:
    if page := real.page_of(name):
        by = Actor.of_person(real.people[name])
        escalation.acknowledge_page(page, by=by, at=at, via="link")
    model.acknowledge(name)


def _decline(name: str, model: Model, real: Real, at: datetime, minute: int) -> None:
    if page := real.page_of(name):
        by = Actor.of_person(real.people[name])
        escalation.decline_page(page, by=by, at=at, reason="")
    model.decline(name, minute)


def _leave(name: str, model: Model, real: Real, at: datetime, minute: int) -> None:
    Person.objects.filter(pk=real.people[name].pk).update(is_active=False)
    model.leave(name, minute)


ANSWERS: dict[str, Callable[[str, Model, Real, datetime, int], None]] = {
    "acknowledge": _acknowledge,
    "decline": _decline,
    "leave": _leave,
}
