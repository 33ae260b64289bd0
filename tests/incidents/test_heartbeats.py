"""Signs of life, their absence, and the alerts both make, along a clock moved by hand."""

from datetime import datetime, timedelta

import pytest

from incidents import heartbeats, processing, tasks
from incidents.intake import own
from incidents.intake.notification import Ping
from incidents.models import Alert, AlertEvent, Heartbeat, Integration
from roster.actors import Actor
from roster.errors import DomainError
from roster.sweeps import SweepRun
from tests.factories.incidents import make_event, make_heartbeat, make_integration, make_severity

pytestmark = pytest.mark.django_db

ADMIN = Actor(person=None, name="Ada", via="admin")
MINUTE = timedelta(minutes=1)


class Job:
    """One job that pings, Muster that listens, and the time."""

    def __init__(self, at: datetime) -> None:
        make_severity()
        self.at = at
        self.integration: Integration
        self.integration, self.key = make_integration(kind="heartbeat")

    def pings(self, call: str = "backup", body: bytes = b"", *, after: float = 0) -> None:
        """Have a ping come in so many minutes from now, unprocessed."""
        self.at += after * MINUTE
        make_event(self.integration, call=call, body=body, received_at=self.at)

    def tick(self, minutes: float = 0) -> None:
        """Let time pass, sweeping every half minute as if beat did."""
        end = self.at + minutes * MINUTE
        while True:
            self.sweep()
            if self.at >= end:
                return
            self.at = min(self.at + MINUTE / 2, end)

    def sweep(self) -> None:
        self.process()
        while heartbeats.check_due(at=self.at):
            pass
        self.process()

    def process(self) -> None:
        while processing.process_due(at=self.at):
            pass

    @property
    def heartbeat(self) -> Heartbeat:
        return Heartbeat.objects.get()

    def alerts(self) -> list[tuple[str, str]]:
        return list(Alert.objects.order_by("pk").values_list("title", "state"))


@pytest.fixture
def job(now: datetime) -> Job:
    return Job(now)


def test_name_never_heard_of_becomes_a_heartbeat(job):
    job.pings("nightly-backup")
    job.tick()

    made = job.heartbeat
    assert (made.slug, made.name, made.state) == ("nightly-backup", "nightly-backup", "alive")
    assert (made.every_minutes, made.grace_minutes) == (5, 1)
    assert made.last_ping_at == job.at
    assert made.due_at == job.at + 6 * MINUTE


def test_heartbeat_that_keeps_coming_is_no_alarm(job):
    for _ in range(10):
        job.pings()
        job.tick(5.5)

    assert job.alerts() == []
    assert AlertEvent.objects.filter(origin="muster").count() == 0


def test_silence_fires_once_and_the_next_sign_of_life_resolves_it(job):
    job.pings()
    job.tick(20)
    assert job.alerts() == [("Heartbeat backup is missing for 6 min", "firing")]
    assert (job.heartbeat.state, job.heartbeat.due_at) == ("missing", None)

    job.pings()
    job.tick()

    assert job.alerts() == [("Heartbeat backup is missing for 6 min", "resolved")]
    assert (job.heartbeat.state, job.heartbeat.due_at) == ("alive", job.at + 6 * MINUTE)


def test_second_silence_fires_again(job):
    for _ in range(2):
        job.pings()
        job.tick(10)

    assert [state for _, state in job.alerts()] == ["resolved", "firing"]


def test_failure_fires_at_once_with_what_the_job_said(job):
    job.pings("backup/1", b"no space left")
    job.tick()

    alert = Alert.objects.get()
    assert alert.title == "Heartbeat backup: the job failed"
    assert alert.description.endswith("no space left")
    assert job.heartbeat.state == "failed"

    job.pings("backup/0")
    job.tick()
    alert.refresh_from_db()
    assert (alert.state, job.heartbeat.state) == ("resolved", "alive")


def test_job_that_is_silent_and_then_fails_is_one_alert(job):
    job.pings()
    job.tick(10)
    job.pings("backup/fail")
    job.tick()

    assert len(job.alerts()) == 1
    assert job.heartbeat.state == "failed"


def test_alert_goes_where_the_integration_says_at_the_severity_set(job, settings):
    settings.PUBLIC_URL = "https://muster.example.com"
    make_severity(1)
    row = make_heartbeat(job.integration, slug="backup", severity_label="sev1")
    job.pings()
    job.tick(10)

    alert = Alert.objects.get()
    assert alert.service == job.integration.service
    assert alert.incident.severity.slug == "sev1"
    assert alert.labels == {"heartbeat": "backup"}
    assert alert.links == [
        {
            "label": "Heartbeat",
            "url": f"https://muster.example.com/admin/incidents/heartbeat/{row.pk}/change/",
        }
    ]


def test_heartbeat_that_waits_for_its_first_ping_is_no_alarm(job):
    make_heartbeat(job.integration)

    job.tick(60)

    assert job.alerts() == []


def test_heartbeat_watched_from_now_on_is_missed_if_it_never_comes(job):
    row = make_heartbeat(job.integration, name="Backup")
    heartbeats.resume(row, by=ADMIN, at=job.at)

    job.tick(10)

    assert job.alerts() == [("Heartbeat Backup is missing", "firing")]


def test_older_ping_of_a_backlog_says_nothing_about_now(job):
    job.pings("backup/fail")
    failed = AlertEvent.objects.get()
    failed.importance = 2
    failed.save(update_fields=["importance"])
    job.pings(after=1)
    AlertEvent.objects.exclude(pk=failed.pk).update(importance=0)

    job.tick()

    assert (job.heartbeat.state, job.heartbeat.last_ping_at) == ("alive", job.at)


# --- Silence that proves nothing ------------------------------------------------------------------


def test_ping_that_waits_in_a_backlog_is_no_silence(job):
    job.pings()
    job.tick()
    job.pings(after=5)
    job.at += 5 * MINUTE

    heartbeats.check_due(at=job.at)

    assert job.heartbeat.state == "alive"
    job.tick()
    assert job.alerts() == []


def test_backlog_that_does_not_end_hides_silence_for_two_minutes_only(job):
    job.pings()
    job.tick()
    job.pings("other", after=5)
    for _ in range(40):
        job.at += MINUTE / 10
        heartbeats.check_due(at=job.at)

    assert job.heartbeat.state == "missing"


def swept(at: datetime) -> None:
    SweepRun.objects.create(name=heartbeats.SWEEP, started_at=at, finished_at=at)


def test_silence_while_muster_was_away_gives_another_round(job):
    job.pings()
    job.process()
    swept(job.at)
    job.at += 30 * MINUTE

    assert heartbeats.check_due(at=job.at) == 0

    assert job.heartbeat.state == "alive"
    assert job.heartbeat.due_at == job.at + 6 * MINUTE


def test_rare_heartbeat_gets_an_hour_and_not_another_day(job):
    row = make_heartbeat(job.integration, slug="backup", every_minutes=1440)
    job.pings()
    job.process()
    swept(job.at + 1441 * MINUTE)
    job.at += 1445 * MINUTE

    heartbeats.check_due(at=job.at)

    row.refresh_from_db()
    assert row.due_at == job.at + timedelta(hours=1)


def test_heartbeat_due_much_later_keeps_its_time(job):
    row = make_heartbeat(job.integration, slug="backup", every_minutes=1440)
    job.pings()
    job.process()
    row.refresh_from_db()
    before = row.due_at
    swept(job.at)
    job.at += 30 * MINUTE

    heartbeats.check_due(at=job.at)

    row.refresh_from_db()
    assert row.due_at == before


def test_ping_between_claim_and_verdict_wins(job):
    """The sweep has it in hand when its sign of life is counted."""
    job.pings()
    job.process()
    job.at += 10 * MINUTE
    claimed = heartbeats.claim(
        Heartbeat.objects.all(), at=job.at, limit=1, lease_for=heartbeats.LEASE_FOR
    )
    job.pings()
    job.process()

    heartbeats._miss(claimed[0], job.at)

    assert job.heartbeat.state == "alive"
    assert AlertEvent.objects.filter(origin="muster").count() == 0


# --- What a person decides ------------------------------------------------------------------------


def test_paused_heartbeat_is_not_expected_and_its_alert_resolves(job):
    job.pings()
    job.tick(10)

    heartbeats.pause(job.heartbeat, by=ADMIN, at=job.at)
    job.tick(30)

    assert (job.heartbeat.state, job.heartbeat.due_at) == ("paused", None)
    assert [state for _, state in job.alerts()] == ["resolved"]


def test_ping_of_a_paused_heartbeat_is_noted_and_wakes_nothing(job):
    job.pings()
    job.tick()
    heartbeats.pause(job.heartbeat, by=ADMIN, at=job.at)

    job.pings(after=1)
    job.tick(30)

    assert job.heartbeat.state == "paused"
    assert job.heartbeat.last_ping_at is not None
    assert job.alerts() == []


def test_resumed_heartbeat_gets_its_full_time(job):
    row = make_heartbeat(job.integration, state="paused")

    heartbeats.resume(row, by=ADMIN, at=job.at)

    assert (row.state, row.due_at) == ("alive", job.at + 6 * MINUTE)


def test_pausing_twice_and_watching_what_is_watched_are_refused(job):
    row = make_heartbeat(job.integration)
    heartbeats.resume(row, by=ADMIN, at=job.at)
    with pytest.raises(DomainError, match="watched already"):
        heartbeats.resume(row, by=ADMIN, at=job.at)
    heartbeats.pause(row, by=ADMIN, at=job.at)

    with pytest.raises(DomainError, match="paused already"):
        heartbeats.pause(row, by=ADMIN, at=job.at)


def test_changed_times_count_from_the_last_sign_of_life(job):
    job.pings()
    job.tick()
    row = job.heartbeat
    row.every_minutes = 60
    row.save(update_fields=["every_minutes"])

    heartbeats.reschedule(row, at=job.at + MINUTE)

    assert row.due_at == job.at + 61 * MINUTE


def test_removed_heartbeat_takes_its_alert_along(job):
    job.pings()
    job.tick(10)

    heartbeats.remove(job.heartbeat, by=ADMIN, at=job.at)
    job.tick()

    assert not Heartbeat.objects.exists()
    assert [state for _, state in job.alerts()] == ["resolved"]


# --- Bounds ---------------------------------------------------------------------------------------


def test_too_many_names_set_the_event_aside_with_the_reason(job, monkeypatch):
    monkeypatch.setattr(heartbeats, "HEARTBEATS_PER_INTEGRATION", 1)
    job.pings("first")
    job.pings("second")
    job.tick()

    aside = AlertEvent.objects.get(state="set_aside")
    assert aside.call == "second"
    assert "Is a name made up anew for each call?" in aside.set_aside_reason
    assert Heartbeat.objects.get().slug == "first"


@pytest.mark.parametrize(
    ("name", "slug"),
    [("Nightly Backup", "nightly-backup"), ("x" * 300, "x" * 100), ("a_b", "a_b")],
)
def test_name_as_it_stands_in_an_address(name, slug):
    assert heartbeats.slug_of(name) == slug


def test_names_without_letters_of_ascii_are_told_apart():
    assert heartbeats.slug_of("резерв") != heartbeats.slug_of("備份")
    assert heartbeats.slug_of("резерв")


@pytest.mark.parametrize("count", [1, 3])
def test_sign_of_life_costs_the_same_however_many_heartbeats_there_are(
    job, django_assert_num_queries, count
):
    for number in range(count):
        make_heartbeat(job.integration, slug=f"job-{number}")

    with django_assert_num_queries(2):
        heartbeats.take(job.integration, [Ping("job-0")], at=job.at, received_at=job.at)


def test_idle_sweep_asks_twice_and_changes_nothing(job, django_assert_num_queries):
    with django_assert_num_queries(2):
        assert heartbeats.check_due(at=job.at) == 0


def test_own_event_is_read_as_muster_wrote_it(job):
    job.pings()
    job.process()
    job.at += 10 * MINUTE
    heartbeats.check_due(at=job.at)

    event = AlertEvent.objects.get(origin="muster")
    (alert,) = own.read(event.envelope()).alerts

    assert (alert.dedup_key, alert.action) == ("heartbeat:backup", "trigger")


def test_task_runs_the_sweep(job, clock):
    job.pings()
    job.process()
    clock.shift(10 * MINUTE)

    tasks.check_heartbeats()

    assert job.heartbeat.state == "missing"
    assert SweepRun.objects.filter(name="incidents.check_heartbeats").exists()
