"""Messages in whatever order end as if each had come when what it tells of happened."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from incidents import processing
from incidents.intake import own
from incidents.models import Alert, AlertEvent, Integration
from tests.factories.roster import make_person, make_policy
from tests.incidents.paging import Paging

pytestmark = pytest.mark.django_db

BEGAN = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
NOW = BEGAN + timedelta(minutes=1)
EXAMPLES = settings(
    max_examples=40,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@dataclass(frozen=True)
class Happening:
    """What a monitor saw of one key, so many seconds into the history."""

    second: int
    key: str
    action: str


def histories(*actions: str) -> st.SearchStrategy[list[Happening]]:
    """What happened to two keys, in order."""
    one = st.tuples(st.sampled_from("ab"), st.sampled_from(actions))
    return st.lists(one, min_size=1, max_size=7).map(
        lambda told: [Happening(n, key, action) for n, (key, action) in enumerate(told, start=1)]
    )


def in_order(history: list[Happening]) -> dict[str, tuple[bool, bool]]:
    """Of each key that ever fired: whether it fires at the end, and is acknowledged then."""
    found: dict[str, tuple[bool, bool]] = {}
    for happening in sorted(history, key=lambda each: each.second):
        fires, is_taken = found.get(happening.key, (False, False))
        if happening.action == "trigger":
            found[happening.key] = (True, fires and is_taken)
        elif happening.action == "resolve" and fires:
            found[happening.key] = (False, False)
        elif fires:
            found[happening.key] = (True, True)
    return found


def as_stored() -> dict[str, tuple[bool, bool]]:
    found = {}
    for row in Alert.objects.order_by("pk").select_related("incident"):
        fires = row.state == Alert.State.FIRING
        found[row.dedup_key] = (fires, fires and row.incident.acknowledged_at is not None)
    return found


@contextmanager
def undone() -> Iterator[None]:
    """Each example starts where the others did."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture
def integration() -> Integration:
    paging = Paging(make_policy(make_person()), at=BEGAN)
    paging.integration.flaps_after = 0
    paging.integration.kind = "pagerduty"
    paging.integration.save()
    return paging.integration


def accept(integration: Integration, told: Happening, *, position: int, is_dated: bool) -> None:
    """Have the message about it waiting, to be taken at this position."""
    moment = BEGAN + timedelta(seconds=told.second)
    arrival = BEGAN + timedelta(seconds=10 + position)
    times = {"ended_at" if told.action == "resolve" else "started_at": moment}
    alert = own.OwnAlert(told.key, told.action, title=told.key, **(times if is_dated else {}))
    AlertEvent.objects.create(
        integration=integration,
        origin=AlertEvent.Origin.MUSTER,
        received_at=arrival if is_dated else moment,
        due_at=BEGAN,
        importance=position,
        body=own.body_of(alert),
    )


def process(batch: int) -> None:
    while processing.process_due(at=NOW, limit=batch):
        pass
    assert not AlertEvent.objects.exclude(state="processed").exists()


@given(
    history=histories("trigger", "acknowledge", "resolve"),
    shuffled=st.randoms(use_true_random=False),
    batch=st.integers(1, 7),
)
@EXAMPLES
def test_messages_taken_in_any_order_end_as_they_came_in(integration, history, shuffled, batch):
    """Several workers, and importance before arrival, take what came in order out of order."""
    told = list(history)
    shuffled.shuffle(told)
    with undone():
        for position, happening in enumerate(told):
            accept(integration, happening, position=position, is_dated=False)
        process(batch)

        assert as_stored() == in_order(history)


@given(
    history=histories("trigger", "resolve"),
    shuffled=st.randoms(use_true_random=False),
    batch=st.integers(1, 14),
)
@EXAMPLES
def test_dated_messages_twice_and_in_any_order_end_as_it_happened(
    integration, history, shuffled, batch
):
    """Networks, queues and a second monitor deliver late, in another order, and again."""
    told = history * 2
    shuffled.shuffle(told)
    with undone():
        for position, happening in enumerate(told):
            accept(integration, happening, position=position, is_dated=True)
        process(batch)

        assert as_stored() == in_order(history)
        counts = sum(Alert.objects.values_list("count", flat=True))
        assert counts == 2 * sum(each.action == "trigger" for each in history)
