"""Is it alive, is it ready, how far behind is it: `/healthz`, `/readyz` and `/metrics`."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from secrets import compare_digest

from celery import current_app
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Count, Max, Min, Model, TextChoices
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from kombu.exceptions import OperationalError as BrokerError
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from comms.lateness import late_pages, lateness, oldest_due_page, quantile
from comms.models import Message, MessageState, Promise
from incidents import door_counts, spool
from incidents.models import AlertEvent, Announcement, Escalation, Incident, Responder
from roster.leases import Leased
from roster.models import Notice
from roster.sweeps import SweepRun

# On top of its period: sweeps record an idle run every few seconds only, and may be busy for 20.
SWEEP_MAY_BE_LATE_BY = timedelta(seconds=40)
BROKER_ANSWERS_WITHIN_SECONDS = 2
QUEUES: dict[str, type[Leased]] = {
    "alert_events": AlertEvent,
    "announcements": Announcement,
    "escalations": Escalation,
    "messages": Message,
    "notices": Notice,
    "promises": Promise,
    "responders": Responder,
}


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Answer 200 while this process serves requests at all; touches nothing else."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Answer 200 when alerts would be taken in and carried on, else 503 and what is wrong."""
    found = list(problems(timezone.now()))
    return JsonResponse({"ready": not found, "problems": found}, status=503 if found else 200)


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer Prometheus; every process gives the same numbers, for they come from the database.

    Those of intake on this host come from its files, with the database away as well.
    """
    if not _may_read_metrics(request):
        return HttpResponseForbidden(
            "Metrics are read from this machine, or with METRICS_TOKEN as bearer token.\n",
            content_type="text/plain",
        )
    try:
        text = _exposed(HostCollector(database_answers=True), DatabaseCollector(timezone.now()))
    except (DatabaseError, InterfaceError):
        text = _exposed(HostCollector(database_answers=False))
    return HttpResponse(text, content_type=CONTENT_TYPE_LATEST)


def _exposed(*collectors: Collector) -> bytes:
    registry = CollectorRegistry(auto_describe=False)
    for collector in collectors:
        registry.register(collector)
    return generate_latest(registry)


def problems(at: datetime) -> Iterator[str]:
    """Name whatever keeps alerts from being taken in and carried on, a sentence each."""
    if waiting := spool.waiting(settings.SPOOL_DIR):
        events = "1 event waits" if waiting == 1 else f"{waiting} events wait"
        yield f"{events} on this host for the database to come back."
    try:
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
        runs = {} if plan else {run.name: run for run in SweepRun.objects.all()}
    except (DatabaseError, InterfaceError):
        yield "The database does not answer."
        return
    if plan:
        yield f"{len(plan)} migrations are not applied. Run manage.py migrate."
        return
    if not _broker_answers():
        yield "The broker does not answer. Work is found a second later, by the sweeps."
    for name, period in _periods().items():
        run = runs.get(name)
        if run is None:
            yield f"The sweep {name} has never run. Is a worker with beat running?"
        elif at - run.finished_at > period + SWEEP_MAY_BE_LATE_BY:
            age = round((at - run.finished_at).total_seconds())
            yield f"The sweep {name} last ran {age} s ago. Is a worker with beat running?"
        elif run.last_error:
            yield f"The sweep {name} failed. The log of the worker says why."
    if late := late_pages(at=at):
        yield f"{late} Are the workers busy?"


def _broker_answers() -> bool:
    """Ask without waiting long; a broker of files or memory has nobody to ask."""
    try:
        with current_app.connection_for_write(
            connect_timeout=BROKER_ANSWERS_WITHIN_SECONDS
        ) as broker:
            broker.ensure_connection(max_retries=1, timeout=BROKER_ANSWERS_WITHIN_SECONDS)
    except (BrokerError, OSError):
        return False
    return True


def _periods() -> dict[str, timedelta]:
    return {name: timedelta(seconds=seconds) for name, seconds in settings.SWEEPS.items()}


def _may_read_metrics(request: HttpRequest) -> bool:
    """With METRICS_TOKEN its bearer; without, only who connects from this machine itself.

    A reverse proxy on this machine passes on requests of others, and says so in a header.
    """
    if settings.METRICS_TOKEN:
        expected = f"Bearer {settings.METRICS_TOKEN}"
        return compare_digest(request.headers.get("Authorization", "").encode(), expected.encode())
    is_passed_on = "X-Forwarded-For" in request.headers or "Forwarded" in request.headers
    return request.META.get("REMOTE_ADDR") in {"127.0.0.1", "::1"} and not is_passed_on


class HostCollector(Collector):
    """Reads what the web processes of this host keep in files."""

    def __init__(self, *, database_answers: bool) -> None:
        self._database_answers = database_answers

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily(
            "muster_database_answers",
            "1 while the database does; most of the other figures come from it.",
            float(self._database_answers),
        )
        yield GaugeMetricFamily(
            "muster_spooled_events",
            "Events accepted on this host that wait for the database.",
            spool.waiting(settings.SPOOL_DIR),
        )
        yield GaugeMetricFamily(
            "muster_spool_damaged_records",
            "Spooled events of this host that could not be read and wait for a person.",
            spool.damaged(settings.SPOOL_DIR),
        )
        yield CounterMetricFamily(
            "muster_intake_unknown_keys",
            "Messages refused on this host for a key that no integration has.",
            door_counts.unknown_keys(),
        )


class DatabaseCollector(Collector):
    """Reads everything from the database at one moment, in a constant number of queries."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def collect(self) -> Iterator[Metric]:
        yield from self._queues()
        yield from self._sweeps()
        yield from _alert_events()
        yield _messages()
        yield from self._pages()
        yield _incidents()

    def _queues(self) -> Iterator[Metric]:
        due = GaugeMetricFamily("muster_due_rows", "Rows due now.", labels=["queue"])
        age = GaugeMetricFamily(
            "muster_oldest_due_seconds", "How long the oldest has been due.", labels=["queue"]
        )
        for name, model in QUEUES.items():
            found = model._default_manager.filter(due_at__lte=self._at).aggregate(
                rows=Count("pk"), oldest=Min("due_at")
            )
            due.add_metric([name], found["rows"])
            age.add_metric([name], _seconds(found["oldest"] or self._at, self._at))
        yield from (due, age)

    def _pages(self) -> Iterator[Metric]:
        waiting = GaugeMetricFamily(
            "muster_oldest_due_page_seconds", "How long the oldest page that waits has been due."
        )
        waiting.add_metric([], oldest_due_page(at=self._at).total_seconds())
        late = GaugeMetricFamily(
            "muster_page_lateness_seconds",
            "From due to handed over, of the pages of the last hour.",
            labels=["quantile"],
        )
        times = lateness(at=self._at)
        for share in ("0.5", "0.99", "1"):
            late.add_metric([share], quantile(times, float(share)).total_seconds())
        sent = GaugeMetricFamily("muster_pages_sent_last_hour", "Pages handed over in that hour.")
        sent.add_metric([], len(times))
        yield from (waiting, late, sent)

    def _sweeps(self) -> Iterator[Metric]:
        age = GaugeMetricFamily(
            "muster_sweep_age_seconds", "Since the sweep last ran.", labels=["sweep"]
        )
        late = GaugeMetricFamily(
            "muster_sweep_late_seconds", "Over the time it is allowed.", labels=["sweep"]
        )
        handled = CounterMetricFamily(
            "muster_sweep_handled", "Rows the sweep has handled.", labels=["sweep"]
        )
        failing = GaugeMetricFamily(
            "muster_sweep_failing", "1 while its last run failed.", labels=["sweep"]
        )
        periods = _periods()
        for run in SweepRun.objects.order_by("name"):
            seconds = _seconds(run.finished_at, self._at)
            allowed = periods.get(run.name, timedelta()) + SWEEP_MAY_BE_LATE_BY
            age.add_metric([run.name], seconds)
            late.add_metric([run.name], max(0.0, seconds - allowed.total_seconds()))
            handled.add_metric([run.name], run.handled)
            failing.add_metric([run.name], float(bool(run.last_error)))
        yield from (age, late, handled, failing)


def _alert_events() -> Iterator[Metric]:
    """In three look-ups, however many events are kept; the newest key is a count that never falls,
    though a number is left out here and there.
    """
    newest = AlertEvent.objects.aggregate(newest=Max("pk"))["newest"] or 0
    waiting, aside = AlertEvent.objects.waiting().count(), AlertEvent.objects.set_aside().count()
    accepted = CounterMetricFamily("muster_alert_events_accepted", "Events stored and answered.")
    accepted.add_metric([], newest)
    processed = CounterMetricFamily("muster_alert_events_processed", "Events made into alerts.")
    processed.add_metric([], max(0, newest - waiting - aside))
    set_aside = GaugeMetricFamily(
        "muster_alert_events_set_aside", "Events that could not be read and wait for a person."
    )
    set_aside.add_metric([], aside)
    yield from (accepted, processed, set_aside)


def _messages() -> Metric:
    metric = GaugeMetricFamily("muster_messages", "Messages in the outbox.", labels=["state"])
    for state, number in _by_state(Message, MessageState).items():
        metric.add_metric([state], number)
    return metric


def _incidents() -> Metric:
    """Private incidents are left out: not even their number is for everyone's eyes."""
    metric = GaugeMetricFamily(
        "muster_open_incidents", "Incidents not yet closed.", labels=["severity"]
    )
    rows = (
        Incident.objects.open()
        .filter(is_private=False)
        .order_by("severity__rank")
        .values_list("severity__slug")
        .annotate(number=Count("pk"))
    )
    for severity, number in rows:
        metric.add_metric([severity], number)
    return metric


def _by_state(model: type[Model], states: type[TextChoices]) -> dict[str, int]:
    counts = dict(model._default_manager.order_by().values_list("state").annotate(Count("pk")))
    return {state: counts.get(state, 0) for state in states.values}


def _seconds(since: datetime, at: datetime) -> float:
    return max(0.0, (at - since).total_seconds())
