"""Many threads at once, on the databases that production uses."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections
from django.test import RequestFactory
from django.utils import timezone

from incidents import intake_keys
from incidents.alert_watch import look_again
from incidents.batch.places import SYSTEM
from incidents.escalation import acknowledge_page, run_due
from incidents.ingest_views import ingest
from incidents.models import Alert, AlertEvent, Escalation, Incident, Integration, Page
from incidents.processing import process_due
from roster.actors import Actor
from roster.errors import DomainError
from tests.factories.incidents import make_routing_rule
from tests.factories.roster import make_person, make_policy, make_target
from tests.incidents.paging import Paging, alert, webhook

pytestmark = pytest.mark.slow


@pytest.fixture
def shared_database(transactional_db: None, tmp_path: Path) -> Iterator[None]:
    """A database that threads share as processes do: on SQLite a file, since memory is no match.

    The test database is copied with its tables, and put back afterwards.
    """
    intake_keys.forget_all()
    if connection.vendor != "sqlite":
        yield
        return
    connection.ensure_connection()
    memory, options = connection.connection, connections.settings["default"]
    path, name = tmp_path / "muster.sqlite3", options["NAME"]
    with closing(sqlite3.connect(path)) as copy:
        memory.backup(copy)
    connection.connection, options["NAME"] = None, str(path)
    connection.settings_dict["NAME"] = str(path)
    yield
    connection.close()
    options["NAME"] = connection.settings_dict["NAME"] = name
    connection.connection = memory
    vars(connection)["_queue"] = None  # of config.sqlite: writers of a file queue beside it


def in_threads(*jobs: Any, workers: int = 16) -> list[Any]:
    """Run the jobs side by side, each with a connection of its own; answer their results."""

    def run(job: Any) -> Any:
        try:
            return job()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(workers) as pool:
        futures: list[Future[Any]] = [pool.submit(run, job) for job in jobs]
        return [future.result() for future in futures]


def sweep_until_idle() -> None:
    """What a worker does, for as long as there is something waiting."""
    while AlertEvent.objects.waiting().exists() or Escalation.objects.running().filter(
        due_at__lte=timezone.now()
    ):
        process_due(at=timezone.now())
        run_due(at=timezone.now())


@pytest.fixture
def paging(shared_database):
    policy = make_policy(make_person(slug="ada"))
    make_target(policy.steps.get(), make_person(slug="ben"))
    return Paging(policy, at=timezone.now())


def test_same_payload_50_times_at_once_makes_one_alert_one_incident_one_page_each(paging):
    def post() -> int:
        request = RequestFactory().post("/", webhook(alert()), content_type="application/json")
        return ingest(request, paging.key).status_code

    statuses = in_threads(*[post] * 50)
    in_threads(*[sweep_until_idle] * 4)

    assert statuses == [202] * 50
    assert Alert.objects.get().count == 50
    assert Incident.objects.count() == 1
    assert sorted(paging.paged()) == ["Ada", "Ben"]


def test_posting_and_processing_at_once_loses_and_doubles_nothing(paging):
    def post(number: int) -> int:
        body = webhook(alert(f"key {number % 10}"), group=f"group {number % 5}")
        request = RequestFactory().post("/", body, content_type="application/json")
        return ingest(request, paging.key).status_code

    posts = [lambda number=number: post(number) for number in range(60)]
    statuses = in_threads(*posts[:30], *[sweep_until_idle] * 3, *posts[30:], workers=8)
    in_threads(sweep_until_idle, sweep_until_idle)

    assert set(statuses) == {202, None}
    assert sum(Alert.objects.values_list("count", flat=True)) == 60
    assert (Alert.objects.count(), Incident.objects.count()) == (10, 5)
    assert Page.objects.count() == 10


def test_two_people_acknowledge_at_once_and_one_of_them_has_it(paging):
    paging.fire()

    def acknowledge(page: Page) -> str:
        by = Actor.of_person(page.person)
        try:
            acknowledge_page(page, by=by, at=timezone.now(), via="link")
        except DomainError as error:
            return error.code
        return "taken"

    pages = list(Page.objects.select_related("person"))
    answers = in_threads(*[lambda page=page: acknowledge(page) for page in pages])

    assert sorted(answers) == ["page_over", "taken"]
    assert sorted(Page.objects.values_list("state", flat=True)) == ["acknowledged", "stopped"]


def test_two_workers_and_200_due_escalations_page_nobody_twice(paging):
    for number in range(200):
        paging.send(alert(f"key {number}"), group=f"group {number}")

    in_threads(*[sweep_until_idle] * 2)

    assert Incident.objects.count() == 200
    assert Page.objects.count() == 400
    assert Page.objects.values("incident", "person").distinct().count() == 400


def test_workers_who_look_at_held_alerts_at_once_open_each_incident_once(paging):
    make_routing_rule(hold_minutes=1)
    for number in range(60):
        paging.send(alert(f"key {number}"), group=f"group {number // 2}")
    sweep_until_idle()
    assert not Incident.objects.exists()
    later = timezone.now() + timedelta(minutes=2)

    looks = in_threads(*[lambda: look_again(at=later)] * 4)

    assert sum(looks) >= 60
    assert Incident.objects.count() == Escalation.objects.count() == 30
    assert Alert.objects.filter(incident__isnull=False, look_again_at__isnull=True).count() == 60


def test_ends_and_new_alerts_of_one_group_at_once_leave_nobody_unpaged(paging):
    """An incident whose last alert ends takes in no alert that another integration brings."""
    other, _ = Integration.issue(
        slug="other", name="Other", service=paging.service, by=SYSTEM, at=timezone.now()
    )
    paging.fire("old")
    for number in range(20):
        paging.send(alert("old", status="resolved" if number % 2 else "firing"))
        AlertEvent.objects.create(
            integration=other,
            received_at=timezone.now(),
            due_at=timezone.now(),
            body=webhook(alert(f"new {number}")),
        )

    in_threads(*[sweep_until_idle] * 4)

    for row in Alert.objects.firing().select_related("incident"):
        assert row.incident.is_live
    assert not AlertEvent.objects.exclude(state="processed").exists()
