"""A Postgres database and a Redis database for one test alone."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg
import redis


def is_production_available() -> bool:
    """Say whether this run was given a Postgres and a Redis."""
    return bool(os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL"))


@contextmanager
def own_database() -> Iterator[str]:
    """Yield the address of a new, empty database on the Postgres of this run."""
    server = urlsplit(os.environ["DATABASE_URL"])
    name = f"muster_e2e_{uuid4().hex[:12]}"
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        try:
            yield urlunsplit(server._replace(path=f"/{name}"))
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def own_redis() -> Iterator[str]:
    """Yield the address of one of Redis' numbered databases that is empty now, and empty it after.

    Numbers are taken atomically, so tests that run side by side get different ones.
    """
    server = urlsplit(os.environ["REDIS_URL"])
    ledger = redis.Redis.from_url(os.environ["REDIS_URL"])
    number = 1 + int(ledger.incr("muster-e2e-redis-number")) % 15
    address = urlunsplit(server._replace(path=f"/{number}"))
    own = redis.Redis.from_url(address)
    own.flushdb()
    yield address
    own.flushdb()
