"""PAGING-RULES, Guarantees, where they ask for several workers or for one that dies."""

from collections import Counter
from datetime import timedelta
from threading import Lock

import pytest
from django.utils import timezone

from comms import outbox
from comms.models import Message, MessageState
from comms.outbox import sending
from comms.outbox.sending import CHANNELS
from incidents.announcements import announce_due
from incidents.escalation import run_due, start_escalations
from incidents.models import Announcement, Escalation, Page
from roster.actors import Actor
from tests.factories.incidents import make_incident, make_service
from tests.factories.roster import make_person, make_policy, make_target
from tests.incidents.test_concurrency import in_threads, shared_database
from tests.paging.harness import policy_of, somebody
from tests.paging.providers import Channel, Providers

__all__ = ["shared_database"]


class Counting(Providers):
    """Counts what it is handed, whichever worker hands it over."""

    def __init__(self) -> None:
        super().__init__(clock=timezone.now)
        self.lock, self.handed = Lock(), Counter[str]()

    def take(self, message: Message) -> str:
        with self.lock:
            self.handed[message.key] += 1
        return "Taken."


@pytest.fixture
def counted(monkeypatch):
    providers = Counting()
    for channel in list(CHANNELS):
        monkeypatch.setitem(CHANNELS, channel, Channel(providers))
    return providers


def work_until_idle() -> None:
    """What a worker does for as long as there is anything due."""
    while True:
        at = timezone.now()
        found = run_due(at=at) + announce_due(at=at) + outbox.send_due(at=at)
        if not (found or _is_due()):
            return


def _is_due() -> bool:
    at = timezone.now()
    return any(
        rows.filter(due_at__lte=at).exists()
        for rows in (
            Escalation.objects.running(),
            Announcement.objects.all(),
            Message.objects.all(),
        )
    )


@pytest.mark.slow
def test_two_workers_and_1000_due_pages_send_no_duplicate(shared_database, counted):
    """Five hundred incidents, two people each; every page is handed over, and none twice."""
    policy = make_policy(make_person(slug="ada"))
    make_target(policy.steps.get(), make_person(slug="ben"))
    service = make_service(policy=policy)
    incidents = [make_incident(services=[service]) for _ in range(500)]
    start_escalations(incidents, by=Actor.system("test"), at=timezone.now())

    in_threads(work_until_idle, work_until_idle)

    assert Page.objects.count() == 1000
    assert Page.objects.values("incident", "person").distinct().count() == 1000
    assert max(counted.handed.values()) == 1
    pages = Message.objects.filter(page__isnull=False)
    said = [MessageState.SENT, MessageState.BUNDLED]
    assert pages.filter(state__in=said).count() == 1000
    assert not Message.objects.filter(possibly_sent_twice=True).exists()


@pytest.mark.django_db
@pytest.mark.parametrize("point", ["_claim", "_prepare", "_attempt", "_record"])
@pytest.mark.parametrize("is_after", [False, True])
def test_kill_at_each_point_of_a_send_loses_nothing(drill, ada, monkeypatch, point, is_after):
    """The worker dies there; another comes when its lease is over, and uses the same key."""
    paging = drill(policy_of(ada))
    original = getattr(sending, point)

    def die(*args, **kwargs):
        if is_after:
            original(*args, **kwargs)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(sending, point, die)
        with pytest.raises(KeyboardInterrupt):
            paging.fire()
    was_taken = [each.key for each in paging.expect_many()]

    paging.at += sending.LEASE_FOR + timedelta(seconds=1)
    paging.settle()

    sent = was_taken + [each.key for each in paging.expect_many()]
    assert set(sent) == {Message.objects.get().key}
    assert Message.objects.get().state == MessageState.SENT
    is_in_doubt = Message.objects.get().possibly_sent_twice
    assert is_in_doubt or len(sent) == 1


@pytest.mark.django_db
def test_nobody_on_call_never_loses_an_incident(drill):
    paging = drill(policy_of())

    paging.fire()

    assert paging.incident.is_live
    assert paging.escalation.state == "exhausted"


@pytest.mark.django_db
def test_every_due_page_is_attempted_after_a_long_outage_of_the_provider(drill):
    ada = somebody("Ada", ("push", 0))
    paging = drill(policy_of(ada))
    paging.providers.down.add("push")
    paging.fire()
    paging.tick(minutes=60 * 3)
    paging.providers.down.clear()

    paging.tick(minutes=11)

    paging.expect("Ada", "push")
