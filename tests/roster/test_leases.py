from datetime import datetime, timedelta

import pytest
from django.db import connection, transaction
from django.db.models import QuerySet
from pytest_django import DjangoAssertNumQueries

from comms.models import Message
from roster.leases import BACKOFF_LIMIT, backoff, claim, release, still_mine

LEASE = timedelta(minutes=1)


def make_row(key: str, due_at: datetime | None) -> Message:
    """A leased row of the real kind: a message in the outbox."""
    created_at = datetime.fromisoformat("2026-03-01T00:00Z")
    return Message.objects.create(
        key=key,
        recipient="ana@example.com",
        priority=10,
        due_at=due_at,
        created_at=created_at,
        give_up_at=created_at + timedelta(days=30),
    )


def take(at: datetime, rows: QuerySet[Message] | None = None, limit: int = 10) -> list[Message]:
    queryset = Message.objects.all() if rows is None else rows
    return claim(queryset, at=at, limit=limit, lease_for=LEASE)


@pytest.mark.django_db
def test_claim_takes_due_rows_most_overdue_first(now: datetime) -> None:
    late = make_row("late", now - timedelta(minutes=2))
    later = make_row("later", now - timedelta(minutes=1))
    make_row("not yet", now + timedelta(seconds=1))
    make_row("finished", None)

    assert take(now) == [late, later]


@pytest.mark.django_db
def test_claim_keeps_the_order_it_is_given(now: datetime) -> None:
    second = make_row("b", now - timedelta(minutes=2))
    first = make_row("a", now)

    assert take(now, Message.objects.order_by("key")) == [first, second]


@pytest.mark.django_db
def test_claim_takes_no_more_than_its_limit(now: datetime) -> None:
    for key in ("one", "two", "three"):
        make_row(key, now)

    assert len(take(now, limit=2)) == 2


@pytest.mark.django_db
def test_claim_excludes_rows_under_a_live_lease(now: datetime) -> None:
    make_row("only", now)
    take(now)

    assert take(now + LEASE - timedelta(seconds=1)) == []


@pytest.mark.django_db
def test_claim_takes_over_an_expired_lease(now: datetime) -> None:
    row = make_row("only", now)
    take(now)

    [again] = take(now + LEASE)

    assert (again, again.attempts) == (row, 2)


@pytest.mark.django_db
def test_completion_is_refused_after_another_worker_took_over(now: datetime) -> None:
    make_row("only", now)
    [slow] = take(now)
    [quick] = take(now + LEASE)

    assert still_mine(slow).update(due_at=None) == 0
    assert still_mine(quick).update(due_at=None) == 1


@pytest.mark.django_db
def test_release_lets_go_until_due_again_and_keeps_the_error(now: datetime) -> None:
    make_row("only", now)
    [row] = take(now)

    assert release(row, due_at=now + timedelta(seconds=5), error="no route")

    assert take(now) == []
    [again] = take(now + timedelta(seconds=5))
    assert again.last_error == "no route"


@pytest.mark.django_db
def test_release_is_refused_when_the_row_is_no_longer_ours(now: datetime) -> None:
    make_row("only", now)
    [slow] = take(now)
    take(now + LEASE)

    assert not release(slow, due_at=None)


@pytest.mark.django_db
def test_claim_asks_once_when_nothing_is_due(
    now: datetime, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(1):
        assert take(now) == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(
    not connection.features.has_select_for_update_skip_locked,
    reason="needs PostgreSQL (DATABASE_URL): SQLite admits one writer at a time",
)
def test_claim_skips_rows_that_another_worker_is_taking(now: datetime) -> None:
    locked = make_row("locked", now)
    free = make_row("free", now)
    other = connection.copy()
    try:
        with transaction.atomic(), other.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SELECT 1 FROM comms_message WHERE id = %s FOR UPDATE", [locked.pk])
            assert take(now) == [free]
    finally:
        other.close()


@pytest.mark.parametrize("attempts", [0, 1, 5, 1000])
def test_backoff_stays_within_bounds(attempts: int) -> None:
    assert timedelta(0) < backoff(attempts) <= BACKOFF_LIMIT
