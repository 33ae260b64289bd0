from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import transaction

from incidents.announcements import announce_due
from incidents.models import Announcement, TimelineEntry
from incidents.signals import entry_recorded
from roster.actors import Actor
from roster.models import Team
from tests.factories.incidents import make_incident
from tests.factories.roster import make_team

pytestmark = pytest.mark.django_db

RUTH = Actor(person=None, name="Ruth Adeyemi", via="admin")


class Receiver:
    """Notes what it hears, in a table as real ones do; fails as often as it is told to."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.failures = 0

    def hear(self, *, entry: TimelineEntry, **kwargs: object) -> None:
        with transaction.atomic():
            make_team(slug=f"{self.name}-{entry.pk}-{Team.objects.count()}")
            if self.failures:
                self.failures -= 1
                raise ValueError("not now")

    def heard(self) -> int:
        return Team.objects.filter(slug__startswith=f"{self.name}-").count()


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nobody else listens, whatever apps are installed."""
    monkeypatch.setattr(entry_recorded, "receivers", [])
    entry_recorded.sender_receivers_cache.clear()
    yield
    entry_recorded.sender_receivers_cache.clear()


@pytest.fixture
def steady(only: None) -> Receiver:
    receiver = Receiver("steady")
    entry_recorded.connect(receiver.hear, weak=False)
    return receiver


@pytest.fixture
def shaky(only: None) -> Receiver:
    receiver = Receiver("shaky")
    entry_recorded.connect(receiver.hear, weak=False)
    return receiver


def test_announce_run_twice_delivers_once(steady, now):
    incident = make_incident()
    incident.note("One", by=RUTH, at=now)
    incident.note("Two", by=RUTH, at=now)

    handled = [announce_due(at=now), announce_due(at=now)]

    assert handled == [2, 0]
    assert steady.heard() == 2
    assert not Announcement.objects.exists()


def test_announce_retries_a_receiver_that_fails(steady, shaky, now):
    make_incident().note("One", by=RUTH, at=now)
    shaky.failures = 1

    announce_due(at=now)

    assert (steady.heard(), shaky.heard()) == (1, 0)
    waiting = Announcement.objects.get()
    assert waiting.last_error == "ValueError('not now')"
    assert waiting.due_at is not None
    assert waiting.due_at > now

    announce_due(at=now + timedelta(minutes=1))

    assert shaky.heard() == 1
    assert not Announcement.objects.exists()


def test_announce_failing_for_one_entry_delivers_the_others(shaky, now):
    incident = make_incident()
    incident.note("One", by=RUTH, at=now)
    second = incident.note("Two", by=RUTH, at=now)
    shaky.failures = 1

    announce_due(at=now)

    assert Team.objects.filter(slug__startswith=f"shaky-{second.pk}-").exists()
    assert Announcement.objects.count() == 1


def test_announce_leaves_nothing_when_its_lease_was_lost(steady, now):
    """Another worker took the row while the receivers ran: what they wrote is undone."""

    def lose_the_lease(**kwargs: object) -> None:
        Announcement.objects.update(lease_token="0" * 32)

    make_incident().note("One", by=RUTH, at=now)
    entry_recorded.connect(lose_the_lease)

    announce_due(at=now)

    assert steady.heard() == 0
    assert Announcement.objects.count() == 1


def test_announce_takes_up_what_a_dead_worker_left(steady, now):
    make_incident().note("One", by=RUTH, at=now)
    Announcement.objects.update(lease_token="0" * 32, leased_until=now + timedelta(seconds=30))

    handled = [announce_due(at=now), announce_due(at=now + timedelta(seconds=30))]

    assert handled == [0, 1]
    assert steady.heard() == 1


def test_announce_keeps_to_its_limit(steady, now):
    incident = make_incident()
    for _ in range(3):
        incident.note("Again", by=RUTH, at=now)

    assert announce_due(at=now, limit=2) == 2
    assert Announcement.objects.count() == 1
