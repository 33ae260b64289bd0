"""Accepting while the database refuses, and afterwards. It really does: it is made read-only."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import InternalError, OperationalError, connection
from django.test import Client

from incidents import acceptance, intake_keys, intake_upkeep, spool
from incidents.acceptance import outage
from incidents.models import AlertEvent, Integration
from tests.factories.roster import make_person, make_policy
from tests.incidents.paging import ADMIN, Paging, alert, webhook

pytestmark = pytest.mark.django_db(transaction=True)

READ_ONLY = {
    "sqlite": "PRAGMA query_only = {}",
    "postgresql": "SET default_transaction_read_only = {}",
}


@pytest.fixture
def paging(now, settings, tmp_path) -> Iterator[Paging]:
    settings.SPOOL_DIR = tmp_path / "spool"
    settings.SPOOL_LIMIT_MB = 1
    acceptance._spool_of.cache_clear()
    intake_keys.forget_all()
    yield Paging(make_policy(make_person(slug="ada")), at=now)
    outage.end()
    acceptance._spool_of.cache_clear()


@contextmanager
def read_only() -> Iterator[None]:
    """A database that refuses to write, as a standby does, or one on a full disk."""

    def switch(to: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(READ_ONLY[connection.vendor].format(to))

    switch("on")
    try:
        yield
    finally:
        switch("off")


def post(key: str, body: bytes | None = None):
    body = webhook(alert()) if body is None else body
    return Client().post(f"/ingest/{key}/", body, content_type="application/json")


def test_event_is_accepted_while_database_refuses_and_stored_once_it_takes_it(paging, settings):
    body = webhook(alert("kept"))
    with read_only():
        assert post(paging.key, body).status_code == 202
        assert outage.is_on
    assert (AlertEvent.objects.count(), spool.waiting(settings.SPOOL_DIR)) == (0, 1)

    assert intake_upkeep.replay() == 1

    event = AlertEvent.objects.get()
    assert (bytes(event.body), event.state, event.integration) == (
        body, "received", paging.integration,
    )  # fmt: skip
    assert event.due_at == event.received_at
    assert not outage.is_on


def test_spooled_event_pages_like_any_other(paging):
    with read_only():
        post(paging.key)
    intake_upkeep.replay()

    paging.at = AlertEvent.objects.get().due_at
    paging.tick()

    assert paging.paged() == ["Ada"]


def test_order_of_receipt_is_kept_over_the_outage(paging):
    bodies = [webhook(alert(str(number))) for number in range(6)]
    post(paging.key, bodies[0])
    with read_only():
        for body in bodies[1:4]:
            post(paging.key, body)
    # The database is back, but nobody has noticed: what comes now goes behind what waits.
    post(paging.key, bodies[4])
    intake_upkeep.replay()
    post(paging.key, bodies[5])

    stored = AlertEvent.objects.order_by("pk").values_list("body", flat=True)
    assert [bytes(body) for body in stored] == bodies
    moments = list(AlertEvent.objects.order_by("pk").values_list("received_at", flat=True))
    assert moments == sorted(moments)


def test_requests_in_an_outage_leave_the_database_alone(paging, django_assert_num_queries):
    with read_only():
        post(paging.key)
        with django_assert_num_queries(0):
            assert post(paging.key).status_code == 202


def test_replay_cut_off_after_storing_stores_nothing_twice(paging, monkeypatch):
    with read_only():
        for number in range(3):
            post(paging.key, webhook(alert(str(number))))
    left = acceptance.spool()
    segment = left._segments[0]
    content = segment.path.read_bytes()
    intake_upkeep.replay()
    # As a process finds it that takes over from one killed before it removed the file.
    segment.path.write_bytes(content)
    segment.path.rename(segment.path.with_name("0-1-000001.spool"))

    intake_upkeep.replay()

    assert AlertEvent.objects.count() == 3


def test_database_that_still_refuses_keeps_the_outage_on(paging):
    with read_only():
        post(paging.key)
        with pytest.raises((OperationalError, InternalError)):
            intake_upkeep.replay()
        assert outage.is_on


def test_full_spool_asks_to_come_again(paging):
    with read_only():
        statuses = [post(paging.key, webhook(alert()).ljust(300_000)).status_code for _ in range(5)]

    assert statuses == [202, 202, 202, 503, 503]
    assert intake_upkeep.replay() == 3


def test_promised_receipt_is_the_spooled_ones(paging):
    with read_only():
        post(paging.key)
    intake_upkeep.replay()

    assert AlertEvent.objects.get().receipt is not None


# --- Keys while the database is away -------------------------------------------------------------


@pytest.fixture
def away(paging) -> Iterator[None]:
    """Taken to be away: nothing is asked of it."""
    outage.begin(OperationalError())
    yield
    outage.end()


def test_key_that_was_read_ahead_works_in_an_outage(paging):
    intake_keys.refresh()
    outage.begin(OperationalError())

    assert post(paging.key).status_code == 202


def test_key_that_nobody_knows_in_an_outage_is_asked_to_come_again(paging, away):
    assert post(paging.key).status_code == 503


def test_key_is_known_for_an_hour_of_outage(paging, monkeypatch):
    intake_keys.refresh()
    outage.begin(OperationalError())
    now = intake_keys.monotonic()

    monkeypatch.setattr(intake_keys, "monotonic", lambda: now + 3599)
    assert post(paging.key).status_code == 202
    monkeypatch.setattr(intake_keys, "monotonic", lambda: now + 3601)
    assert post(paging.key).status_code == 503


def test_revoked_integration_stays_refused_in_an_outage(paging):
    paging.integration.revoke(at=paging.at)
    intake_keys.refresh()
    outage.begin(OperationalError())

    assert post(paging.key).status_code == 403


def test_key_ends_in_an_outage_as_it_would_have(paging, clock):
    paging.integration.rotate_key(by=ADMIN, at=paging.at, overlap=timedelta(minutes=10))
    intake_keys.refresh()
    outage.begin(OperationalError())

    assert post(paging.key).status_code == 202
    clock.shift(timedelta(minutes=11))
    assert post(paging.key).status_code == 403


def test_process_that_starts_in_an_outage_knows_the_keys_of_the_one_before(paging):
    intake_keys.refresh()
    intake_keys.forget_all()
    outage.begin(OperationalError())

    intake_keys.recall()

    assert post(paging.key).status_code == 202


def test_keys_written_down_over_an_hour_ago_are_not_believed(paging, clock):
    intake_keys.refresh()
    intake_keys.forget_all()
    clock.shift(timedelta(minutes=61))
    outage.begin(OperationalError())

    intake_keys.recall()

    assert post(paging.key).status_code == 503


def test_written_keys_give_no_key_away(paging, settings):
    intake_keys.refresh()

    path = settings.SPOOL_DIR / "keys"
    assert paging.key.encode() not in path.read_bytes()
    assert path.stat().st_mode & 0o077 == 0


def test_reading_ahead_forgets_what_is_gone(paging):
    intake_keys.refresh()
    Integration.objects.get(pk=paging.integration.pk).keys.all().delete()

    assert intake_keys.refresh() == 0
    assert post(paging.key).status_code == 401


def test_secret_under_another_secret_key_is_our_fault(paging):
    Integration.objects.filter(pk=paging.integration.pk).update(sealed_secret="gAAAA-not-ours")

    assert post(paging.key).status_code == 503
