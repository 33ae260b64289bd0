"""What every test can ask for, and which tests can run where they stand."""

import os
import shutil
from collections.abc import Callable, Generator, Iterator
from datetime import UTC, datetime
from importlib.util import find_spec
from tempfile import mkdtemp

import pytest
import time_machine
from django.contrib.auth.models import Permission, User
from django.core.management import call_command
from django.db import connection
from pytest_django import DjangoDbBlocker

NEEDS = {
    "alertmanager": (
        bool(shutil.which("prometheus") and shutil.which("prometheus-alertmanager")),
        "needs Debian's packages prometheus and prometheus-alertmanager",
    ),
    "browser": (
        bool(shutil.which("chromium") and find_spec("playwright")),
        "needs Debian's package chromium and `uv run --group e2e`",
    ),
    "icinga": (bool(shutil.which("icinga2")), "needs Debian's package icinga2-bin"),
    "nagios": (bool(shutil.which("nagios4")), "needs Debian's package nagios4-core"),
    "fuzz": (bool(find_spec("schemathesis")), "needs `uv run --group fuzz`"),
    "postgres": (bool(os.environ.get("DATABASE_URL")), "needs DATABASE_URL"),
    "redis": (bool(os.environ.get("REDIS_URL")), "needs REDIS_URL"),
    "solver": (bool(find_spec("ortools")), "needs OR-tools (`uv run --extra solver`)"),
}
SHARED = "MUSTER_TESTS_SHARED"
REQUIRE_ALL = os.environ.get("MUSTER_REQUIRE_ALL") == "1"


def pytest_configure(config: pytest.Config) -> None:
    """Name a folder in which all processes of this run share what takes long to prepare."""
    if not hasattr(config, "workerinput"):
        os.environ[SHARED] = mkdtemp(prefix="muster-tests-")


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ.pop(SHARED), ignore_errors=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what needs an absent part; leave the embedded database's own tests out on Postgres."""
    for item in items:
        for name, (is_here, reason) in NEEDS.items():
            if item.get_closest_marker(name) and not is_here:
                item.add_marker(pytest.mark.skip(reason=reason))
    if os.environ.get("DATABASE_URL"):
        elsewhere = [item for item in items if item.get_closest_marker("sqlite")]
        items[:] = [item for item in items if item not in elsewhere]
        config.hook.pytest_deselected(items=elsewhere)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Count a skipped test as failed where every part is said to be there."""
    report = yield
    if REQUIRE_ALL and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"Skipped though MUSTER_REQUIRE_ALL is set: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Generator[None]:
    """Cut the sessions that threads of tests left behind: they would keep the database in use."""
    yield
    if connection.vendor == "postgresql":
        with django_db_blocker.unblock(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )


@pytest.fixture
def now() -> datetime:
    """A Monday morning, in winter time everywhere north of the equator."""
    return datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


@pytest.fixture
def clock(now: datetime) -> Iterator[time_machine.Traveller]:
    """Stop the clock at `now`, for code at the edge that reads it; `clock.shift(…)` moves it."""
    with time_machine.travel(now, tick=False) as coordinates:
        yield coordinates


@pytest.fixture
def user_with(db: None) -> Callable[..., User]:
    """Make a staff user who may do what is named: `user_with("incidents.view_incident")`."""

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
