from datetime import datetime, timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from roster.models import DutyRecord, Qualification
from roster.replacements import replacements
from tests.factories.roster import make_override, make_person, make_schedule
from tests.factories.swaps import HANDOFF, WEEK, make_time_off
from tests.roster.swapping import make_rotation

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def test_replacements_are_people_of_the_rotation_who_are_free(now: datetime) -> None:
    rotation = make_rotation(rest_hours=0)
    make_person()

    assert replacements(rotation.schedule, HANDOFF, HANDOFF + DAY) == [rotation.bo, rotation.cy]

    make_time_off(rotation.bo, HANDOFF, HANDOFF + DAY)
    assert replacements(rotation.schedule, HANDOFF, HANDOFF + DAY) == [rotation.cy]

    make_override(make_schedule(), rotation.cy, starts_at=HANDOFF, ends_at=HANDOFF + DAY)
    assert replacements(rotation.schedule, HANDOFF, HANDOFF + DAY) == []


def test_replacements_name_the_least_burdened_first(now: datetime) -> None:
    rotation = make_rotation(rest_hours=0)
    DutyRecord.objects.create(
        schedule=rotation.schedule, person=rotation.bo, starts_at=now - WEEK, ends_at=now
    )

    found = replacements(rotation.schedule, HANDOFF, HANDOFF + DAY, at=now)

    assert found == [rotation.cy, rotation.bo]


def test_replacements_are_trained(now: datetime) -> None:
    rotation = make_rotation(
        rest_hours=0, qualification=Qualification.objects.create(slug="q", name="Q")
    )

    assert replacements(rotation.schedule, HANDOFF, HANDOFF + DAY) == []


@pytest.mark.parametrize("others", [2, 5])
def test_replacements_need_a_constant_number_of_queries(
    others: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    schedule = make_schedule(*(make_person() for _ in range(others)), rest_hours=0)

    with django_assert_num_queries(12):
        replacements(schedule, HANDOFF, HANDOFF + DAY)
