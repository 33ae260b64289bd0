from datetime import UTC, datetime, timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from roster import shadowing
from roster.errors import DomainError
from roster.models import Person, Schedule, Shadowing
from tests.factories.qualifications import make_shadowing
from tests.factories.roster import make_person, make_schedule

pytestmark = pytest.mark.django_db


def draft(schedule: Schedule, person: Person, **fields: object) -> Shadowing:
    values = {
        "starts_at": datetime(2026, 3, 3, 9, tzinfo=UTC),
        "ends_at": datetime(2026, 3, 4, 9, tzinfo=UTC),
    } | fields
    return Shadowing(schedule=schedule, person=person, **values)


def test_observers_are_those_beside_at_the_moment(
    now: datetime, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    watched, quiet = make_schedule(), make_schedule()
    row = make_shadowing(watched, make_person(), starts_at=now)
    make_shadowing(watched, make_person(), starts_at=now - timedelta(days=1))  # over right now
    make_shadowing(watched, make_person(is_active=False), starts_at=now)

    with django_assert_num_queries(1):
        found = shadowing.observers([watched, quiet], now)

    assert found == {watched.pk: [row], quiet.pk: []}


def test_beside_follows_one_person_or_whoever_is_on_call() -> None:
    schedule, ana, bo = make_schedule(), make_person(), make_person()
    anybody = make_shadowing(schedule, make_person())
    of_ana = make_shadowing(schedule, make_person(), follows=ana)
    herself = make_shadowing(schedule, ana)

    rows = [anybody, of_ana, herself]

    assert shadowing.beside(rows, ana) == [anybody, of_ana]
    assert shadowing.beside(rows, bo) == [anybody, herself]


def test_arrange_enters_it(now: datetime) -> None:
    schedule, learner = make_schedule(make_person()), make_person()

    shadowing.arrange(draft(schedule, learner), at=now)

    assert Shadowing.objects.get().person == learner


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"ends_at": datetime(2026, 3, 3, 9, tzinfo=UTC)}, "ends_before_start", "ends_at"),
        (
            {
                "starts_at": datetime(2026, 3, 1, 9, tzinfo=UTC),
                "ends_at": datetime(2026, 3, 2, 10, tzinfo=UTC),
            },
            "shadowing_over",
            "ends_at",
        ),
        ({"kind": Shadowing.Kind.REVERSE}, "trainee_needed", "follows"),
    ],
)
def test_arrange_refuses_what_makes_no_sense(
    now: datetime, fields: dict[str, object], code: str, field: str
) -> None:
    with pytest.raises(DomainError) as refusal:
        shadowing.arrange(draft(make_schedule(), make_person(), **fields), at=now)

    assert refusal.value.code == code
    assert list(refusal.value.fields) == [field]
    assert not Shadowing.objects.exists()


def test_arrange_refuses_oneself(now: datetime) -> None:
    person = make_person()

    with pytest.raises(DomainError) as refusal:
        shadowing.arrange(draft(make_schedule(), person, follows=person), at=now)

    assert refusal.value.code == "shadows_oneself"


@pytest.mark.parametrize("field", ["person", "follows"])
def test_arrange_refuses_people_who_left(now: datetime, field: str) -> None:
    people = {"person": make_person(), "follows": make_person()}
    people[field] = make_person(is_active=False)

    with pytest.raises(DomainError) as refusal:
        shadowing.arrange(
            draft(make_schedule(), people["person"], follows=people["follows"]), at=now
        )

    assert list(refusal.value.fields) == [field]


def test_arrange_refuses_two_at_once_on_one_schedule(now: datetime) -> None:
    schedule, learner = make_schedule(), make_person()
    first = shadowing.arrange(draft(schedule, learner), at=now)

    with pytest.raises(DomainError) as refusal:
        shadowing.arrange(draft(schedule, learner), at=now)
    shadowing.arrange(draft(make_schedule(), learner), at=now)
    shadowing.arrange(first, at=now)  # itself is no obstacle

    assert refusal.value.code == "shadowing_overlaps"


def test_arrange_refuses_who_is_on_call_there(now: datetime) -> None:
    person = make_person()

    with pytest.raises(DomainError) as refusal:
        shadowing.arrange(draft(make_schedule(person), person), at=now)

    assert refusal.value.code == "on_call_oneself"
