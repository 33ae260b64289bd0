"""What the health addresses say, to whom, and what it costs them."""

from datetime import datetime, timedelta

import pytest
from django.conf import settings as django_settings
from django.db import DatabaseError
from prometheus_client.parser import text_string_to_metric_families

from config import health
from incidents import door_counts
from incidents.models import AlertEvent
from incidents.spool import Spool
from roster.sweeps import SweepRun
from tests.factories.comms import make_message
from tests.factories.incidents import make_event, make_incident, make_severity
from tests.incidents.test_spool import arrival

pytestmark = pytest.mark.django_db


@pytest.fixture
def sweeps_ran(clock, now: datetime) -> None:
    for name in django_settings.SWEEPS:
        SweepRun.objects.create(name=name, started_at=now, finished_at=now)


def scraped(client, **headers: str) -> dict[tuple[str, str], float]:
    """Every sample by its name and the value of its one label."""
    text = client.get("/metrics", headers=headers).content.decode()
    return {
        (sample.name, "".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.mark.django_db(databases=[])
def test_healthz_touches_nothing(client):
    answer = client.get("/healthz")

    assert (answer.status_code, answer.content) == (200, b"ok\n")


def test_readyz_is_ready_when_every_sweep_ran(client, sweeps_ran):
    answer = client.get("/readyz")

    assert (answer.status_code, answer.json()) == (200, {"ready": True, "problems": []})


def test_readyz_names_a_sweep_that_never_ran(client, sweeps_ran):
    SweepRun.objects.filter(name="comms.send_email").delete()

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["problems"] == [
        "The sweep comms.send_email has never run. Is a worker with beat running?"
    ]


def test_readyz_names_a_late_sweep(client, sweeps_ran, now):
    SweepRun.objects.filter(name="comms.send_email").update(finished_at=now - timedelta(minutes=2))

    assert client.get("/readyz").json() == {
        "ready": False,
        "problems": [
            "The sweep comms.send_email last ran 120 s ago. Is a worker with beat running?"
        ],
    }


def test_readyz_names_a_failing_sweep_without_its_error(client, sweeps_ran):
    SweepRun.objects.filter(name="comms.send_email").update(last_error="secret detail")

    assert client.get("/readyz").json()["problems"] == [
        "The sweep comms.send_email failed. The log of the worker says why."
    ]


def test_readyz_names_missing_migrations(client, sweeps_ran, settings):
    settings.MIGRATION_MODULES = {}  # the tables of the tests are made without them

    [problem] = client.get("/readyz").json()["problems"]

    assert problem.endswith("migrations are not applied. Run manage.py migrate.")


def test_readyz_names_a_database_that_is_away(client, monkeypatch):
    def fail(*args: object) -> None:
        raise DatabaseError

    monkeypatch.setattr("config.health.MigrationExecutor", fail)

    assert client.get("/readyz").json()["problems"] == ["The database does not answer."]


def test_readyz_names_a_broker_that_is_away(client, sweeps_ran, settings, monkeypatch):
    from celery import Celery  # noqa: PLC0415 (an application that listens to nobody)

    away = Celery("away", broker="redis://127.0.0.1:1/0", set_as_current=False)
    monkeypatch.setattr("config.health.current_app", away)

    assert client.get("/readyz").json()["problems"] == [
        "The broker does not answer. Work is found a second later, by the sweeps."
    ]


def test_metrics_count_what_is_due(client, clock, now):
    make_event(due_at=now - timedelta(seconds=90))
    make_event(due_at=now + timedelta(seconds=90))

    samples = scraped(client)

    assert samples["muster_due_rows", "alert_events"] == 1
    assert samples["muster_oldest_due_seconds", "alert_events"] == 90
    assert samples["muster_due_rows", "messages"] == 0
    assert samples["muster_due_rows", "notices"] == 0
    assert samples["muster_oldest_due_seconds", "messages"] == 0


def test_metrics_count_events_and_messages_by_state(client, now):
    make_event()
    make_event(state=AlertEvent.State.PROCESSED, due_at=None, processed_at=now)
    make_event(state=AlertEvent.State.SET_ASIDE, due_at=None, set_aside_reason="Not JSON.")
    make_message(state="dead", created_at=now, due_at=None)

    samples = scraped(client)

    newest = AlertEvent.objects.latest("pk").pk
    assert samples["muster_alert_events_accepted_total", ""] == newest
    assert samples["muster_alert_events_processed_total", ""] == newest - 2
    assert samples["muster_alert_events_set_aside", ""] == 1
    assert samples["muster_messages", "dead"] == 1
    assert samples["muster_messages", "queued"] == 0


def test_metrics_tell_how_late_sweeps_are(client, clock, now):
    SweepRun.objects.create(
        name="comms.send_email",
        started_at=now,
        finished_at=now - timedelta(seconds=100),
        handled=7,
        last_error="Refused",
    )

    samples = scraped(client)

    assert samples["muster_sweep_age_seconds", "comms.send_email"] == 100
    assert samples["muster_sweep_late_seconds", "comms.send_email"] == 59
    assert samples["muster_sweep_handled_total", "comms.send_email"] == 7
    assert samples["muster_sweep_failing", "comms.send_email"] == 1


def test_metrics_count_open_incidents_but_no_private_ones(client):
    severity = make_severity(1, slug="sev1")
    make_incident(severity=severity)
    make_incident(severity=severity, is_private=True)

    assert scraped(client)["muster_open_incidents", "sev1"] == 1


@pytest.mark.parametrize("rows", [1, 3])
def test_metrics_take_a_constant_number_of_queries(client, rows, now, django_assert_num_queries):
    for number in range(rows):
        make_event()
        make_message(created_at=now)
        make_incident(severity=make_severity(number + 1))

    with django_assert_num_queries(len(health.QUEUES) + 8):
        client.get("/metrics")


@pytest.mark.parametrize(
    ("environ", "status"),
    [
        ({}, 200),
        ({"REMOTE_ADDR": "::1"}, 200),
        ({"REMOTE_ADDR": "10.0.0.9"}, 403),
        ({"HTTP_X_FORWARDED_FOR": "10.0.0.9"}, 403),
        ({"HTTP_FORWARDED": "for=10.0.0.9"}, 403),
    ],
)
def test_metrics_without_a_token_are_for_this_machine(client, environ, status):
    assert client.get("/metrics", **environ).status_code == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [({}, 403), ({"authorization": "Bearer no"}, 403), ({"authorization": "Bearer t0k3n"}, 200)],
)
def test_metrics_with_a_token_want_it_from_everyone(client, settings, headers, status):
    settings.METRICS_TOKEN = "t0k3n"

    assert client.get("/metrics", headers=headers).status_code == status


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_health_addresses_are_only_read(client, path):
    assert client.post(path).status_code == 405


# --- Intake's files on this host ------------------------------------------------------------------


@pytest.fixture
def spooled(settings, tmp_path):
    """Two events wait, and one that could not be read was kept."""
    settings.SPOOL_DIR = tmp_path
    own = Spool(tmp_path, limit_bytes=10**6)
    for _ in range(2):
        own.append(arrival())
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "one.record").write_bytes(b"?")
    return own


def test_readyz_names_what_waits_in_the_spool(client, sweeps_ran, spooled):
    assert client.get("/readyz").json()["problems"] == [
        "2 events wait on this host for the database to come back."
    ]


def test_metrics_count_what_waits_in_the_spool(client, spooled):
    samples = scraped(client)

    assert samples["muster_spooled_events", ""] == 2
    assert samples["muster_spool_damaged_records", ""] == 1
    assert samples["muster_database_answers", ""] == 1


def test_metrics_of_this_host_are_told_with_the_database_away(client, spooled, monkeypatch):
    def fail(*args: object) -> None:
        raise DatabaseError

    monkeypatch.setattr("config.health.DatabaseCollector.collect", fail)

    samples = scraped(client)

    assert samples == {
        ("muster_database_answers", ""): 0,
        ("muster_spooled_events", ""): 2,
        ("muster_spool_damaged_records", ""): 1,
        ("muster_intake_unknown_keys_total", ""): samples["muster_intake_unknown_keys_total", ""],
    }


def test_metrics_count_messages_with_unknown_keys(client, settings, tmp_path):
    door_counts.write()  # what other tests left
    settings.DATA_DIR = tmp_path
    for _ in range(3):
        client.post("/ingest/guess/", "{}", content_type="application/json")

    door_counts.write()

    assert scraped(client)["muster_intake_unknown_keys_total", ""] == 3
