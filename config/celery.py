"""The Celery application: a doorbell for the sweeps, see CELERY_BEAT_SCHEDULE in the settings.

Database connections are Celery's own Django fix-up's business: before and after each task it
closes those that no longer answer, so a restarted database costs one failed sweep.
"""

import os

import structlog
from celery import Celery, Task
from celery.signals import setup_logging, task_postrun, task_prerun, worker_ready

from config import folder_broker as folder_broker  # teaches kombu `folder://`

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("muster")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


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


@worker_ready.connect
def look_at_everything(**_: object) -> None:
    """A worker that starts may have been away: it does not wait for the slow sweeps' next turn."""
    for name in app.conf.beat_schedule:
        app.send_task(name)
