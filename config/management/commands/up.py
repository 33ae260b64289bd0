"""`manage.py up`: everything in one command, from an empty folder to a page."""

import sys
from argparse import ArgumentParser
from http.client import HTTPException
from typing import Any
from urllib.request import urlopen

from django.conf import settings
from django.core.management import BaseCommand, call_command
from django.db import connection
from django.utils import timezone

from config import first_start, start_checks
from config.supervisor import Command as Process
from config.supervisor import Supervisor


class Command(BaseCommand):
    """Prepares the data folder, then runs web server, worker and beat until it is stopped.

    A second start finds everything as it was. Whatever stands in the way is told in one sentence.
    """

    help = "Run Muster: web server, worker and scheduler in one. Ctrl-C stops it."
    # The system checks open the database; ours come first and say what to do.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
        parser.add_argument("--port", type=int, default=8000, help="port to listen on")
        parser.add_argument(
            "--demo", action="store_true", help="fill in a made-up company with some history"
        )

    def handle(self, *args: Any, host: str, port: int, demo: bool, **options: Any) -> None:
        try:
            lock = start_checks.prepare_data_dir()
            start_checks.check_address(host, port)
            start_checks.check_database()
            self.stdout.write("Bringing the database up to date …")
            start_checks.bring_database_up_to_date(at=timezone.now())
        except start_checks.StartError as error:
            sys.exit(f"Muster cannot start. {error}")
        here = f"http://{'127.0.0.1' if host in {'0.0.0.0', '::'} else host}:{port}"  # noqa: S104 (compared, not bound)
        if not settings.PUBLIC_URL_IS_SET:
            # Of this process too: the demo's messages carry links.
            settings.PUBLIC_URL = here
        with lock:
            account = self._fill(demo=demo)
            connection.close()
            self._run(host, port, here, account)

    def _fill(self, *, demo: bool) -> first_start.Account | None:
        call_command("load_reference", verbosity=0, stdout=self.stdout)
        account = first_start.first_administrator(at=timezone.now())
        if account:
            first_start.first_integration(account, at=timezone.now())
        if demo:
            self.stdout.write("Filling in a made-up company …")
            call_command("load_demo", stdout=self.stdout)
        return account

    def _run(self, host: str, port: int, here: str, account: first_start.Account | None) -> None:
        Supervisor(_processes(host, port), sys.stdout).run(
            is_ready=lambda: _answers(here), announce=lambda: self._announce(here, account)
        )
        self.stdout.write("Muster has stopped. Nothing is lost; `up` goes on where it was.")

    def _announce(self, here: str, account: first_start.Account | None) -> None:
        public_url = settings.PUBLIC_URL
        lines = [f"Muster runs at {public_url}/admin/  (Ctrl-C stops it)"]
        if account and account.password:
            lines.append(
                f"Log in as {account.user.username} with the password {account.password} "
                f"(shown only now: change it at {public_url}/admin/password_change/)"
            )
        elif account:
            lines.append(f"Log in as {account.user.username} with ADMIN_PASSWORD")
        else:
            lines.append("Forgot the password? uv run manage.py changepassword USERNAME")
        if settings.EMAIL_BACKEND == "config.mail.LogBackend":
            lines.append("Mail is written to this log until EMAIL_URL is set")
        command = first_start.first_alert(here)
        if command:
            lines += ["Fire a first alert from another terminal:", f"  {command}"]
        else:
            lines.append("Connect a monitor: Integrations in the admin shows a key once")
        connection.close()
        self.stdout.write("\n" + "\n".join(lines) + "\n\n")
        self.stdout.flush()


def _processes(host: str, port: int) -> list[Process]:
    environment = {
        "PUBLIC_URL": settings.PUBLIC_URL,
        "PYTHONUNBUFFERED": "1",
        # Who starts `up` as root knows; the advice about --uid is for another way of starting.
        "PYTHONWARNINGS": "ignore:You're running the worker with superuser privileges",
    }
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    gunicorn = ["gunicorn", "--config", "python:config.gunicorn_conf", "--bind", address]
    # Threads, because the work is waiting; no gossip, because there is nobody to gossip with.
    celery = ["celery", "--app", "config", "--quiet", "worker", "--beat"]
    celery += ["--scheduler", "celery.beat.Scheduler", "--pool", "threads", "--concurrency", "4"]
    celery += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    processes = [
        Process("web", [sys.executable, "-m", *gunicorn, "config.wsgi"], environment),
        Process("worker", [sys.executable, "-m", *celery], environment),
    ]
    if settings.MAIL_LISTEN:
        manage = str(settings.BASE_DIR / "manage.py")
        mail = [sys.executable, manage, "receive_mail", "--listen", settings.MAIL_LISTEN]
        processes.append(Process("mail", mail, environment))
    return processes


def _answers(address: str) -> bool:
    try:
        with urlopen(f"{address}/healthz", timeout=1) as response:  # noqa: S310 (our own address)
            return bool(response.status == 200)
    except (OSError, HTTPException):
        return False
