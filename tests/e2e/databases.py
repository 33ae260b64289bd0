"""A Postgres database and a Redis database for one test alone."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg
import redis


@contextmanager
def own_database(template: str = "") -> Iterator[str]:
    """Yield the address of a new database on the Postgres of this run: empty, or a copy."""
    server = urlsplit(os.environ["DATABASE_URL"])
    name = f"muster_e2e_{uuid4().hex[:12]}"
    copied = f' TEMPLATE "{urlsplit(template).path[1:]}"' if template else ""
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"{copied}')
        try:
            yield urlunsplit(server._replace(path=f"/{name}"))
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def own_redis() -> Iterator[str]:
    """Yield the address of one of Redis' numbered databases, emptied before and after.

    Numbers are taken atomically, so tests that run side by side get different ones.
    """
    server = urlsplit(os.environ["REDIS_URL"])
    with redis.Redis.from_url(os.environ["REDIS_URL"]) as ledger:
        number = 1 + int(ledger.incr("muster-e2e-redis-number")) % 15
    address = urlunsplit(server._replace(path=f"/{number}"))
    with redis.Redis.from_url(address) as own:
        own.flushdb()
        yield address
        own.flushdb()
