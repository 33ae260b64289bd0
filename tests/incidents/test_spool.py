"""The local spool: what is in it is stored once, in order, whatever happens to its files."""

import os
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.db import DataError, OperationalError
from hypothesis import given
from hypothesis import strategies as st

from incidents import spool as spools
from incidents.arrivals import Arrival, new_receipt
from incidents.spool import Spool, SpoolFullError, damaged, pieces, record_of, waiting

AT = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
MEGABYTE = 1024 * 1024


def arrival(body: bytes = b"{}") -> Arrival:
    return Arrival(
        receipt=new_receipt(), integration=1, received_at=AT, importance=1,
        call="", content_type="application/json", headers="{}", body=body,
    )  # fmt: skip


class Table:
    """Stands for the database: what was stored, in order; refuses while `is_away`."""

    def __init__(self) -> None:
        self.rows: list[Arrival] = []
        self.is_away = False

    def store(self, batch) -> None:
        if self.is_away:
            raise OperationalError("connection refused")
        self.rows.extend(batch)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def spool(folder):
    return Spool(folder, limit_bytes=20 * MEGABYTE)


@pytest.fixture
def table():
    return Table()


def test_what_was_appended_is_stored_in_order_and_its_file_removed(spool, folder, table):
    sent = [arrival(b"%d" % number) for number in range(250)]
    for one in sent:
        spool.append(one)
    assert waiting(folder) == 250

    assert spool.replay(table.store) == 250

    assert table.rows == sent
    assert spool.is_empty
    assert waiting(folder) == 0
    assert list(folder.glob("*.spool")) == []


def test_nothing_is_lost_while_database_stays_away(spool, table):
    spool.append(arrival())
    table.is_away = True

    with pytest.raises(OperationalError):
        spool.replay(table.store)

    assert not spool.is_empty
    table.is_away = False
    assert spool.replay(table.store) == 1


def test_replay_that_was_interrupted_goes_on_where_it_was(spool, table):
    sent = [arrival(b"%d" % number) for number in range(3 * spools.BATCH_RECORDS)]
    for one in sent:
        spool.append(one)

    def store_once(batch) -> None:
        table.store(batch)
        table.is_away = True

    with pytest.raises(OperationalError):
        spool.replay(store_once)
    table.is_away = False
    spool.replay(table.store)

    assert table.rows == sent


def test_spool_goes_on_in_another_segment(spool, folder, table, monkeypatch):
    monkeypatch.setattr(spools, "SEGMENT_BYTES", 1000)
    sent = [arrival(b"x" * 400) for _ in range(10)]

    for one in sent:
        spool.append(one)

    assert len(list(folder.glob("*.spool"))) > 2
    assert waiting(folder) == 10
    spool.replay(table.store)
    assert table.rows == sent


def test_limit_holds_for_all_processes_together(folder):
    first, second = (Spool(folder, limit_bytes=MEGABYTE) for _ in range(2))
    second._name += "-second"
    for _ in range(2):
        first.append(arrival(b"x" * 400_000))

    with pytest.raises(SpoolFullError):
        second.append(arrival(b"x" * 400_000))
    second.append(arrival())


def test_folder_that_cannot_be_written_to_is_full(tmp_path):
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(SpoolFullError):
        Spool(tmp_path / "file" / "spool", limit_bytes=MEGABYTE).append(arrival())


def test_full_disk_leaves_no_half_record(spool, folder, table):
    """A file-size limit stands for the full disk: the write fails half way."""
    script = (
        "import resource, signal, sys; from pathlib import Path;"
        "import django; django.setup();"
        "from tests.incidents.test_spool import arrival;"
        "from incidents.spool import Spool, SpoolFullError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))\n"
        "spool = Spool(Path(sys.argv[1]), limit_bytes=10**9)\n"
        "for size in (2000, 9000, 1000):\n"
        "    try: spool.append(arrival(b'x' * size)); print('kept')\n"
        "    except SpoolFullError: print('full')\n"
    )
    done = _python(script, str(folder))

    assert done.stdout.split() == ["kept", "full", "kept"], done.stderr
    assert spool.replay(table.store) == 2
    assert [len(row.body) for row in table.rows] == [2000, 1000]


def test_threads_that_append_at_once_are_all_kept(spool, table):
    sent = [[arrival(b"%d" % number) for number in range(50)] for _ in range(8)]
    threads = [
        threading.Thread(target=lambda mine=mine: [spool.append(one) for one in mine])
        for mine in sent
    ]
    for thread in threads:
        thread.start()
    replayed = spool.replay(table.store)  # meanwhile
    for thread in threads:
        thread.join()

    assert replayed + spool.replay(table.store) == 400
    stored = [row.receipt for row in table.rows]
    for mine in sent:
        assert [receipt for receipt in stored if receipt in {one.receipt for one in mine}] == [
            one.receipt for one in mine
        ]


# --- Processes that ended -------------------------------------------------------------------------


def _python(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).parents[2]
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=root, env=os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings_test"},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


DIES = """
import os, signal, sys
from pathlib import Path
import django; django.setup()
from incidents.spool import Spool
from tests.incidents.test_spool import arrival
spool = Spool(Path(sys.argv[1]), limit_bytes=10**9)
for number in range(3):
    spool.append(arrival(b"%d" % number))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_left_is_taken_over(spool, folder, table):
    assert _python(DIES, str(folder)).returncode == -9
    assert waiting(folder) == 3

    assert spool.replay(table.store) == 3

    assert [row.body for row in table.rows] == [b"0", b"1", b"2"]
    assert list(folder.iterdir()) == []


def test_what_a_living_process_holds_is_left_to_it(folder, table):
    living = Spool(folder, limit_bytes=MEGABYTE)
    living.append(arrival())
    other = Spool(folder, limit_bytes=MEGABYTE)
    other._name += "-other"

    assert other.replay(table.store) == 0
    assert living.replay(table.store) == 1


def test_lock_file_that_was_removed_costs_no_event(spool, folder, table):
    _python(DIES, str(folder))
    next(folder.glob("*.owner")).unlink()

    assert spool.replay(table.store) == 3


# --- Damage ---------------------------------------------------------------------------------------


@given(
    bodies=st.lists(st.binary(max_size=60), min_size=1, max_size=5),
    cut=st.integers(min_value=1, max_value=400),
)
def test_record_cut_short_costs_only_itself(bodies, cut):
    sent = [arrival(body) for body in bodies]
    whole = b"".join(map(record_of, sent))
    torn = whole[: max(0, len(whole) - cut)]

    found = list(pieces(torn))

    assert [piece.arrival for piece in found] == sent[: len(found)]
    assert sum(len(record_of(one)) for one in sent[: len(found)]) <= len(torn)


@given(
    before=st.lists(st.binary(max_size=40), max_size=3),
    after=st.lists(st.binary(max_size=40), min_size=1, max_size=3),
    data=st.data(),
)
def test_damage_in_the_middle_is_kept_and_all_others_are_read(before, after, data):
    first, last = [arrival(body) for body in before], [arrival(body) for body in after]
    record = bytearray(record_of(arrival(b"in the middle")))
    place = data.draw(st.integers(0, len(record) - 1))
    record[place] ^= data.draw(st.integers(1, 255))

    found = list(pieces(b"".join([*map(record_of, first), bytes(record), *map(record_of, last)])))

    assert [piece.arrival for piece in found if piece.arrival] == [*first, *last]
    [broken] = [piece for piece in found if piece.arrival is None]
    assert broken.end - broken.start == len(record)


@given(st.binary(max_size=2000))
def test_anything_can_be_read_as_a_segment(data):
    assert all(piece.start < piece.end <= len(data) for piece in pieces(data))


def test_damaged_record_is_kept_for_a_person(spool, folder, table):
    _python(DIES, str(folder))
    [path] = folder.glob("*.spool")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)

    assert spool.replay(table.store) == 2

    assert [row.body for row in table.rows] == [b"0", b"2"]
    assert damaged(folder) == 1


def test_event_that_the_database_refuses_holds_up_nobody(spool, folder, table):
    def store(batch) -> None:
        if any(one.body == b"bad" for one in batch):
            raise DataError("no")
        table.store(batch)

    for body in (b"1", b"bad", b"2"):
        spool.append(arrival(body))
    spool.replay(store)

    assert [row.body for row in table.rows] == [b"1", b"2"]
    assert (spool.is_empty, damaged(folder)) == (True, 1)


def test_file_that_was_taken_away_does_not_stop_the_spool(spool, folder, table):
    spool.append(arrival())
    next(folder.glob("*.spool")).unlink()
    spool.replay(table.store)

    spool.append(arrival(b"next"))
    spool.replay(table.store)

    assert [row.body for row in table.rows] == [b"next"]
