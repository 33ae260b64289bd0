"""Editing a layer: the past stays, who is on call stays, and the order goes on."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

import pytest

from roster import oncall
from roster.actors import Actor
from roster.errors import DomainError
from roster.layer_changes import LayerChange, add_layer, change_layer
from roster.layer_checks import default_turns
from roster.layer_plans import planned_changes, withdraw_planned
from roster.models import Layer, LayerWindow, Person, Schedule, ScheduleWatch
from roster.schedule_changes import change_time_zone
from roster.swaps import arrange
from tests.factories.roster import make_layer, make_person, make_schedule
from tests.factories.swaps import proposal

pytestmark = pytest.mark.django_db

# Turns of the schedules here are weeks from Mondays 09:00 UTC; this is a Wednesday.
NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def people() -> list[Person]:
    return [make_person(slug=slug) for slug in ("ana", "bo", "cy")]


def turns(*people: Person | None) -> list[tuple[int, Person | None]]:
    return list(enumerate(people, start=1))


def who(schedule: Schedule, *moments: datetime) -> str:
    """The people on call at each moment: "ana bo+cy -"."""
    schedule = Schedule.objects.get(pk=schedule.pk)
    return " ".join(
        "+".join(each.person.slug for each in oncall.on_call([schedule], at)[schedule.pk]) or "-"
        for at in moments
    )


def weeks(schedule: Schedule, since: datetime, count: int) -> str:
    return who(schedule, *(since + number * 7 * DAY for number in range(count)))


def past(schedule: Schedule) -> list[tuple[str, datetime, datetime]]:
    schedule = Schedule.objects.get(pk=schedule.pk)
    shifts = oncall.shifts_between(schedule, NOW - timedelta(weeks=8), NOW)
    joined: list[tuple[str, datetime, datetime]] = []
    for each in shifts:
        start, end = each.shift.start.astimezone(UTC), each.shift.end.astimezone(UTC)
        if joined and joined[-1][0] == each.person.slug and joined[-1][2] == start:
            start = joined.pop()[1]
        joined.append((each.person.slug, start, end))
    return joined


# --- Going on from whoever is on call ------------------------------------------------------------


@pytest.mark.parametrize("at_turn", range(4))
@pytest.mark.parametrize(
    "values",
    [
        {"unit": "day"},
        {"length": 2},
        {"starts_on": date(2026, 1, 14)},
        {"starts_on": date(2026, 6, 1), "unit": "day"},
        {"unit": "month", "starts_on": date(2026, 1, 31)},
    ],
)
def test_changed_rotation_goes_on_from_whoever_is_on_call(people, values, at_turn):
    schedule = make_schedule(*people)
    moment = NOW + at_turn * 7 * DAY
    [on_duty] = oncall.on_call([schedule], moment)[schedule.pk]
    before = past(schedule)

    change_layer(schedule.layers.get(), LayerChange(values=values), takes_effect_at=moment, at=NOW)

    following = oncall.shifts_between(schedule, moment, moment + timedelta(days=120))[:4]
    names = [person.slug for person in people]
    first = names.index(on_duty.person.slug)
    assert [each.person.slug for each in following] == [
        names[(first + step) % 3] for step in range(len(following))
    ]
    assert past(schedule) == before


def test_whoever_stands_in_for_the_rest_of_a_turn_does_so_until_the_next_handoff_only(people):
    ana, bo, cy = people
    dee = make_person(slug="dee")
    schedule = make_schedule(ana, bo, cy)
    layer = schedule.layers.get()
    # Cy has this week; without cy the next, ana, takes the rest of it.
    change_layer(layer, LayerChange(participants=turns(ana, bo, dee)), takes_effect_at=NOW)
    assert weeks(schedule, NOW, 3) == "ana bo dee"

    change_layer(layer, LayerChange(values={"unit": "day"}), takes_effect_at=NOW + DAY)

    assert who(schedule, *(NOW + number * DAY for number in range(1, 7))) == "ana bo dee ana bo dee"


def test_new_participants_join_a_changed_rotation_at_once(people):
    ana, bo, cy = people
    schedule = make_schedule(ana, bo)
    layer = schedule.layers.get()
    [on_duty] = oncall.on_call([schedule], NOW)[schedule.pk]
    assert on_duty.person == ana

    change_layer(
        layer,
        LayerChange(values={"unit": "day"}, participants=turns(ana, cy, bo)),
        takes_effect_at=NOW,
    )

    assert who(schedule, *(NOW + number * DAY for number in range(4))) == "ana cy bo ana"


@pytest.mark.parametrize(
    ("handoff", "moment", "since"),
    [
        # Bo has begun at 09:00: ana does not come back until ten.
        ("10:00", "2026-03-09T09:30", "2026-03-09T10:00"),
        # Ana goes on to nine, as she knew, and is not sent home an hour early.
        ("08:00", "2026-03-09T08:30", "2026-03-09T09:00"),
        ("08:00", "2026-03-04T12:00", "2026-03-04T12:00"),
        ("10:00", "2026-03-09T09:00", "2026-03-09T09:00"),
    ],
)
def test_another_handoff_time_takes_over_where_both_agree(people, handoff, moment, since):
    schedule = make_schedule(*people)
    moment = datetime.fromisoformat(f"{moment}+00:00")
    before = past(schedule)

    layer = change_layer(
        schedule.layers.get(),
        LayerChange(values={"handoff_time": time.fromisoformat(handoff)}),
        takes_effect_at=moment,
        at=NOW,
    )

    shifts = oncall.shifts_between(schedule, NOW, NOW + timedelta(days=20))
    assert layer.effective_from == datetime.fromisoformat(f"{since}+00:00")
    joined = [shifts[0].person.slug]
    joined += [b.person.slug for a, b in pairwise(shifts) if a.person != b.person]
    assert joined == ["cy", "ana", "bo", "cy"]
    assert past(schedule) == before


def test_participants_changed_with_the_handoff_time_count_before_and_after_the_takeover(people):
    ana, bo, cy = people
    schedule = make_schedule(ana, bo, cy)
    moment = datetime(2026, 3, 9, 9, 30, tzinfo=UTC)

    change_layer(
        schedule.layers.get(),
        LayerChange(values={"handoff_time": time(10)}, participants=turns(bo, cy)),
        takes_effect_at=moment,
    )

    half_hour = timedelta(minutes=30)
    assert who(schedule, moment - half_hour, moment, moment + half_hour) == "ana bo bo"
    assert weeks(schedule, moment + half_hour, 3) == "bo cy bo"


def test_windows_alone_keep_the_turns(people):
    schedule = make_schedule(*people)
    window = LayerWindow(opens_on=0, opens_at=time(0), closes_on=5, closes_at=time(0))

    change_layer(schedule.layers.get(), LayerChange(windows=[window]), takes_effect_at=NOW)

    assert weeks(schedule, NOW, 3) == "cy ana bo"
    assert who(schedule, NOW + 3 * DAY) == "-"
    assert who(schedule, NOW - 4 * DAY) == "bo"


def test_edit_has_the_coverage_proven(people):
    schedule = make_schedule(*people)

    change_layer(
        schedule.layers.get(),
        LayerChange(participants=turns(*people[:2])),
        takes_effect_at=NOW + 9 * DAY,
        at=NOW,
    )

    assert ScheduleWatch.objects.get(schedule=schedule).due_at == NOW


# --- Planned changes -----------------------------------------------------------------------------


def test_planned_change_is_listed_until_it_takes_effect_and_can_be_withdrawn(people):
    ana, bo, cy = people
    schedule = make_schedule(ana, bo)
    layer = schedule.layers.get()
    moment = NOW + 14 * DAY

    change_layer(
        layer, LayerChange(participants=turns(ana, bo, cy)), takes_effect_at=moment, at=NOW
    )

    [planned] = planned_changes([layer], NOW)
    assert (planned.takes_effect_at, planned.order) == (moment, [["Ana"], ["Bo"], ["Cy"]])
    assert planned_changes([layer], moment) == []
    withdraw_planned(layer, takes_effect_at=moment, at=NOW)
    assert planned_changes([layer], NOW) == []
    assert "cy" not in weeks(schedule, NOW, 8)


def test_withdrawing_a_planned_rotation_lets_the_old_one_go_on(people):
    schedule = make_schedule(*people)
    before = weeks(schedule, NOW, 8)
    layer = schedule.layers.get()
    moment = NOW + 14 * DAY
    change_layer(layer, LayerChange(values={"unit": "day"}), takes_effect_at=moment, at=NOW)
    [planned] = planned_changes([layer], NOW)
    assert planned.is_successor

    withdraw_planned(layer, takes_effect_at=moment, at=NOW)

    assert Layer.objects.count() == 1
    assert weeks(schedule, NOW, 8) == before


def test_what_was_planned_for_later_survives_the_withdrawal_of_a_rotation(people):
    ana, bo, cy = people
    schedule = make_schedule(ana, bo)
    layer = schedule.layers.get()
    first, second = NOW + 14 * DAY, NOW + 28 * DAY
    change_layer(layer, LayerChange(values={"length": 2}), takes_effect_at=first, at=NOW)
    successor = schedule.layers.get(effective_from=first)
    change_layer(
        successor, LayerChange(participants=turns(ana, bo, cy)), takes_effect_at=second, at=NOW
    )

    withdraw_planned(layer, takes_effect_at=first, at=NOW)

    [planned] = planned_changes([layer], NOW)
    assert (planned.takes_effect_at, planned.order) == (second, [["Ana"], ["Bo"], ["Cy"]])


def test_change_in_effect_cannot_be_withdrawn(people):
    ana, bo, cy = people
    layer = make_schedule(ana, bo).layers.get()
    change_layer(layer, LayerChange(participants=turns(ana, cy)), takes_effect_at=NOW)

    with pytest.raises(DomainError) as refused:
        withdraw_planned(layer, takes_effect_at=NOW, at=NOW)

    assert refused.value.code == "in_effect"


def test_change_before_a_planned_one_must_say_that_it_replaces_it(people):
    ana, bo, cy = people
    layer = make_schedule(ana, bo).layers.get()
    later = LayerChange(participants=turns(ana, bo, cy))
    change_layer(layer, later, takes_effect_at=NOW + 14 * DAY, at=NOW)

    with pytest.raises(DomainError) as refused:
        change_layer(layer, LayerChange(participants=turns(ana, cy)), takes_effect_at=NOW)
    assert refused.value.code == "changes_planned"
    assert len(planned_changes([layer], NOW)) == 1

    change_layer(
        layer,
        LayerChange(participants=turns(ana, cy), replaces_planned=True),
        takes_effect_at=NOW,
    )
    assert planned_changes([layer], NOW) == []


def test_edit_of_a_planned_rotation_keeps_the_order_going(people):
    ana, bo, cy = people
    schedule = make_schedule(ana, bo, cy)
    layer = schedule.layers.get()
    monday = datetime(2026, 3, 16, 9, tzinfo=UTC)
    change_layer(layer, LayerChange(values={"length": 2}), takes_effect_at=monday, at=NOW)
    planned = schedule.layers.get(effective_from=monday)

    change_layer(planned, LayerChange(values={"unit": "day", "length": 1}), takes_effect_at=NOW)

    assert who(schedule, *(monday + number * DAY for number in range(4))) == "bo cy ana bo"


# --- Refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (LayerChange(participants=[]), "participants"),
        (LayerChange(values={"effective_until": NOW - DAY}), "effective_until"),
        (LayerChange(values={"effective_until": NOW, "unit": "day"}), "effective_until"),
        (LayerChange(values={"effective_from": NOW + DAY}), "effective_from"),
        (
            LayerChange(
                windows=[
                    LayerWindow(opens_on=0, opens_at=time(9), closes_on=2, closes_at=time(9)),
                    LayerWindow(opens_on=6, opens_at=time(9), closes_on=0, closes_at=time(10)),
                ]
            ),
            "windows",
        ),
    ],
)
def test_unsound_change_is_refused_on_its_field_and_changes_nothing(people, change, field):
    schedule = make_schedule(*people)
    before = weeks(schedule, NOW, 8)

    with pytest.raises(DomainError) as refused:
        change_layer(schedule.layers.get(), change, takes_effect_at=NOW)

    assert list(refused.value.fields) == [field]
    assert (weeks(schedule, NOW, 8), Layer.objects.count()) == (before, 1)


def test_change_in_the_past_is_refused(people):
    layer = make_schedule(*people).layers.get()

    with pytest.raises(DomainError) as refused:
        change_layer(layer, LayerChange(values={"unit": "day"}), takes_effect_at=NOW - DAY, at=NOW)

    assert refused.value.fields == {
        "takes_effect_at": ["This has passed. Who was on call then stays as it was."]
    }


def test_layer_edited_to_begin_earlier_does_not_reach_into_the_past(people):
    schedule = make_schedule()
    layer = make_layer(schedule, *people, starts_on=date(2026, 4, 6))

    change_layer(layer, LayerChange(values={"starts_on": date(2026, 1, 5)}), takes_effect_at=NOW)

    assert who(schedule, NOW - DAY, NOW) == "- cy"


def test_new_layer_does_not_reach_into_the_past(people):
    schedule = make_schedule()
    layer = Layer(schedule=schedule, name="Nights", starts_on=date(2026, 1, 5))

    add_layer(layer, turns(*people), [], at=NOW)

    assert who(schedule, NOW - DAY, NOW) == "- cy"


WEEKDAYS = [(day, time(9), day, time(17)) for day in range(5)]


@pytest.mark.parametrize(
    ("unit", "spans", "turns"),
    [
        ("day", WEEKDAYS, "active_days"),
        ("hour", WEEKDAYS, "active_days"),
        ("week", WEEKDAYS, "elapsed"),
        ("day", [], "elapsed"),
        ("day", [(0, time(9), 4, time(17))], "active_days"),
        ("day", [*WEEKDAYS, (5, time(0), 0, time(0))], "elapsed"),
    ],
)
def test_daily_turns_in_the_hours_of_some_days_count_those_days(unit, spans, turns):
    names = ("opens_on", "opens_at", "closes_on", "closes_at")
    windows = [LayerWindow(**dict(zip(names, span, strict=True))) for span in spans]

    assert default_turns(unit, windows) == turns


def test_agreed_swap_follows_its_shift_through_an_edit_or_is_called_off(people):
    ana, bo, cy = people
    schedule = make_schedule(ana, bo, cy)
    monday = datetime(2026, 3, 9, 9, tzinfo=UTC)
    asked = proposal(schedule, ana, other=bo, despite=True)
    swap = arrange(asked, by=Actor.system("test"), at=NOW)
    layer = schedule.layers.get()

    later = LayerChange(values={"handoff_time": time(10)})
    layer = change_layer(layer, later, takes_effect_at=NOW)
    assert schedule.overrides.get().starts_at == monday + timedelta(hours=1)

    change_layer(layer, LayerChange(participants=turns(bo, cy)), takes_effect_at=NOW + DAY, at=NOW)
    swap.refresh_from_db()
    assert (swap.state, schedule.overrides.count()) == ("cancelled", 0)


# --- The schedule's own zone ---------------------------------------------------------------------


def test_another_zone_moves_handoffs_to_come_and_leaves_the_past(people):
    schedule = make_schedule(*people)
    before = past(schedule)

    change_time_zone(schedule, "America/New_York", at=NOW)

    assert past(schedule) == before
    assert Schedule.objects.get(pk=schedule.pk).time_zone == "America/New_York"
    monday = datetime(2026, 3, 9, 13, tzinfo=UTC)  # 09:00 in New York, since 8 March on UTC-4
    assert who(schedule, NOW, monday - timedelta(minutes=1), monday) == "cy cy ana"


def test_another_zone_leaves_layers_that_are_over_as_they_were(people):
    schedule = make_schedule()
    make_layer(schedule, *people, effective_until=NOW - 14 * DAY)
    before = past(schedule)

    change_time_zone(schedule, "Asia/Tokyo", at=NOW)

    assert past(schedule) == before


def test_another_zone_does_not_let_a_layer_to_come_begin_in_the_past(people):
    schedule = make_schedule()
    make_layer(schedule, *people, starts_on=date(2026, 3, 4), handoff_time=time(14))

    change_time_zone(schedule, "Asia/Tokyo", at=NOW)

    assert who(schedule, NOW - timedelta(minutes=1), NOW) == "- ana"


def test_layer_with_its_own_zone_does_not_follow_the_schedule(people):
    schedule = make_schedule()
    make_layer(schedule, *people, time_zone="Europe/London")

    change_time_zone(schedule, "Asia/Tokyo", at=NOW)

    assert [layer.time_zone for layer in schedule.layers.all()] == ["Europe/London"]
