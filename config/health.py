"""Is it alive, is it ready, how far behind is it: `/healthz`, `/readyz` and `/metrics`."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from secrets import compare_digest

from celery import current_app
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Count, Min, Model, TextChoices
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

from comms.models import Message, MessageState, Promise
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
    """Answer Prometheus; every process gives the same numbers, for they come from the database."""
    if not _may_read_metrics(request):
        return HttpResponseForbidden(
            "Metrics are read from this machine, or with METRICS_TOKEN as bearer token.\n",
            content_type="text/plain",
        )
    registry = CollectorRegistry()
    registry.register(DatabaseCollector(timezone.now()))
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def problems(at: datetime) -> Iterator[str]:
    """Name whatever keeps alerts from being taken in and carried on, a sentence each."""
    try:
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
        runs = {} if plan else {run.name: run for run in SweepRun.objects.all()}
    except DatabaseError:
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


class DatabaseCollector(Collector):
    """Reads everything from the database at one moment, in a constant number of queries."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def collect(self) -> Iterator[Metric]:
        yield from self._queues()
        yield from self._sweeps()
        yield from _alert_events()
        yield _messages()
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
    states = _by_state(AlertEvent, AlertEvent.State)
    accepted = CounterMetricFamily("muster_alert_events_accepted", "Events stored and answered.")
    accepted.add_metric([], sum(states.values()))
    processed = CounterMetricFamily("muster_alert_events_processed", "Events made into alerts.")
    processed.add_metric([], states[AlertEvent.State.PROCESSED])
    set_aside = GaugeMetricFamily(
        "muster_alert_events_set_aside", "Events that could not be read and wait for a person."
    )
    set_aside.add_metric([], states[AlertEvent.State.SET_ASIDE])
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
