"""Signs of life of jobs and of monitors themselves (WIRE-FORMATS §15).

`/ingest/<key>/<name>` says that the job is well, by any of GET, POST and HEAD; `…/<name>/fail`, or
with its exit status as in `…/<name>/$?`, how it went. `start` and `log`, which healthchecks-type
clients send besides, are taken and mean nothing here.
"""

from dataclasses import dataclass
from datetime import datetime

from incidents.intake.adapter import Adapter, Answer, Guide, Snippet
from incidents.intake.notification import (
    Envelope,
    Glance,
    Importance,
    IntakeError,
    Notification,
    Ping,
    clean_text,
)

KIND = "heartbeat"
NAME_LENGTH = 100
TEXT_LENGTH = 2_000
NO_NEWS = ("start", "log")


@dataclass(frozen=True)
class Sign:
    """What one call says of the heartbeat `name`."""

    name: str
    has_failed: bool = False
    is_news: bool = True


def sign_of(call: str) -> Sign:
    """Read `name`, `name/fail`, `name/0`. Raises IntakeError for what is none of these."""
    name, _, rest = call.partition("?")[0].strip("/").partition("/")
    if not name.strip():
        raise IntakeError(
            "no_name", "Name the heartbeat after the key: …/ingest/KEY/nightly-backup.", status=404
        )
    if len(name) > NAME_LENGTH:
        raise IntakeError("long_name", f"A name has {NAME_LENGTH} characters at most.", status=404)
    if rest in NO_NEWS:
        return Sign(name, is_news=False)
    if rest in ("", "fail"):
        return Sign(name, has_failed=rest == "fail")
    if rest.isascii() and rest.isdecimal() and len(rest) <= 3:
        return Sign(name, has_failed=int(rest) != 0)
    raise IntakeError(
        "unknown_call",
        "After the name comes nothing, or /fail, or the exit status of the job as in /0.",
        status=404,
    )


def check(envelope: Envelope) -> Glance:
    """Raise IntakeError if no heartbeat is named. Pings pile up: they wait behind alerts."""
    sign = sign_of(envelope.call)
    return Glance(Importance.FIRING if sign.has_failed else Importance.LATER)


def read(envelope: Envelope) -> Notification:
    sign = sign_of(envelope.call)
    if not sign.is_news:
        return Notification(remark="Only says that the job began, or logs: no sign of life.")
    text = clean_text(envelope.body.decode(errors="replace"), TEXT_LENGTH).strip()
    return Notification(pings=[Ping(clean_text(sign.name), sign.has_failed, text)])


def accepted(envelope: Envelope, glance: Glance) -> Answer:
    return Answer(200, b"OK\n", "text/plain; charset=utf-8")


def refused(error: IntakeError) -> Answer:
    """In plain words, for whoever reads the output of cron."""
    headers = {"Allow": "GET, HEAD, POST"} if error.status == 405 else {}
    words = f"{error.message}\n".encode()
    return Answer(error.status, words, "text/plain; charset=utf-8", headers)


def sample(at: datetime) -> Envelope:
    return Envelope(b"", call="trial/fail", method="GET")


ADAPTER = Adapter(
    kind=KIND,
    label="Heartbeats of jobs",
    check=check,
    read=read,
    sample=sample,
    accepted=accepted,
    refused=refused,
    methods=("GET", "HEAD", "POST"),
    guide=Guide(
        address="{base}/ingest/{key}/nightly-backup",
        steps=(
            "Have each job call the address with a name of its own at the end. A name that was"
            " never heard of becomes a heartbeat, expected every 5 minutes.",
            "Say how often it really comes under Monitoring, Heartbeats.",
            "An alert fires when it fails to come, or when the job says that it failed; it resolves"
            " with the next sign of life.",
        ),
        snippets=(
            Snippet(
                "A job of cron, with its exit status",
                "0 3 * * * /usr/local/bin/backup; curl -fsS -m 10 --retry 5 {url}/$?",
            ),
            Snippet(
                "The end of a script, with the last lines of its log",
                "tail -c 2000 backup.log | curl -fsS -m 10 --retry 5 --data-binary @- {url}",
            ),
            Snippet(
                "Alertmanager: the alert that always fires",
                """\
route:
  routes:
    - matchers: [alertname = Watchdog]
      receiver: muster-heartbeat
      group_wait: 0s
      group_interval: 1m
      repeat_interval: 1m

receivers:
  - name: muster-heartbeat
    webhook_configs:
      - url: {base}/ingest/{key}/watchdog
        send_resolved: false""",
                "So that you hear of it when Prometheus or Alertmanager itself stops.",
            ),
        ),
    ),
)
