"""Fair planning in the admin: asking, looking, editing by hand, deciding."""

from datetime import date

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from roster.models import Layer, PlanPreference, Qualification, RosterPlan
from roster.planning import solving
from roster.planning.greedy import GreedySearch
from roster.planning.results import Result
from tests.factories.plans import make_plan, make_time_off
from tests.factories.roster import make_person, make_schedule

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

State = RosterPlan.State
FETCH = {"HTTP_X_REQUESTED_WITH": "fetch"}


@pytest.fixture
def editor(user_with) -> User:
    return user_with(
        "roster.view_rosterplan",
        "roster.add_rosterplan",
        "roster.change_rosterplan",
        "roster.add_planrotation",
        "roster.change_planrotation",
        "roster.delete_planrotation",
        "roster.view_schedule",
        "roster.view_person",
    )


@pytest.fixture
def site(editor) -> Client:
    client = Client()
    client.force_login(editor)
    return client


@pytest.fixture
def team():
    return [make_person(name=name) for name in ("Ana", "Bo", "Cy", "Dee")]


@pytest.fixture
def database(team):
    return make_schedule(*team, name="Database")


@pytest.fixture
def proposal(database, team, now, monkeypatch):
    monkeypatch.setattr(
        solving, "_search", lambda problem, seconds: GreedySearch(problem, seconds=0.2)
    )
    plan = make_plan(database, people=team, state=State.QUEUED, due_at=now)
    solving.solve_due(at=now, clock=lambda: now)
    plan.refresh_from_db()
    return plan


def url(name, *args):
    return reverse(f"admin:{name}", args=args)


def form_data(*rotations, **fields):
    data: dict[str, object] = {
        "name": "Spring",
        "starts_on": "2026-04-06",
        "handoff_time": "09:00",
        "turns": "6",
        "turn_length": "1",
        "turn_unit": "week",
        "rest_turns": "1",
        "most_consecutive": "1",
        "most_turns": "",
        "ledger_months": "6",
        "wish_hours": "4",
        "rotations-TOTAL_FORMS": str(len(rotations)),
        "rotations-INITIAL_FORMS": "0",
        "rotations-MIN_NUM_FORMS": "1",
        "rotations-MAX_NUM_FORMS": "1000",
    }
    for number, (schedule, people) in enumerate(rotations):
        data[f"rotations-{number}-schedule"] = schedule.pk if schedule else ""
        data[f"rotations-{number}-people"] = [person.pk for person in people]
    return data | fields


def errors_of(response):
    """What the form says, on whichever field."""
    found: list[str] = []
    for errors in response.context["errors"]:
        found += [errors] if isinstance(errors, str) else [str(error) for error in errors]
    return found


# --- Asking ------------------------------------------------------------------------------------


def test_asking_queues_a_plan_of_the_people_of_today(site, database, team):
    response = site.post(url("roster_rosterplan_add"), form_data((database, [])))

    plan = RosterPlan.objects.get()
    assert response.headers["Location"] == url("roster_plan", plan.pk)
    assert plan.state == State.QUEUED
    assert list(plan.rotations.get().people.order_by("name")) == team


def test_form_proposes_a_monday_and_a_name(site):
    form = site.get(url("roster_rosterplan_add")).context["adminform"].form

    assert form.initial["starts_on"] == date(2026, 3, 16)
    assert form.initial["name"] == "Fair roster from 16 March 2026"


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (
            {"starts_on": "2026-03-02", "handoff_time": "09:00"},
            "The first handoff, Mon 2 Mar at 09:00 in UTC, has passed. Begin on a later day.",
        ),
        ({"turns": "0"}, "Ensure this value is greater than or equal to 1."),
        ({"turns": "500"}, "Ensure this value is less than or equal to 104."),
        ({"handoff_time": "09:00:30"}, "Times are whole minutes."),
    ],
)
def test_bad_period_is_explained(fields, sentence, site, database):
    response = site.post(url("roster_rosterplan_add"), form_data((database, []), **fields))

    assert sentence in errors_of(response)
    assert not RosterPlan.objects.exists()


def test_schedule_without_people_is_explained(site):
    empty = make_schedule(name="Empty")

    response = site.post(url("roster_rosterplan_add"), form_data((empty, [])))

    assert errors_of(response) == ["Nobody who may takes turns on Empty now. Choose who is to."]


def test_no_schedule_is_explained(site):
    response = site.post(url("roster_rosterplan_add"), form_data((None, [])))

    assert not RosterPlan.objects.exists()
    assert errors_of(response)


def test_schedule_twice_is_explained(site, database):
    response = site.post(url("roster_rosterplan_add"), form_data((database, []), (database, [])))

    assert not RosterPlan.objects.exists()
    assert "A schedule stands here twice. Plan each once, with all its people." in errors_of(
        response
    )


def test_people_without_the_qualification_are_named(site, database, team):
    database.qualification = Qualification.objects.create(slug="db", name="Databases")
    database.save()

    response = site.post(url("roster_rosterplan_add"), form_data((database, team[:2])))

    assert errors_of(response) == [
        "Without the qualification that Database asks for: Ana, Bo. Leave them out, or grant it "
        "first."
    ]


def test_changing_the_period_forgets_turns_set_by_hand(site, proposal, database, team):
    RosterPlan.objects.update(result=proposal.result | {"edits": [[database.pk, 1]]})
    rotation = proposal.rotations.get()
    data = form_data((database, team), starts_on="2026-04-13") | {
        "rotations-INITIAL_FORMS": "1",
        "rotations-0-id": rotation.pk,
        "rotations-0-plan": proposal.pk,
    }

    site.post(url("roster_rosterplan_change", proposal.pk), data)

    plan = RosterPlan.objects.get()
    assert (plan.state, plan.result) == (State.QUEUED, {})


@pytest.mark.parametrize("state", [State.SOLVING, State.ACCEPTED])
def test_plan_in_use_cannot_be_changed(state, site, proposal):
    RosterPlan.objects.update(state=state)

    assert site.post(url("roster_rosterplan_change", proposal.pk), {}).status_code == 403


# --- Looking -----------------------------------------------------------------------------------


def test_page_shows_the_proposal_beside_today(site, proposal, team):
    board = site.get(url("roster_plan", proposal.pk)).context["board"]

    assert [row.cells[0].today for row in board.rows] == ["Bo", "Cy", "Dee", "Ana", "Bo", "Cy"]
    assert {row.cells[0].person for row in board.rows} == set(team)
    assert board.conflicts == []


def test_page_names_the_holidays_of_a_turn(site, proposal, team):
    team[0].country = "DE"
    team[0].save()

    board = site.get(url("roster_plan", proposal.pk)).context["board"]

    assert board.rows[0].notes == ("Easter Monday, Mon 6 Apr (DE)",)


@pytest.mark.parametrize("count", [1, 3])
def test_page_takes_a_constant_number_of_queries(
    count, site, proposal, team, django_assert_num_queries
):
    for _ in range(count - 1):
        proposal.rotations.create(schedule=make_schedule(*team)).people.set(team)
    site.get(url("roster_plan", proposal.pk))

    with django_assert_num_queries(23):
        site.get(url("roster_plan", proposal.pk))


@pytest.mark.parametrize("count", [1, 3])
def test_list_takes_a_constant_number_of_queries(count, site, database, django_assert_num_queries):
    for _ in range(count):
        make_plan(database)
    site.get(url("roster_rosterplan_changelist"))

    with django_assert_num_queries(9):
        site.get(url("roster_rosterplan_changelist"))


def test_progress_is_told_to_the_script(site, proposal):
    RosterPlan.objects.update(state=State.SOLVING, progress={"seconds": 3})

    answer = site.get(url("roster_plan_progress", proposal.pk)).json()

    assert answer == {"state": "solving", "progress": {"seconds": 3}}


def test_impossible_plan_shows_its_reasons(site, database, team):
    plan = make_plan(
        database, people=team, state=State.IMPOSSIBLE, result={"reasons": ["Everyone is away."]}
    )

    assert b"Everyone is away." in site.get(url("roster_plan", plan.pk)).content


# --- Deciding ----------------------------------------------------------------------------------


def test_accepting_writes_a_layer(site, proposal):
    response = site.post(url("roster_plan_accept", proposal.pk), {}, **FETCH)

    assert response.headers["HX-Redirect"] == url("roster_plan", proposal.pk)
    assert Layer.objects.filter(name="Spring").exists()


def test_accepting_names_conflicts_and_asks_again(site, proposal, team):
    for person in team:
        make_time_off(person, date(2026, 4, 8), date(2026, 4, 9))

    refused = site.post(url("roster_plan_accept", proposal.pk), {}, **FETCH)

    assert refused.status_code == 422
    assert b"is away in the turn from Mon 6 Apr on Database." in refused.content
    assert RosterPlan.objects.get().state == State.PROPOSED

    site.post(url("roster_plan_accept", proposal.pk), {"despite": "on"}, **FETCH)
    assert RosterPlan.objects.get().state == State.ACCEPTED


@pytest.mark.parametrize(
    ("what", "before", "after"),
    [
        ("solve", State.PROPOSED, State.QUEUED),
        ("stop", State.SOLVING, State.PROPOSED),
        ("discard", State.PROPOSED, State.DISCARDED),
        ("undo", State.ACCEPTED, State.PROPOSED),
    ],
)
def test_doing_on_post_only(what, before, after, site, proposal):
    RosterPlan.objects.update(state=before)

    assert site.get(url("roster_plan_do", proposal.pk, what), **FETCH).status_code == 200
    assert RosterPlan.objects.get().state == before

    site.post(url("roster_plan_do", proposal.pk, what), {}, **FETCH)
    assert RosterPlan.objects.get().state == after


@pytest.mark.parametrize(
    "path",
    ["roster_plan_accept", "roster_plan_do", "roster_place"],
)
def test_deciding_needs_the_permission(path, user_with, client, proposal, database):
    client.force_login(user_with("roster.view_rosterplan"))
    more = {"roster_plan_do": ["discard"], "roster_place": [database.pk, 0]}.get(path, [])

    assert client.get(url("roster_plan", proposal.pk)).status_code == 200
    assert client.post(url(path, proposal.pk, *more), {}).status_code == 403


def test_page_needs_the_permission(user_with, client, proposal):
    client.force_login(user_with())

    assert client.get(url("roster_plan", proposal.pk)).status_code == 403


def test_turn_set_by_hand_names_what_it_breaks(site, proposal, database, team):
    first = Result.of(proposal).assigned[str(database.pk)][0]
    second = next(person for person in team if person.pk == first)

    site.post(url("roster_place", proposal.pk, database.pk, 1), {"person": second.pk}, **FETCH)
    board = site.get(url("roster_plan", proposal.pk)).context["board"]

    cell = board.rows[1].cells[0]
    assert (cell.person, cell.is_edited) == (second, True)
    assert any("2 turns in a row" in problem for problem in cell.problems)


def test_turn_that_is_not_there_is_not_found(site, proposal, database):
    assert site.get(url("roster_place", proposal.pk, database.pk, 99)).status_code == 404


# --- Wishes ------------------------------------------------------------------------------------


def test_own_wish_is_entered_for_oneself(user_with, client):
    user = user_with()
    own = make_person(user=user)
    client.force_login(user)

    client.post(
        url("roster_planpreference_add"),
        {"wish": "avoids", "starts_on": "2026-04-06", "ends_on": "2026-04-10", "note": ""},
    )

    assert PlanPreference.objects.get().person == own


def test_wishes_of_others_are_not_seen(user_with, client, team):
    user = user_with()
    make_person(user=user)
    client.force_login(user)
    wish = PlanPreference.objects.create(
        person=team[0], starts_on=date(2026, 4, 6), ends_on=date(2026, 4, 10)
    )

    assert client.get(url("roster_planpreference_changelist")).context["cl"].result_count == 0
    assert client.get(url("roster_planpreference_change", wish.pk)).status_code == 302
