"""The sweeps of this app, as the table SWEEPS of the settings runs them."""

from datetime import datetime

from celery import shared_task
from django.utils import timezone

from roster import (
    calendar_import,
    confidence,
    coverage,
    duty,
    handoffs,
    notices,
    page_tests,
    reminders,
    swaps,
)
from roster.planning import solving
from roster.sweeps import run_sweep, still_running


@shared_task(name="roster.deliver_notices")
def deliver_notices() -> None:
    """Every five seconds, and whenever somebody is to be told. A missed run delays notices."""
    run_sweep("roster.deliver_notices", lambda at: notices.deliver_due(at=at))


@shared_task(name="roster.record_duty")
def record_duty() -> None:
    """Every half minute. A missed run costs nothing but lateness: the next one catches up."""
    run_sweep("roster.record_duty", lambda at: duty.record_due(at=at))


@shared_task(name="roster.prove_coverage")
def prove_coverage() -> None:
    """Every ten seconds, and after every change. A missed run delays what is found by that long."""
    run_sweep("roster.prove_coverage", lambda at: coverage.prove_due(at=at))


@shared_task(name="roster.lapse_swaps")
def lapse_swaps() -> None:
    """Every minute. A missed run leaves an offer standing that can no longer be taken."""
    run_sweep("roster.lapse_swaps", lambda at: swaps.lapse_due(at=at))


@shared_task(name="roster.fetch_calendars")
def fetch_calendars() -> None:
    """Every minute: read the calendars that are due, each hourly. A missed run delays them."""
    run_sweep("roster.fetch_calendars", lambda at: calendar_import.fetch_due(at=at))


@shared_task(name="roster.send_page_tests")
def send_page_tests() -> None:
    """Every five seconds. A missed run delays a test, by more than an hour calls it off."""
    run_sweep("roster.send_page_tests", lambda at: page_tests.send_due(at=at))


@shared_task(name="roster.remind_shifts")
def remind_shifts() -> None:
    """Every minute: reminders of shifts, and of handoff notes. A missed run delays them."""
    run_sweep(
        "roster.remind_shifts", lambda at: reminders.remind_due(at=at) + handoffs.ask_due(at=at)
    )


@shared_task(name="roster.ask_confidence")
def ask_confidence() -> None:
    """Every ten minutes: ask those whose shift has ended how they felt. A missed run asks later."""
    run_sweep("roster.ask_confidence", lambda at: confidence.ask_due(at=at))


@shared_task(name="roster.solve_plans")
def solve_plans() -> None:
    """Every five seconds, and when a roster is asked for; runs as long as the solver, a minute.

    It has a thread of the worker to itself meanwhile. A missed run delays a proposal.
    """
    name = "roster.solve_plans"

    def clock() -> datetime:
        at = timezone.now()
        still_running(name, at)
        return at

    run_sweep(name, lambda at: solving.solve_due(at=at, clock=clock))
