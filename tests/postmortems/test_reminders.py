from datetime import date, datetime, timedelta

import pytest

from comms.models import Message
from postmortems.reminders import remind_due
from postmortems.tasks import remind_owners
from roster.sweeps import SweepRun
from tests.factories.postmortems import make_action_item, make_postmortem
from tests.factories.roster import make_person

TODAY = date(2026, 3, 2)


@pytest.mark.parametrize(
    ("due_on", "words"),
    [
        (date(2026, 3, 5), "is due in 3 days"),
        (date(2026, 3, 3), "is due in 1 day"),
        (TODAY, "is due today"),
        (date(2026, 2, 27), "is 3 days overdue"),
    ],
)
def test_owner_is_reminded_before_and_after_the_day(
    db: None, now: datetime, due_on: date, words: str
) -> None:
    item = make_action_item(title="Alert sooner", owner=make_person(), due_on=due_on)

    remind_due(at=now)

    subject = f"{item.incident.reference} {item.reference} {words}: Alert sooner"
    assert [message.subject for message in Message.objects.all()] == [subject]


def test_nobody_is_reminded_too_early_or_when_done(db: None, now: datetime) -> None:
    owner = make_person()
    make_action_item(owner=owner, due_on=TODAY + timedelta(days=4))
    make_action_item(owner=owner, due_on=TODAY, state="done")
    make_postmortem(owner=owner, due_on=TODAY, state="published")

    assert remind_due(at=now) == 0


def test_reminding_twice_tells_nobody_twice(db: None, now: datetime) -> None:
    make_postmortem(due_on=TODAY)

    assert [remind_due(at=now), remind_due(at=now)] == [1, 0]
    assert Message.objects.count() == 1


def test_reminder_comes_again_after_three_days(db: None, now: datetime) -> None:
    make_postmortem(due_on=TODAY)
    remind_due(at=now)

    later = [remind_due(at=now + timedelta(days=days)) for days in (1, 2, 3)]

    assert later == [0, 0, 1]


def test_reminder_waits_for_the_owners_morning(db: None, now: datetime) -> None:
    owner = make_person(time_zone="America/Los_Angeles")  # two o'clock at night
    make_action_item(owner=owner, due_on=TODAY)

    remind_due(at=now)

    assert Message.objects.get().due_at == now.replace(hour=17)


def test_item_without_owner_reminds_nobody(db: None, now: datetime) -> None:
    make_action_item(due_on=TODAY)

    assert remind_due(at=now) == 1
    assert not Message.objects.exists()


def test_sweep_records_its_run(db: None) -> None:
    remind_owners()

    assert SweepRun.objects.get().name == "postmortems.remind_owners"
