"""A plan from asking to accepting, on rows."""

import sys
from datetime import UTC, date, datetime, timedelta
from threading import Event
from zoneinfo import ZoneInfo

import pytest

from roster import oncall
from roster.actors import Actor
from roster.errors import DomainError
from roster.models import (
    Coverage,
    CoverageWindow,
    Layer,
    Notice,
    NoticeKind,
    PlanPreference,
    Qualification,
    QualificationGrant,
    RosterPlan,
    ScheduleWatch,
)
from roster.planning import asking, explain, solving
from roster.planning.accepting import accept, undo
from roster.planning.editing import let_go, options_for, set_by_hand
from roster.planning.fairness import fairness_of
from roster.planning.problem import Why
from roster.planning.reading import reading_of
from roster.planning.results import Result
from tests.factories.planning import make_problem
from tests.factories.plans import make_duty, make_plan, make_time_off
from tests.factories.roster import make_layer, make_person, make_schedule

pytestmark = pytest.mark.django_db

State = RosterPlan.State
BY = Actor.system("Tests")
WEEK = timedelta(weeks=1)
SEARCH = solving._search  # before `no_solver` replaces it


@pytest.fixture
def team():
    return [make_person(name=name) for name in ("Ana", "Bo", "Cy", "Dee")]


@pytest.fixture
def database(team):
    return make_schedule(*team, name="Database")


def solve(plan, now):
    asking.ask(plan, at=now)
    solving.solve_due(at=now, clock=lambda: now)
    plan.refresh_from_db()
    return plan


@pytest.fixture(autouse=True)
def no_solver(request, monkeypatch):
    """Without the solver, unless a test asks for it: these are about what surrounds the search."""
    if not request.node.get_closest_marker("solver"):
        monkeypatch.setattr(
            solving,
            "_search",
            lambda problem, seconds: solving.GreedySearch(problem, seconds=0.2),
        )


def assigned(plan, schedule):
    return Result.of(plan).assigned[str(schedule.pk)]


# --- Reading -----------------------------------------------------------------------------------


def test_turns_hand_off_by_the_clock_of_each_schedule(team, now):
    london = make_schedule(*team, time_zone="Europe/London", name="A")
    sydney = make_schedule(*team, time_zone="Australia/Sydney", name="B")
    plan = make_plan(london, sydney, people=team, starts_on=date(2026, 3, 23), turns=2)

    first, second = reading_of(plan, at=now).problem.rotations

    assert [turn.starts_at for turn in first.turns] == [
        datetime(2026, 3, 23, 9, tzinfo=ZoneInfo("Europe/London")),
        datetime(2026, 3, 30, 9, tzinfo=ZoneInfo("Europe/London")),
    ]
    assert first.turns[0].ends_at.timestamp() - first.turns[0].starts_at.timestamp() == 167 * 3600
    assert second.turns[0].starts_at == datetime(
        2026, 3, 23, 9, tzinfo=ZoneInfo("Australia/Sydney")
    )


def test_turns_of_a_schedule_covered_in_hours_are_these_hours(team, now):
    office = make_schedule(*team, coverage=Coverage.HOURS)
    for day in range(5):
        CoverageWindow.objects.create(
            schedule=office, opens_on=day, opens_at="09:00", closes_on=day, closes_at="17:00"
        )
    plan = make_plan(office, people=team, turns=1)

    problem = reading_of(plan, at=now).problem

    assert len(problem.rotations[0].turns[0].spans) == 5
    assert problem.load(team[0].pk, (0, 0)).hours() == (0, 0, 0)


def test_holidays_are_those_of_the_persons_country(database, team, now):
    team[0].country = "DE"
    team[0].save()
    plan = make_plan(database, people=team, turns=1)

    problem = reading_of(plan, at=now).problem

    # Easter Monday 2026, from the handoff at 9 on.
    loads = [problem.load(person.pk, (0, 0)).hours()[2] for person in team]
    assert loads[1:] == [0, 0, 0]
    assert loads[0] > 0


def test_people_who_cannot_are_blocked_with_the_reason(database, team, now):
    trained = Qualification.objects.create(slug="db", name="Databases")
    database.qualification = trained
    database.save()
    for person in team[:2]:
        QualificationGrant.objects.create(
            person=person, qualification=trained, granted_on=date(2026, 1, 1)
        )
    QualificationGrant.objects.create(
        person=team[2],
        qualification=trained,
        granted_on=date(2026, 1, 1),
        expires_on=date(2026, 4, 15),
    )
    make_time_off(team[0], date(2026, 4, 14), date(2026, 4, 15))
    team[1].is_active = False
    team[1].save()
    plan = make_plan(database, people=team, turns=2)

    blocked = reading_of(plan, at=now).problem.blocked

    ana, bo, cy, dee = (person.pk for person in team)
    assert dict(blocked) == {
        (ana, (0, 1)): Why.AWAY,
        (bo, (0, 0)): Why.INACTIVE,
        (bo, (0, 1)): Why.INACTIVE,
        (cy, (0, 1)): Why.UNQUALIFIED,
        (dee, (0, 0)): Why.UNQUALIFIED,
        (dee, (0, 1)): Why.UNQUALIFIED,
    }


def test_ledger_is_what_was_carried_and_will_be_until_the_first_handoff(database, team, now):
    monday = datetime(2026, 2, 16, 9, tzinfo=UTC)
    make_duty(team[0], database, monday, monday + WEEK)
    plan = make_plan(database, people=team, turns=1)

    ledgers = {each.name: each.ledger.hours() for each in reading_of(plan, at=now).problem.people}

    # From Monday 2 March 10:00: the rest of Ana's week, then Bo, Cy, Dee, Ana.
    assert ledgers == {
        "Ana": (56 * 3, 48 * 3, 0),
        "Bo": (56, 48, 0),
        "Cy": (56, 48, 0),
        "Dee": (56, 48, 0),
    }


def test_newcomer_starts_at_the_average_and_not_at_nothing(database, team, now):
    for number, person in enumerate(team):
        start = datetime(2026, 1, 5, 9, tzinfo=UTC) + number * WEEK
        make_duty(person, database, start, start + WEEK)
    newcomer = make_person(name="Zoe")
    plan = make_plan(database, people=[*team, newcomer], turns=1)

    people = {each.name: each for each in reading_of(plan, at=now).problem.people}

    others = [people[name].ledger.nights for name in ("Ana", "Bo", "Cy", "Dee")]
    assert people["Zoe"].ledger == people["Zoe"].credit
    assert min(others) < people["Zoe"].ledger.nights < max(others)
    assert people["Ana"].credit.nights == 0


def test_turns_just_before_the_period_count_for_rest(database, team, now):
    plan = make_plan(database, people=team, turns=1, rest_turns=2)

    worked = {each.name: each.worked for each in reading_of(plan, at=now).problem.people}

    # Weekly from 5 January: the week of 30 March is Ana's, the one before Dee's.
    assert worked == {
        "Ana": frozenset({-1}),
        "Bo": frozenset(),
        "Cy": frozenset(),
        "Dee": frozenset({-2}),
    }


def test_wishes_touch_the_turns_of_these_days(database, team, now):
    PlanPreference.objects.create(
        person=team[0], starts_on=date(2026, 4, 19), ends_on=date(2026, 4, 20)
    )
    plan = make_plan(database, people=team)

    [wish] = reading_of(plan, at=now).problem.wishes

    assert wish.places == frozenset({(0, 1), (0, 2)})


@pytest.mark.parametrize("count", [1, 3])
def test_reading_takes_a_constant_number_of_queries(count, team, now, django_assert_num_queries):
    schedules = [make_schedule(*team) for _ in range(count)]
    plan = make_plan(*schedules, people=team)

    with django_assert_num_queries(15):
        reading_of(plan, at=now)


# --- Asking and solving ------------------------------------------------------------------------


def test_asking_fills_in_who_takes_turns_now(database, team, now):
    team[3].is_active = False
    team[3].save()
    plan = make_plan(database)

    asking.ask(plan, at=now)

    assert [str(person) for person in plan.rotations.get().people.order_by("name")] == [
        "Ana",
        "Bo",
        "Cy",
    ]
    assert (plan.state, plan.due_at) == (State.QUEUED, now)


def test_asking_refuses_a_schedule_on_which_nobody_takes_turns(now):
    plan = make_plan(make_schedule(name="Empty"))

    with pytest.raises(DomainError) as refused:
        asking.ask(plan, at=now)

    assert refused.value.message == "Nobody takes turns on Empty now. Choose who is to."
    assert RosterPlan.objects.get().state == State.DRAFT


def test_solved_plan_lists_a_person_for_each_turn_and_tells_who_asked(database, team, now):
    plan = make_plan(database, people=team, created_by=team[0])

    solve(plan, now)

    assert plan.state == State.PROPOSED
    assert set(assigned(plan, database)) == {person.pk for person in team}
    assert (plan.due_at, plan.lease_token) == (None, None)
    notice = Notice.objects.get()
    assert (notice.kind, notice.person) == (NoticeKind.PLAN_READY, team[0])


@pytest.mark.solver
def test_solver_proposes_what_is_proven_good(database, team, now):
    plan = solve(make_plan(database, people=team), now)

    assert plan.state == State.PROPOSED
    assert plan.result["method"] == "CP-SAT"
    assert plan.result["gap"] <= 0.02


def test_without_the_solver_a_roster_is_proposed_and_nothing_claimed(monkeypatch):
    for name in ("solver", "relaxation"):
        monkeypatch.setitem(sys.modules, f"roster.planning.{name}", None)
    problem = make_problem(people=4, turns=4)

    found = SEARCH(problem, 0.2).run()

    assert (found.method, found.verdict, found.progress.gap) == ("greedy", "found", None)
    assert solving._reasons(problem) == [explain.UNEXPLAINED]


def test_impossible_plan_names_why(database, team, now):
    for person in team:
        make_time_off(person, date(2026, 4, 20), date(2026, 4, 21))
    plan = solve(make_plan(database, people=team), now)

    assert plan.state == State.IMPOSSIBLE
    assert plan.result["reasons"] == [
        "Turn from Mon 13 Apr on Database: everyone is away (time off of Ana, Bo, Cy and Dee).",
        "Turn from Mon 20 Apr on Database: everyone is away (time off of Ana, Bo, Cy and Dee).",
    ]


def test_plan_of_a_killed_worker_is_solved_again_once_its_lease_ends(database, team, now):
    plan = make_plan(database, people=team)
    asking.ask(plan, at=now)
    RosterPlan.objects.update(state=State.SOLVING, leased_until=now + solving.LEASE_FOR, attempts=1)

    assert solving.solve_due(at=now, clock=lambda: now) == 0
    later = now + solving.LEASE_FOR
    assert solving.solve_due(at=later, clock=lambda: later) == 1

    assert RosterPlan.objects.get().state == State.PROPOSED


def test_plan_that_kills_its_workers_is_given_up(database, team, now):
    plan = make_plan(database, people=team)
    asking.ask(plan, at=now)
    RosterPlan.objects.update(attempts=solving.MOST_ATTEMPTS)

    solving.solve_due(at=now, clock=lambda: now)

    plan.refresh_from_db()
    assert plan.state == State.FAILED
    assert plan.result["reasons"] == ["The solver died 3 times. Plan fewer turns or rotations."]


class _Endless:
    """A search that goes on until it is stopped."""

    def __init__(self, problem, *, seconds):
        self.inner = solving.GreedySearch(problem, seconds=0)
        self.stopped = Event()

    @property
    def progress(self):
        return self.inner.progress

    def run(self):
        assert self.stopped.wait(10)
        return self.inner.run()

    def stop(self):
        self.stopped.set()


def test_stopping_ends_the_search_and_its_result_is_not_written(database, team, now, monkeypatch):
    plan = make_plan(database, people=team)
    asking.ask(plan, at=now)
    monkeypatch.setattr(
        solving, "_search", lambda problem, seconds: _Endless(problem, seconds=seconds)
    )
    monkeypatch.setattr(solving, "LOOK_EVERY", timedelta(milliseconds=1))

    def clock():
        """Read by each heartbeat: somebody stops the plan at the first one."""
        if RosterPlan.objects.get().progress:
            asking.stop(plan)
        return now

    solving.solve_due(at=now, clock=clock)

    plan.refresh_from_db()
    assert (plan.state, plan.result, plan.due_at) == (State.DRAFT, {}, None)


def test_failing_solver_leaves_the_plan_failed(database, team, now, monkeypatch, caplog):
    plan = make_plan(database, people=team)
    asking.ask(plan, at=now)

    def fail(problem, seconds):
        raise RuntimeError("broken")

    monkeypatch.setattr(solving, "_search", fail)
    solving.solve_due(at=now, clock=lambda: now)

    plan.refresh_from_db()
    assert plan.state == State.FAILED
    assert "Could not solve plan" in caplog.text


@pytest.mark.parametrize("state", [State.QUEUED, State.SOLVING, State.ACCEPTED, State.DISCARDED])
def test_asking_is_refused_in_other_states(state, database, team, now):
    plan = make_plan(database, people=team, state=state)

    with pytest.raises(DomainError) as refused:
        asking.ask(plan, at=now)

    assert refused.value.code == "plan_state"


# --- Fairness and editing ----------------------------------------------------------------------


def test_fairness_compares_the_proposal_with_todays_rotation(database, team, now):
    for number in range(4):
        start = datetime(2026, 2, 2, 9, tzinfo=UTC) + number * WEEK
        make_duty(team[0], database, start, start + WEEK)
    plan = solve(make_plan(database, people=team), now)
    reading = reading_of(plan, at=now)

    fairness = fairness_of(reading, Result.of(plan).roster(reading.problem.rotations))

    nights = fairness.spreads[0]
    assert nights.today == 56 * 5 + 56 - 56
    assert nights.proposal < nights.today
    assert [(share.person.name, share.turns) for share in fairness.shares if share.turns == 0] == [
        ("Ana", 0)
    ]


def test_accepted_plan_is_still_compared_with_the_rotation_it_covers(database, team, now):
    plan = solve(make_plan(database, people=team), now)
    set_by_hand(plan, database.pk, 0, team[3])
    accept(plan, by=BY, at=now, despite=True)
    before = oncall.shifts_between(
        database, datetime(2026, 4, 6, 10, tzinfo=UTC), datetime(2026, 4, 6, 11, tzinfo=UTC)
    )

    today = reading_of(RosterPlan.objects.get(), at=now).today[database.pk]

    assert [each.person for each in before] == [team[3]]
    assert [each.person.name for each in today][:3] == ["Bo", "Cy", "Dee"]


def test_hand_edit_is_kept_when_looking_again(database, team, now):
    plan = solve(make_plan(database, people=team), now)
    burdened = team[1]

    set_by_hand(plan, database.pk, 3, burdened)
    solve(plan, now)

    assert assigned(plan, database)[3] == burdened.pk
    assert Result.of(plan).edits == [[database.pk, 3]]


def test_place_let_go_is_the_solvers_again(database, team, now):
    plan = solve(make_plan(database, people=team), now)
    set_by_hand(plan, database.pk, 3, team[1])

    let_go(plan, database.pk, 3)

    assert Result.of(RosterPlan.objects.get()).edits == []


def test_options_name_what_they_would_break(database, team, now):
    make_time_off(team[2], date(2026, 4, 6), date(2026, 4, 7))
    plan = solve(make_plan(database, people=team, turns=1, rest_turns=1), now)

    options = options_for(reading_of(plan, at=now), (0, 0))

    assert [(each.person.name, each.problems) for each in options] == [
        ("Bo", ()),
        ("Dee", ()),
        (
            "Ana",
            (
                "Ana is on call 2 turns in a row, until the end of the turn from Mon 6 Apr; "
                "1 at most.",
            ),
        ),
        ("Cy", ("Cy is away in the turn from Mon 6 Apr on Database.",)),
    ]


def test_editing_refuses_somebody_who_is_not_listed(database, team, now):
    plan = solve(make_plan(database, people=team), now)

    with pytest.raises(DomainError) as refused:
        set_by_hand(plan, database.pk, 0, make_person(name="Stranger"))

    assert refused.value.code == "not_listed"


# --- Accepting ---------------------------------------------------------------------------------


def test_accepted_plan_is_who_is_on_call(database, team, now):
    plan = solve(make_plan(database, people=team), now)
    before = oncall.shifts_between(database, now, datetime(2026, 4, 6, 9, tzinfo=UTC))

    accept(plan, by=BY, at=now)

    start = datetime(2026, 4, 6, 9, tzinfo=UTC)
    shifts = oncall.shifts_between(database, start, start + 6 * WEEK)
    assert [each.person.pk for each in shifts] == assigned(plan, database)
    assert [each.shift.source.layer for each in shifts] == ["Spring"] * 6
    assert oncall.shifts_between(database, now, start) == before
    after = oncall.shifts_between(database, start + 6 * WEEK, start + 7 * WEEK)
    assert [each.shift.source.layer for each in after] == ["Weekly"]


def test_accepting_tells_people_and_has_coverage_proven(database, team, now):
    plan = solve(make_plan(database, people=team), now)
    rotated = assigned(plan, database)
    set_by_hand(plan, database.pk, 0, team[2] if rotated[0] != team[2].pk else team[3])
    plan.refresh_from_db()

    accept(plan, by=BY, at=now, despite=True)

    assert Notice.objects.filter(kind=NoticeKind.SHIFTS_CHANGED).exists()
    assert ScheduleWatch.objects.get().due_at == now
    assert RosterPlan.objects.get().state == State.ACCEPTED


def test_accepting_refuses_a_period_that_has_begun(database, team, now):
    plan = solve(make_plan(database, people=team), now)

    with pytest.raises(DomainError) as refused:
        accept(plan, by=BY, at=datetime(2026, 4, 6, 9, tzinfo=UTC))

    assert refused.value.code == "period_begun"
    assert RosterPlan.objects.get().state == State.PROPOSED


def test_accepting_refuses_beside_another_accepted_plan(database, team, now):
    accept(solve(make_plan(database, people=team), now), by=BY, at=now)
    other = solve(make_plan(database, people=team, name="Other", starts_on=date(2026, 5, 11)), now)

    with pytest.raises(DomainError) as refused:
        accept(other, by=BY, at=now)

    assert refused.value.code == "plan_overlaps"


def test_time_off_entered_since_is_named_and_can_be_insisted_on(database, team, now):
    plan = solve(make_plan(database, people=team), now)
    first = next(person for person in team if person.pk == assigned(plan, database)[0])
    make_time_off(first, date(2026, 4, 8), date(2026, 4, 9))

    with pytest.raises(DomainError) as refused:
        accept(plan, by=BY, at=now)
    assert refused.value.message.startswith(
        f"{first} is away in the turn from Mon 6 Apr on Database."
    )
    assert refused.value.fields.keys() == {"despite"}

    accept(plan, by=BY, at=now, despite=True)
    assert RosterPlan.objects.get().state == State.ACCEPTED


def test_somebody_inactive_by_now_cannot_be_insisted_on(database, team, now):
    plan = solve(make_plan(database, people=team), now)
    first = next(person for person in team if person.pk == assigned(plan, database)[0])
    first.is_active = False
    first.save()

    with pytest.raises(DomainError) as refused:
        accept(plan, by=BY, at=now, despite=True)

    assert refused.value.code == "plan_broken"
    assert Layer.objects.count() == 1


def test_undone_plan_leaves_the_rotation_as_it_was(database, team, now):
    start = datetime(2026, 4, 6, 9, tzinfo=UTC)
    before = oncall.shifts_between(database, start, start + 8 * WEEK)
    plan = solve(make_plan(database, people=team), now)
    accept(plan, by=BY, at=now)

    undo(plan, by=BY, at=now)

    assert oncall.shifts_between(database, start, start + 8 * WEEK) == before
    assert RosterPlan.objects.get().state == State.PROPOSED


def test_plan_that_has_begun_is_not_undone(database, team, now):
    plan = solve(make_plan(database, people=team), now)
    accept(plan, by=BY, at=now)

    with pytest.raises(DomainError) as refused:
        undo(plan, by=BY, at=datetime(2026, 4, 6, 9, tzinfo=UTC))

    assert refused.value.code == "plan_begun"
    assert Layer.objects.count() == 2


def test_accepting_twice_writes_one_layer(database, team, now):
    plan = solve(make_plan(database, people=team), now)
    stale = RosterPlan.objects.get()
    accept(plan, by=BY, at=now)

    with pytest.raises(DomainError):
        accept(stale, by=BY, at=now)

    assert Layer.objects.count() == 2


def test_layer_of_a_schedule_covered_in_hours_has_these_hours(team, now):
    office = make_schedule(coverage=Coverage.HOURS)
    make_layer(office, *team)
    CoverageWindow.objects.create(
        schedule=office, opens_on=0, opens_at="09:00", closes_on=4, closes_at="17:00"
    )
    plan = solve(make_plan(office, people=team), now)

    accept(plan, by=BY, at=now)

    layer = Layer.objects.get(name="Spring")
    assert [str(window) for window in layer.windows.all()] == ["Monday 09:00 to Friday 17:00"]
