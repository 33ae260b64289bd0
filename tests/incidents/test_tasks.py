"""The sweeps are wired to their functions, and harmless when nothing is due or run twice."""

import pytest
from django.conf import settings
from django.utils import timezone

from incidents import tasks
from roster.sweeps import SweepRun
from tests.factories.roster import make_person, make_policy
from tests.incidents.paging import Paging, alert

pytestmark = pytest.mark.django_db

TASKS = [
    tasks.process_events,
    tasks.run_escalations,
    tasks.announce_entries,
    tasks.remind_responders,
]


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_task_with_nothing_due_records_its_run(task):
    task()

    run = SweepRun.objects.get()
    assert (run.name, run.handled, run.last_error) == (task.name, 0, "")


def test_each_task_is_in_the_schedule():
    assert {task.name for task in TASKS} <= set(settings.CELERY_BEAT_SCHEDULE)


def test_tasks_run_twice_page_once():
    paging = Paging(make_policy(make_person(slug="ada")), at=timezone.now())
    paging.send(alert())

    for task in [*TASKS, *TASKS]:
        task()

    assert paging.paged() == ["Ada"]
    assert paging.story().count("incident_detected") == 1
