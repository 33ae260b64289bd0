"""A log line names its incident, whichever way it was written."""

import json
import logging
import logging.config
from collections.abc import Iterator

import pytest
import structlog

from config.logs import structured_logging


@pytest.fixture(autouse=True)
def unbound() -> Iterator[None]:
    structlog.contextvars.clear_contextvars()
    yield
    structlog.contextvars.clear_contextvars()


def formatted(*, as_json: bool, **record: object) -> str:
    """Return the line for one record, without disturbing the suite's own logging."""
    settings = structured_logging(level="INFO", as_json=as_json)["formatters"]["muster"]
    formatter = settings.pop("()")(**settings)
    fields = {"name": "comms.outbox", "levelno": logging.INFO, "levelname": "INFO"}
    return str(formatter.format(logging.makeLogRecord(fields | record)))


def test_json_line_carries_bound_reference_and_extras():
    structlog.contextvars.bind_contextvars(incident="INC-142")

    line = json.loads(formatted(as_json=True, msg="Sent %s", args=("mail",), recipient="a@b.c"))

    line.pop("timestamp")
    assert line == {
        "event": "Sent mail",
        "incident": "INC-142",
        "level": "info",
        "logger": "comms.outbox",
        "recipient": "a@b.c",
    }


def test_console_line_carries_bound_reference():
    structlog.contextvars.bind_contextvars(incident="INC-142")

    line = formatted(as_json=False, msg="Paging Ana")

    assert line.endswith("[info] Paging Ana [comms.outbox] incident=INC-142")


def test_console_line_has_no_colour_codes():
    assert "\033" not in formatted(as_json=False, msg="plain")


def test_every_line_is_written_once(capsys):
    before = logging.root.handlers[:], logging.root.level
    try:
        logging.config.dictConfig(structured_logging(level="INFO", as_json=True))
        logging.getLogger("gunicorn.error").info("web")
        logging.getLogger("django.request").warning("request")
        structlog.get_logger("ours").info("ours", incident="INC-1")
        lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    finally:
        logging.root.handlers[:], logging.root.level = before

    assert [(line["event"], line["logger"]) for line in lines] == [
        ("web", "gunicorn.error"),
        ("request", "django.request"),
        ("ours", "ours"),
    ]
    assert lines[2]["incident"] == "INC-1"
