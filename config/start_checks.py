"""What can keep Muster from starting, each told in one sentence that says what to do."""

import errno
import fcntl
import shutil
import socket
from datetime import datetime
from pathlib import Path
from typing import IO

from django.conf import settings
from django.core.management import call_command
from django.db import DatabaseError, OperationalError, connection
from django.db.migrations.exceptions import InconsistentMigrationHistory
from django.db.migrations.executor import MigrationExecutor


class StartError(Exception):
    """Muster cannot start; the text is the sentence for the operator."""


def prepare_data_dir() -> IO[str]:
    """Make DATA_DIR and its folders; return the open lock file that keeps a second `up` out."""
    data_dir: Path = settings.DATA_DIR
    try:
        for path in (data_dir, data_dir / "uploads"):
            path.mkdir(parents=True, exist_ok=True)
        lock = (data_dir / "up.lock").open("a")
    except OSError as error:
        raise StartError(
            f"The folder {data_dir} cannot be written to ({error.strerror}). Make it writable, or "
            "set DATA_DIR to another folder."
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise StartError(
            f"Muster already runs on {data_dir}. Stop it first, or set DATA_DIR to another folder."
        ) from None
    # Rings nobody heard: the sweeps find their rows without them.
    shutil.rmtree(data_dir / "broker", ignore_errors=True)
    return lock


def check_address(host: str, port: int) -> None:
    """Raise StartError unless a web server can listen on `host` and `port`."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            reason = f"Port {port} on {host} is in use."
        else:
            reason = f"Muster cannot listen on {host} port {port} ({error.strerror})."
        raise StartError(f"{reason} Choose another with --host and --port.") from error


def check_database() -> None:
    """Raise StartError unless the database answers and was not written by a newer Muster."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM django_migrations" if _has_tables() else "SELECT 1")
    except DatabaseError as error:
        reason = str(error).strip().splitlines()[0]
        if settings.IS_EMBEDDED:
            advice = f"Check the file {settings.DATABASES['default']['NAME']}, or restore a copy."
        else:
            advice = "Check DATABASE_URL, and that the server it names runs and lets you in."
        raise StartError(f"The database does not answer ({reason}). {advice}") from error
    unknown = _migrations_of_newer_code()
    if unknown:
        raise StartError(
            f"The database was written by a newer Muster ({unknown[0]} is unknown here). Update "
            "the code, or restore the copy of the database that fits it."
        )


def bring_database_up_to_date(*, at: datetime) -> None:
    """Migrate, keeping a copy of an embedded database that already holds something."""
    copy = _copy_database(at) if _is_behind() and settings.IS_EMBEDDED else None
    try:
        call_command("migrate", interactive=False, verbosity=0)
    except (DatabaseError, InconsistentMigrationHistory) as error:
        reason = str(error).strip().splitlines()[0]
        advice = (
            f"Put the copy {copy} back in its place"
            if copy
            else "Restore the database from a backup, or start with an empty one"
        )
        raise StartError(
            f"The database could not be migrated and may be half done ({reason}). {advice}, then "
            "start again."
        ) from error


def _has_tables() -> bool:
    return "django_migrations" in connection.introspection.table_names()


def _migrations_of_newer_code() -> list[str]:
    loader = MigrationExecutor(connection).loader
    ours = {app for app, _ in loader.disk_migrations}
    applied = {key for key in loader.applied_migrations if key[0] in ours}
    return sorted(
        ".".join(key) for key in applied - set(loader.disk_migrations) - set(loader.replacements)
    )


def _is_behind() -> bool:
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return bool(plan and executor.loader.applied_migrations)


def _copy_database(at: datetime) -> Path:
    """Copy the database beside itself; the name says when."""
    copy: Path = settings.DATA_DIR / f"muster-before-upgrade-{at:%Y%m%d-%H%M%S}.sqlite3"
    try:
        with connection.cursor() as cursor:
            cursor.execute("VACUUM INTO %s", [str(copy)])
    except OperationalError as error:
        raise StartError(
            f"No copy of the database could be made before the upgrade ({error}). Free some disk "
            f"space in {settings.DATA_DIR}, then start again."
        ) from error
    copy.chmod(0o600)
    return copy
