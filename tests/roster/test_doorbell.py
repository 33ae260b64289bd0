"""The worker's end is a stand-in: what is tested is when, and how often, it is called."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

from roster import doorbell

CaptureCommits = Callable[..., AbstractContextManager[list[Callable[[], object]]]]


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names: list[str] = []
    monkeypatch.setattr(doorbell, "_last_rung", {})
    monkeypatch.setattr(current_app, "send_task", lambda name, **options: names.append(name))
    return names


@pytest.mark.django_db
def test_ring_waits_for_the_commit(
    rung: list[str], django_capture_on_commit_callbacks: CaptureCommits
) -> None:
    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        doorbell.ring("some.sweep")
        assert rung == []

    assert rung == ["some.sweep"]


@pytest.mark.django_db
def test_rings_close_together_are_one_per_task(
    rung: list[str], django_capture_on_commit_callbacks: CaptureCommits
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        for name in ("some.sweep", "some.sweep", "another.sweep"):
            doorbell.ring(name)

    assert rung == ["some.sweep", "another.sweep"]


@pytest.mark.django_db
def test_broker_that_cannot_be_reached_is_no_error(
    rung: list[str],
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: CaptureCommits,
) -> None:
    def refuse(name: str, **options: object) -> None:
        raise OperationalError("no broker")

    monkeypatch.setattr(current_app, "send_task", refuse)

    with django_capture_on_commit_callbacks(execute=True):
        doorbell.ring("some.sweep")
