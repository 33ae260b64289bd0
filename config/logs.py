"""What a log line looks like: one readable line on a terminal, one JSON object in production.

Everything logs through the standard library. Values given as `extra={...}`, and whatever is bound
with `structlog.contextvars.bind_contextvars(incident="INC-142")`, become fields of the line, so
that all lines about one incident can be found, whichever process wrote them.
"""

from typing import Any

import structlog
from structlog.typing import Processor

_SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.stdlib.ExtraAdder(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
# Libraries that report each routine step of theirs at INFO; their warnings still come through.
_QUIET = (
    "celery.app.trace",
    "celery.beat",
    "celery.worker.strategy",
    "gunicorn.access",
    "httpx",
    "kombu",
    "urllib3",
)


# `Any`: the values of a logging configuration are of every kind, as `dictConfig` defines them.
def structured_logging(*, level: str, as_json: bool) -> dict[str, Any]:
    """Return the value of `LOGGING`, and make structlog's own loggers follow it.

    All lines go to standard error, for the supervisor or the container to collect.
    """
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED[:3],
            structlog.stdlib.PositionalArgumentsFormatter(),
            _SHARED[-1],
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "muster": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": _SHARED,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    *(_json() if as_json else _console()),
                ],
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "muster"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # Django and gunicorn bring handlers of their own: each line would be written twice.
            "django": {"handlers": [], "propagate": True, "level": "INFO"},
            "django.server": {"handlers": [], "propagate": True},
            "gunicorn.error": {"handlers": [], "propagate": True, "level": "INFO"},
            **{name: {"level": "WARNING"} for name in _QUIET},
        },
    }


def _json() -> list[Processor]:
    return [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()]


def _console() -> list[Processor]:
    return [
        structlog.dev.ConsoleRenderer(
            colors=False,
            pad_event_to=0,
            pad_level=False,
            exception_formatter=structlog.dev.plain_traceback,
        )
    ]
