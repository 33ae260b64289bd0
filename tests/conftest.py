"""What every test can ask for, and which tests can run where they stand."""

import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
import time_machine
from django.contrib.auth.models import Permission, User
from django.core.management import call_command
from django.db import connection


@pytest.fixture
def now() -> datetime:
    """A Monday morning, in winter time everywhere north of the equator."""
    return datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


@pytest.fixture
def clock(now: datetime) -> Iterator[time_machine.Coordinates]:
    """Stop the clock at `now`, for code at the edge that reads it; `clock.shift(…)` moves it."""
    with time_machine.travel(now, tick=False) as coordinates:
        yield coordinates


@pytest.fixture
def user_with(db: None) -> Callable[..., User]:
    """Make a staff user who may do exactly what is named: `user_with("incidents.view_incident")`."""

    def make(*permissions: str, username: str = "someone") -> User:
        user = User.objects.create_user(username, f"{username}@example.com", "pass", is_staff=True)
        for permission in permissions:
            app, codename = permission.split(".")
            user.user_permissions.add(
                Permission.objects.get(content_type__app_label=app, codename=codename)
            )
        return user

    return make


@pytest.fixture
def reference_data(db: None) -> None:
    """Load the shipped severities, roles, matrices, questions, templates and groups."""
    call_command("load_reference", verbosity=0)
