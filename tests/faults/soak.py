"""Everything killed at random during a storm of alerts: `python -m tests.faults.soak --rounds 100`.

Each round kills (SIGKILL, no cleaning up) the web server, the worker, beat, Postgres or Redis, or
cuts every database connection, or empties the broker, and starts again what it killed. Meanwhile
alerts are posted, one in five of a new incident. Afterwards everything runs until nothing is left
to do, and the books are checked: every event answered with success was stored once and is in
exactly one end state, and every escalation paged somebody whose message was handed over.

The servers are its own; those of the machine are left alone.
"""

import argparse
import itertools
import json
import random
import sys
import threading
import time
import urllib.error
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from tests.e2e.mailbox import Server
from tests.e2e.stack import Stack, free_port, wait_until
from tests.faults import servers
from tests.faults.servers import OwnPostgres, OwnRedis

ALERTS_PER_SECOND = 20
INCIDENT_EVERY = 5
DRAINED_WITHIN_SECONDS = 600


@dataclass
class Storm:
    """Posts alerts until it is stopped, each of its own name, and keeps what was answered.

    `unanswered` were sent while the web server was killed: they may have been kept or not.
    """

    stack: Stack
    key: str
    accepted: list[str] = field(default_factory=list)
    refused: Counter[int] = field(default_factory=Counter)
    unanswered: list[str] = field(default_factory=list)
    _stopped: threading.Event = field(default_factory=threading.Event)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def __enter__(self) -> "Storm":
        self._threads = [threading.Thread(target=self._post_on) for _ in range(4)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _post_on(self) -> None:
        while not self._stopped.wait(len(self._threads) / ALERTS_PER_SECOND):
            number = next(self._numbers)
            self._post(f"storm-{number}", f"cause-{number // INCIDENT_EVERY}")

    def _post(self, name: str, group: str) -> None:
        alert = {
            "status": "firing", "fingerprint": name, "annotations": {"summary": group},
            "labels": {"alertname": group, "severity": "critical", "group": group},
        }  # fmt: skip
        body = json.dumps({"version": "4", "groupKey": group, "alerts": [alert]}).encode()
        try:
            status = self.stack.request("POST", f"/ingest/{self.key}/", form=body).status
        except (OSError, urllib.error.URLError):
            self.unanswered.append(name)
            return
        if status == 202:
            self.accepted.append(name)
        else:
            self.refused[status] += 1


@dataclass
class Soak:
    """The stack, its servers, and what has been done to them."""

    stack: Stack
    postgres: OwnPostgres
    redis: OwnRedis
    random: random.Random
    done: Counter[str] = field(default_factory=Counter)

    def round(self) -> None:
        """One fault, a short time with it, and everything started again."""
        faults: dict[str, Callable[[], object]] = {
            "web killed": lambda: self._kill_process("web"),
            "worker killed": lambda: self._kill_process("worker"),
            "beat killed": lambda: self._kill_process("beat"),
            "Postgres killed": lambda: self._kill_server(self.postgres),
            "Redis killed": lambda: self._kill_server(self.redis),
            "database connections cut": self.postgres.cut_connections,
            "broker emptied": self.redis.empty,
        }
        name = self.random.choice(sorted(faults))
        faults[name]()
        self.done[name] += 1
        time.sleep(self.random.uniform(0.2, 2.0))

    def _kill_process(self, name: str) -> None:
        self.stack.kill(name)
        time.sleep(self.random.uniform(0, 1.0))
        self.stack.start(name)

    def _kill_server(self, server: OwnPostgres | OwnRedis) -> None:
        server.kill()
        time.sleep(self.random.uniform(0, 3.0))
        server.start()

    def revive(self) -> None:
        """A process that ended by itself, as supervisors restart it; beat does without a broker."""
        for name, process in list(self.stack.processes.items()):
            if process.poll() is not None:
                self.stack.kill(name)
                self.stack.start(name)
                self.done[f"{name} had ended by itself"] += 1

    def is_drained(self) -> bool:
        """Whether nothing is left to do but what waits for its time."""
        self.revive()
        if any((self.stack.data_dir / "spool").glob("*.spool")):
            return False
        [(left,)] = self.ask(
            "SELECT (SELECT count(*) FROM incidents_alertevent WHERE state = 'received')"
            " + (SELECT count(*) FROM incidents_announcement WHERE due_at IS NOT NULL)"
            " + (SELECT count(*) FROM incidents_escalation WHERE due_at < now())"
            " + (SELECT count(*) FROM comms_message WHERE state IN ('queued', 'sending'))"
        )
        return left == 0

    def ask(self, query: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.postgres.url) as session:
            return session.execute(query).fetchall()


@dataclass
class Books:
    """What became of everything. All lists are of what should not be, but `sent_twice`."""

    events: int
    lost: list[str]
    stored_twice: list[str]
    not_in_one_end_state: int
    without_alert: list[str]
    escalations: int
    not_paged: list[object]
    not_handed_over: list[object]
    messages: int
    sent_twice: int
    sent_twice_unexplained: int

    @property
    def are_clean(self) -> bool:
        return not (
            self.lost or self.stored_twice or self.not_in_one_end_state or self.without_alert
            or self.not_paged or self.not_handed_over or self.sent_twice_unexplained
        )  # fmt: skip


def audit(soak: Soak, storm: Storm, mail: Server) -> Books:
    """Compare what was answered, what is in the database, and what the mail server was given."""
    bodies = soak.ask("SELECT body FROM incidents_alertevent WHERE origin = 'monitor'")
    stored = Counter(json.loads(body)["alerts"][0]["fingerprint"] for (body,) in bodies)
    alerts = {key for (key,) in soak.ask("SELECT dedup_key FROM incidents_alert")}
    ids = Counter(str(message["Message-ID"]) for message in list(mail.mailbox.messages))
    flagged = [
        str(key) for (key,) in soak.ask("SELECT key FROM comms_message WHERE possibly_sent_twice")
    ]
    twice = [name for name, number in ids.items() if number > 1]
    return Books(
        events=sum(stored.values()),
        lost=sorted(set(storm.accepted) - stored.keys()),
        stored_twice=sorted(name for name, number in stored.items() if number > 1),
        not_in_one_end_state=len(
            soak.ask("SELECT id FROM incidents_alertevent WHERE state <> 'processed'")
        ),
        without_alert=sorted(name for name in stored if name not in alerts),
        escalations=len(soak.ask("SELECT id FROM incidents_escalation")),
        not_paged=soak.ask(
            "SELECT id, state FROM incidents_escalation AS e WHERE NOT EXISTS"
            " (SELECT 1 FROM incidents_page AS p WHERE p.escalation_id = e.id)"
        ),
        not_handed_over=soak.ask(
            "SELECT id FROM incidents_page AS p WHERE NOT EXISTS (SELECT 1 FROM comms_message AS m"
            " WHERE m.page_id = p.id AND m.state IN ('sent', 'bundled'))"
        ),
        messages=sum(ids.values()),
        sent_twice=len(twice),
        sent_twice_unexplained=sum(
            1 for name in twice if not any(_is_of(name, key) for key in flagged)
        ),
    )


def _is_of(message_id: str, key: str) -> bool:
    return "".join(filter(str.isalnum, key)) in "".join(filter(str.isalnum, message_id))


def run(*, rounds: int, seed: int, seconds: float = float("inf")) -> tuple[Soak, Storm, Books]:
    """Do it all; no round begins later than `seconds` after the first."""
    with ExitStack() as own:
        folder, seeded = own.enter_context(servers.prepared_postgres())
        postgres = own.enter_context(servers.own_postgres(folder))
        broker = own.enter_context(servers.own_redis())
        mail = own.enter_context(Server(free_port()))
        data_dir = Path(own.enter_context(TemporaryDirectory()))
        stack = Stack(data_dir, mail.port, database_url=postgres.url, redis_url=broker.url)
        own.callback(stack.stop)
        soak = Soak(stack, postgres, broker, random.Random(seed))
        stack.start()
        until = time.monotonic() + seconds
        with Storm(stack, seeded.key) as storm:
            for _ in range(rounds):
                if time.monotonic() > until:
                    break
                soak.round()
                soak.revive()
        wait_until("everything to be done", soak.is_drained, seconds=DRAINED_WITHIN_SECONDS)
        return soak, storm, audit(soak, storm, mail)


def report(soak: Soak, storm: Storm, books: Books) -> str:
    faults = ", ".join(f"{name} {number}" for name, number in sorted(soak.done.items()))
    return (
        f"faults: {faults}\n"
        f"alerts: {len(storm.accepted)} answered with success, {dict(storm.refused)} refused,"
        f" {len(storm.unanswered)} unanswered\n"
        f"events: {books.events} stored; lost {len(books.lost)},"
        f" stored twice {len(books.stored_twice)},"
        f" not in an end state {books.not_in_one_end_state},"
        f" without an alert {len(books.without_alert)}\n"
        f"escalations: {books.escalations}; not paged {len(books.not_paged)},"
        f" pages not handed over {len(books.not_handed_over)}\n"
        f"messages: {books.messages} handed over; {books.sent_twice} of them again, since a"
        " worker or its database died between the hand-over and its record (possibly_sent_twice,"
        f" same Message-ID); without that explanation {books.sent_twice_unexplained}\n"
        + ("clean" if books.are_clean else f"NOT CLEAN: {books}")
    )


def main() -> None:
    """Run the rounds, print the books, fail if they are not clean."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args()
    if reason := servers.why_not():
        sys.exit(f"The soak {reason}.")
    sys.stdout.write(f"seed {options.seed}, {options.rounds} rounds\n")
    soak, storm, books = run(rounds=options.rounds, seed=options.seed)
    sys.stdout.write(report(soak, storm, books) + "\n")
    sys.exit(not books.are_clean)


if __name__ == "__main__":
    main()
