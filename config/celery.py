"""The Celery application: a doorbell for the sweeps, see CELERY_BEAT_SCHEDULE in the settings.

Database connections are Celery's own Django fix-up's business: before and after each task it
closes those that no longer answer, so a restarted database costs one failed sweep.
"""

import os
from pathlib import Path

import structlog
from celery import Celery, Task
from celery.signals import setup_logging, task_postrun, task_prerun

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("muster")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@app.on_after_configure.connect
def make_broker_folders(sender: Celery, **_: object) -> None:
    """The broker of files needs its folders, whichever process comes first."""
    for option in ("data_folder_in", "control_folder"):
        if folder := sender.conf.broker_transport_options.get(option):
            Path(folder).mkdir(parents=True, exist_ok=True)


@setup_logging.connect
def leave_logging_to_django(**_: object) -> None:
    """Celery sets up its own handlers unless someone answers this signal."""


@task_prerun.connect
def name_the_task_in_logs(task: Task, **_: object) -> None:
    """Start each task with its name as the only bound value."""
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(task=task.name)


@task_postrun.connect
def forget_bound_values(**_: object) -> None:
    """Threads are used again; the next task is not about this one's incident."""
    structlog.contextvars.clear_contextvars()
