from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.db import OperationalError

from roster.models import SweepRun
from roster.sweeps import RECORD_EVERY, run_sweep


def steps(*found: int | Exception) -> Callable[[datetime], int]:
    """A sweep function that finds so many rows on each call, then nothing."""
    left = list(found)

    def step(at: datetime) -> int:
        result = left.pop(0) if left else 0
        if isinstance(result, Exception):
            raise result
        return result

    return step


@pytest.mark.django_db
def test_run_sweep_goes_on_until_nothing_is_found(now: datetime) -> None:
    assert run_sweep("some.sweep", steps(100, 20), clock=lambda: now) == 120

    run = SweepRun.objects.get()
    assert (run.name, run.handled, run.finished_at, run.last_error) == ("some.sweep", 120, now, "")


@pytest.mark.django_db
def test_run_sweep_stops_when_its_budget_is_spent(now: datetime) -> None:
    moments = iter(now + timedelta(seconds=second) for second in range(100))

    handled = run_sweep(
        "some.sweep", lambda at: 1, clock=lambda: next(moments), budget=timedelta(seconds=6)
    )

    assert handled == 3


@pytest.mark.django_db
def test_run_sweep_adds_up_what_it_handled(now: datetime) -> None:
    run_sweep("some.sweep", steps(2), clock=lambda: now)
    run_sweep("some.sweep", steps(3), clock=lambda: now)

    assert SweepRun.objects.get().handled == 5


@pytest.mark.django_db
def test_run_sweep_records_an_exception_and_goes_on_next_time(now: datetime) -> None:
    run_sweep("some.sweep", steps(1, RuntimeError("no disk")), clock=lambda: now)
    failed = SweepRun.objects.get()

    run_sweep("some.sweep", steps(1), clock=lambda: now)

    assert (failed.handled, failed.last_error) == (1, "RuntimeError: no disk")
    assert SweepRun.objects.get().last_error == ""


@pytest.mark.django_db
def test_idle_sweep_is_recorded_every_few_seconds_only(now: datetime) -> None:
    run_sweep("some.sweep", steps(), clock=lambda: now)

    run_sweep("some.sweep", steps(), clock=lambda: now + timedelta(seconds=1))
    assert SweepRun.objects.get().finished_at == now

    run_sweep("some.sweep", steps(), clock=lambda: now + RECORD_EVERY)
    assert SweepRun.objects.get().finished_at == now + RECORD_EVERY


@pytest.mark.django_db
def test_sweep_asked_for_while_it_runs_looks_once_more_and_not_beside_itself(now: datetime) -> None:
    answers: list[int] = []

    def step(at: datetime) -> int:
        if not answers:
            answers.append(run_sweep("some.sweep", lambda at: 1, clock=lambda: now))
        else:
            answers.append(-1)
        return 0

    run_sweep("some.sweep", step, clock=lambda: now)

    assert answers == [0, -1]


def test_sweep_whose_run_cannot_be_recorded_is_free_to_run_again(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unrecorded(*args: object, **kwargs: object) -> None:
        raise OperationalError

    monkeypatch.setattr("roster.sweeps._record", unrecorded)
    runs: list[datetime] = []

    def step(at: datetime) -> int:
        runs.append(at)
        return 0

    for _ in range(2):
        with pytest.raises(OperationalError):
            run_sweep("some.sweep", step, clock=lambda: now)

    assert runs == [now, now]
