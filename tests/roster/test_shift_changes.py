from datetime import UTC, date, datetime, timedelta

import pytest

from roster.layer_changes import LayerChange, change_layer
from roster.models import Layer, Notice, NoticeKind, Override, Person, Schedule, Urgency
from roster.shift_changes import PersonChange, changed_shifts, compared, stretches, told
from tests.factories.roster import make_layer, make_override, make_person, make_schedule

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
MONDAY = datetime(2026, 3, 9, 9, tzinfo=UTC)
WEEK = timedelta(weeks=1)
HOUR = timedelta(hours=1)


@pytest.fixture
def people() -> list[Person]:
    return [make_person(slug=slug) for slug in ("ana", "bo", "cy")]


def put_on_call(schedule: Schedule, person: Person, start: datetime, end: datetime) -> None:
    make_override(schedule, person, starts_at=start, ends_at=end)


def in_words(changes: list[PersonChange]) -> dict[str, tuple[list[str], list[str]]]:
    def lines(spans: tuple[tuple[datetime, datetime], ...]) -> list[str]:
        return [f"{start:%m-%d %H} {end:%m-%d %H}" for start, end in spans]

    return {each.person.slug: (lines(each.before), lines(each.after)) for each in changes}


def test_comparison_names_each_person_whose_shifts_change_and_saves_nothing(people):
    ana, bo, cy = people
    schedule = make_schedule(ana, bo, cy)

    found = compared(
        schedule, lambda: put_on_call(schedule, bo, MONDAY, MONDAY + 6 * HOUR), since=NOW
    )

    assert in_words(found.changes) == {
        "ana": (["03-09 09 03-16 09"], ["03-09 15 03-16 09"]),
        "bo": ([], ["03-09 09 03-09 15"]),
    }
    assert Override.objects.count() == 0


def test_somebody_on_call_at_the_same_times_by_other_turns_has_no_change(people):
    schedule = make_schedule(people[0])
    layer = schedule.layers.get()

    found = compared(
        schedule,
        lambda: change_layer(layer, LayerChange(values={"unit": "day"}), takes_effect_at=NOW),
        since=NOW,
    )

    assert found.changes == []
    assert [row.unit for row in Layer.objects.all()] == ["week"]


def test_change_beyond_eight_weeks_is_none(people):
    ana, bo, cy = people
    schedule = make_schedule(ana, bo, cy)
    far = MONDAY + 9 * WEEK

    found = compared(schedule, lambda: put_on_call(schedule, cy, far, far + HOUR), since=NOW)

    assert found.changes == []


def test_change_of_a_running_shift_shows_the_whole_of_it(people):
    ana, bo, cy = people
    schedule = make_schedule(ana, bo, cy)

    found = compared(schedule, lambda: put_on_call(schedule, ana, NOW, MONDAY), since=NOW)

    assert in_words(found.changes)["cy"] == (["03-02 09 03-09 09"], ["03-02 09 03-04 12"])


def test_everybody_concerned_is_told_but_the_one_who_did_it(people):
    ana, bo, cy = people
    schedule = make_schedule(ana, bo, cy, name="Payments")

    with told(schedule, at=NOW, by=bo, by_name="Bo") as telling:
        put_on_call(schedule, bo, MONDAY, MONDAY + 6 * HOUR)

    [notice] = Notice.objects.all()
    assert (notice.person, notice.kind, notice.urgency) == (
        ana,
        NoticeKind.SHIFTS_CHANGED,
        Urgency.LOW,
    )
    assert notice.data == {
        "schedule": "Payments",
        "schedule_id": schedule.pk,
        "by": "Bo",
        "before": [["2026-03-09T09:00:00+00:00", "2026-03-16T09:00:00+00:00", 1]],
        "after": [["2026-03-09T15:00:00+00:00", "2026-03-16T09:00:00+00:00", 1]],
        "more": 0,
    }
    assert telling.told == [ana]
    assert [each.person for each in telling.changes] == [ana, bo]


def test_whoever_comes_on_call_within_hours_is_told_urgently(people):
    ana, bo, cy = people
    schedule = make_schedule(ana, bo, cy)

    with told(schedule, at=NOW, by=None, by_name="robot"):
        put_on_call(schedule, ana, NOW + HOUR, NOW + 2 * HOUR)

    urgency = dict(Notice.objects.values_list("person__slug", "urgency"))
    assert urgency == {"ana": Urgency.HIGH, "cy": Urgency.LOW}


def test_telling_twice_about_two_changes_at_one_moment_tells_twice(people):
    ana, bo, _ = people
    schedule = make_schedule(ana)

    for number in range(2):
        with told(schedule, at=NOW, by=None, by_name="robot"):
            put_on_call(schedule, bo, NOW + number * HOUR, NOW + (number + 1) * HOUR)

    assert Notice.objects.filter(person=bo).count() == 2


def test_block_that_fails_tells_nobody(people):
    ana, bo, _ = people
    schedule = make_schedule(ana)

    def fail() -> None:
        with told(schedule, at=NOW, by=None, by_name="robot"):
            put_on_call(schedule, bo, NOW, NOW + HOUR)
            raise LookupError

    with pytest.raises(LookupError):
        fail()

    assert (Notice.objects.count(), Override.objects.count()) == (0, 0)


def test_inactive_people_are_not_told(people):
    ana, bo, _ = people
    schedule = make_schedule(ana)
    Person.objects.filter(pk=ana.pk).update(is_active=False)

    with told(schedule, at=NOW, by=None, by_name="robot") as telling:
        put_on_call(schedule, bo, NOW, NOW + HOUR)

    assert telling.told == [bo]


def test_layer_added_beside_is_told_to_its_people(people):
    ana, bo, cy = people
    schedule = make_schedule(ana, time_zone="Europe/Berlin")

    found = compared(
        schedule,
        lambda: make_layer(schedule, bo, cy, position=2, starts_on=date(2026, 3, 16)),
        since=NOW,
    )

    assert sorted(in_words(found.changes)) == ["ana", "bo", "cy"]


def test_comparing_takes_the_same_queries_for_many_shifts(people, django_assert_num_queries):
    schedule = make_schedule(*people, time_zone="UTC")
    Layer.objects.update(unit="hour")
    shifts = []

    with django_assert_num_queries(15):
        found = compared(schedule, lambda: shifts.append(schedule), since=NOW)

    assert found.changes == []
    assert len(found.before) > 1000
    assert changed_shifts(found.before, found.before, NOW, NOW + WEEK) == []


def test_shifts_with_less_than_a_day_between_them_are_one_stretch():
    days = [MONDAY + timedelta(days=number) for number in (0, 1, 3)]

    found = stretches((day, day + 8 * HOUR) for day in days)

    assert [(each.starts_at, each.ends_at, each.parts) for each in found] == [
        (days[0], days[1] + 8 * HOUR, 2),
        (days[2], days[2] + 8 * HOUR, 1),
    ]
