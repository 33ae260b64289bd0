"""Refusals and uses of keys, counted beside the answers."""

from datetime import timedelta

import pytest
from django.db import connection

from incidents import door_counts, intake_keys
from incidents.models import IntakeRefusal, IntegrationKey
from tests.incidents.paging import Paging, alert, webhook

pytestmark = pytest.mark.django_db


@pytest.fixture
def paging(clock, now, settings, tmp_path):
    settings.DATA_DIR = tmp_path
    for kept in (door_counts._refusals, door_counts._used, door_counts._recorded):
        kept.clear()
    intake_keys.forget_all()
    return Paging(None, at=now)


def post(client, key: str, body: bytes):
    return client.post(f"/ingest/{key}/", body, content_type="application/json")


def counted() -> list[tuple[str, int, int]]:
    rows = IntakeRefusal.objects.order_by("hour", "code")
    return list(rows.values_list("code", "status", "count"))


def test_refusals_are_counted_by_hour_and_reason(paging, client, clock):
    for body in (b"<xml/>", b"<xml/>", b"[]"):
        post(client, paging.key, body)
    clock.shift(timedelta(hours=1))
    post(client, paging.key, b"<xml/>")

    door_counts.write()

    assert counted() == [("not_json", 400, 2), ("wrong_shape", 400, 1), ("not_json", 400, 1)]
    assert IntakeRefusal.objects.latest("hour").message.startswith("The body is not JSON.")


def test_counts_add_up_over_writes(paging, client):
    for _ in range(2):
        post(client, paging.key, b"<xml/>")
        door_counts.write()

    assert counted() == [("not_json", 400, 2)]


def test_refusal_of_a_revoked_key_is_its_integrations(paging, client):
    paging.integration.revoke(at=paging.at)

    post(client, paging.key, b"{}")
    door_counts.write()

    assert counted() == [("integration_revoked", 403, 1)]


def test_unknown_key_is_nobodys(paging, client, settings, tmp_path):
    door_counts.write()  # what other tests left
    settings.DATA_DIR = tmp_path
    post(client, "guess", b"{}")

    door_counts.write()

    assert counted() == []
    assert door_counts.unknown_keys() == 1


def test_refusals_cost_no_query_while_the_sender_waits(paging, client, django_assert_num_queries):
    post(client, paging.key, b"<xml/>")

    with django_assert_num_queries(0):
        post(client, paging.key, b"<xml/>")


def test_what_could_not_be_written_is_written_the_next_time(paging, client):
    post(client, paging.key, b"<xml/>")
    with connection.execute_wrapper(_refuse), pytest.raises(RuntimeError):
        door_counts.write()
    post(client, paging.key, b"<xml/>")

    door_counts.write()

    assert counted() == [("not_json", 400, 2)]


def _refuse(*_: object) -> None:
    raise RuntimeError


def test_refused_keys_are_not_written_to_the_log(paging, client, caplog):
    post(client, paging.key, b"<xml/>")
    post(client, "guess", b"{}")

    assert caplog.records == []


def test_codes_of_no_end_are_not_kept_in_memory_without_end(paging, now):
    for number in range(door_counts.REFUSALS_KEPT + 10):
        error = door_counts.IntakeError(f"code-{number}", "No.")
        door_counts.refused(paging.integration.pk, error, at=now)

    assert len(door_counts._refusals) == door_counts.REFUSALS_KEPT


def test_use_of_a_key_is_noted_every_few_minutes(paging, client, clock, now):
    def last_used():
        post(client, paging.key, webhook(alert()))
        door_counts.write()
        return IntegrationKey.objects.get().last_used_at

    assert last_used() == now
    clock.shift(timedelta(minutes=4))
    assert last_used() == now
    clock.shift(timedelta(minutes=2))
    assert last_used() == now + timedelta(minutes=6)
