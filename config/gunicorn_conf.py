"""Web server settings: `gunicorn --config python:config.gunicorn_conf config.wsgi`, with `--bind`.

Threads and not an event loop: on the ingest path they take nearly twice as many requests.
"""

import os
import tempfile
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
from django.conf import settings  # reads the variable set above

worker_class = "gthread"
workers = settings.WEB_PROCESSES
threads = 8
# Longer than the slowest query is allowed to take; a stuck process is replaced.
timeout = 60
graceful_timeout = 5
keepalive = 15
control_socket_disable = True
# Where a process shows that it lives: in memory, a slow disk must not look like a dead process.
worker_tmp_dir = next(
    (str(path) for path in (Path("/dev/shm"),) if os.access(path, os.W_OK)),  # noqa: S108
    tempfile.gettempdir(),
)
logconfig_dict = settings.LOGGING


def post_worker_init(worker: object) -> None:
    """Store what waits in the spool, read keys ahead: in each web process, once it is forked."""
    from incidents import intake_upkeep  # noqa: PLC0415  # the master sets up no apps

    intake_upkeep.start()
