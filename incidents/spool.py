"""What was accepted while the database was away, in local files until it is back.

A folder, shared by the processes of one host. Each process appends to segments of its own and
holds a lock on `<process>.owner` for as long as it lives; what a dead process leaves behind is
taken over by whoever gets that lock. A record is on the disk (`fdatasync`) before `append` returns.
Its header has a length and a checksum, so that a record which a crash cut short, and which nobody
was ever told of as accepted, is left out; a damaged one is kept in `damaged/` for a person.

A segment is removed once all of it is stored. A process that dies in between has others store some
records again, which their receipts make harmless.
"""

import errno
import fcntl
import logging
import os
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from django.db import DataError, IntegrityError

from incidents.arrivals import Arrival

logger = logging.getLogger(__name__)

SEGMENT_BYTES = 4 * 1024 * 1024
BATCH_RECORDS = 100
BATCH_BYTES = 2 * 1024 * 1024
RECORD_LIMIT = 1024 * 1024  # longer than any body with its headers: else the length is damaged
OTHERS_MEASURED_EVERY_SECONDS = 1.0
OWNING_TRIES = 100
DAMAGED = "damaged"

_MAGIC = b"\xabMUSTER\x01"
_HEADER = struct.Struct(">8sII")  # magic, length of what follows, its checksum

type Store = Callable[[Sequence[Arrival]], None]

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Arrival).decode


class SpoolFullError(Exception):
    """Nothing more can be kept: the limit is reached, or the disk refuses."""


@dataclass(frozen=True)
class Piece:
    """Bytes `start` to `end` of a segment: one arrival, or something damaged (None)."""

    start: int
    end: int
    arrival: Arrival | None


def record_of(arrival: Arrival) -> bytes:
    payload = _encode(arrival)
    return _HEADER.pack(_MAGIC, len(payload), zlib.crc32(payload)) + payload


def pieces(data: bytes) -> Iterator[Piece]:
    """Read a segment. A record cut short at its end is left out: it was never answered for."""
    position = 0
    while position < len(data):
        found = _record_at(data, position)
        if found is None:
            following = _next_record(data, position + 1)
            if following is None and _is_cut_short(data, position):
                return
            found = Piece(position, len(data) if following is None else following, None)
        yield found
        position = found.end


def _record_at(data: bytes, position: int) -> Piece | None:
    end = _announced_end(data, position)
    if end is None or end > len(data):
        return None
    payload = data[position + _HEADER.size : end]
    if zlib.crc32(payload) != _HEADER.unpack_from(data, position)[2]:
        return None
    try:
        return Piece(position, end, _decode(payload))
    except msgspec.DecodeError:  # whole, but written by another version: for a person to look at
        return Piece(position, end, None)


def _announced_end(data: bytes, position: int) -> int | None:
    """Where the record at `position` says that it ends; None if there is no such record."""
    if position + _HEADER.size > len(data):
        return None
    magic, length, _ = _HEADER.unpack_from(data, position)
    return position + _HEADER.size + length if magic == _MAGIC and length < RECORD_LIMIT else None


def _next_record(data: bytes, position: int) -> int | None:
    while (position := data.find(_MAGIC, position)) >= 0:
        if _record_at(data, position):
            return position
        position += 1
    return None


def _is_cut_short(data: bytes, position: int) -> bool:
    rest = data[position:]
    # A file system may have grown the file before it wrote what belongs there.
    if not rest.strip(b"\x00"):
        return True
    if len(rest) < _HEADER.size:
        return _MAGIC.startswith(rest[: len(_MAGIC)])
    return (_announced_end(data, position) or 0) > len(data)


class _Segment:
    """A file that this process appends to. `written` counts whole records only."""

    def __init__(self, path: Path) -> None:
        self.path = path
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self._file = os.open(path, flags, 0o600)
        _sync_folder(path.parent)
        self._syncing = threading.Lock()
        self.written = 0
        self.stored = 0
        self._synced = 0
        self.is_broken = False
        self._is_removed = False

    def write(self, record: bytes) -> int:
        """Append and return where the record ends; after an error nothing of it stays."""
        try:
            done = 0
            while done < len(record):
                done += os.write(self._file, record[done:])
        except OSError:
            self._cut_back()
            raise
        self.written += len(record)
        return self.written

    def _cut_back(self) -> None:
        try:
            os.ftruncate(self._file, self.written)
        except OSError:
            self.is_broken = True

    def sync(self, until: int) -> None:
        """Return once everything before `until` is on the disk; one sync serves all who wait."""
        with self._syncing:
            if self._synced >= until or self._is_removed:
                return
            target = self.written
            try:
                os.fdatasync(self._file)
            except OSError:
                self.is_broken = True  # what is on the disk is unknown from here on
                raise
            self._synced = target

    def read(self, until: int) -> bytes:
        """What was written; less if somebody took the file away."""
        try:
            return self.path.read_bytes()[:until]
        except FileNotFoundError:
            return b""

    def remove(self) -> None:
        with self._syncing:
            self._is_removed = True
            self.path.unlink(missing_ok=True)
            os.close(self._file)


class Spool:
    """One process' part of the folder, and what it takes over from dead ones. For any thread."""

    def __init__(self, folder: Path, *, limit_bytes: int) -> None:
        self.folder = folder
        self._limit_bytes = limit_bytes
        self._name = f"{time.time_ns():020d}-{os.getpid()}"
        self._owner: int | None = None
        self._segments: list[_Segment] = []
        self._made = 0
        self._others_bytes = 0
        self._others_measured_at = float("-inf")  # of the monotonic clock, in seconds
        self._writing = threading.Lock()
        self._storing = threading.Lock()

    @property
    def is_empty(self) -> bool:
        """Whether this process has nothing waiting; others may."""
        return not self._segments

    def append(self, arrival: Arrival) -> None:
        """Keep an arrival; it is on the disk when this returns. Raises SpoolFullError."""
        record = record_of(arrival)
        try:
            with self._writing:
                self._refuse_beyond_limit(len(record))
                segment = self._segment()
                end = segment.write(record)
            segment.sync(end)
        except OSError as error:
            logger.error("The spool cannot be written to: %s", error.strerror)
            raise SpoolFullError from error

    def replay(self, store: Store) -> int:
        """Store what waits here, oldest first, then what dead processes left; how many it was.

        Whatever `store` raises because the database is away ends it, and the next call goes on.
        """
        with self._storing:
            return self._replay_own(store) + self._replay_left_behind(store)

    # --- Writing -------------------------------------------------------------------------------

    def _refuse_beyond_limit(self, more: int) -> None:
        now = time.monotonic()
        if now - self._others_measured_at > OTHERS_MEASURED_EVERY_SECONDS:
            self._others_bytes = self._measure_others()
            self._others_measured_at = now
        own = sum(segment.written for segment in self._segments)
        if own + self._others_bytes + more > self._limit_bytes:
            raise SpoolFullError

    def _measure_others(self) -> int:
        own = {segment.path.name for segment in self._segments}
        return sum(_size(path) for path in self.folder.glob("*.spool") if path.name not in own)

    def _segment(self) -> _Segment:
        newest = self._segments[-1] if self._segments else None
        if newest is None or newest.is_broken or newest.written >= SEGMENT_BYTES:
            if self._owner is None:
                self._owner = self._own()
            self._made += 1
            newest = _Segment(self.folder / f"{self._name}-{self._made:06d}.spool")
            self._segments.append(newest)
        return newest

    def _own(self) -> int:
        """Lock our name. Another may for a moment take the new file for one left behind."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for _ in range(OWNING_TRIES):
            file = _take_over(self.folder / f"{self._name}.owner")
            if file is not None:
                return file
            time.sleep(0.01)
        raise BlockingIOError(errno.EAGAIN, "the spool folder is being tidied")

    # --- Storing -------------------------------------------------------------------------------

    def _replay_own(self, store: Store) -> int:
        handled = 0
        while self._segments:
            segment = self._segments[0]
            written = segment.written
            for end, arrivals in self._batches(segment.path, segment.read(written), segment.stored):
                self._store(store, arrivals, segment.path)
                segment.stored = end
                handled += len(arrivals)
            if segment.stored < written:
                logger.error("The end of %s is gone", segment.path)
                segment.stored = written
            with self._writing:
                if segment.stored >= segment.written:
                    self._segments.pop(0)
                    segment.remove()
        return handled

    def _replay_left_behind(self, store: Store) -> int:
        handled = 0
        for name in sorted({_owner_of(path) for path in self.folder.glob("*.*")} - {self._name}):
            file = _take_over(self.folder / f"{name}.owner")
            if file is None:
                continue
            try:
                for path in sorted(self.folder.glob(f"{name}-*.spool")):
                    logger.warning("Taking over %s from a process that ended", path.name)
                    for _, arrivals in self._batches(path, path.read_bytes(), 0):
                        self._store(store, arrivals, path)
                        handled += len(arrivals)
                    path.unlink()
                (self.folder / f"{name}.owner").unlink()
            finally:
                os.close(file)
        return handled

    def _batches(self, path: Path, data: bytes, since: int) -> Iterator[tuple[int, list[Arrival]]]:
        """Arrivals from position `since` on, enough for one statement, and where they end."""
        start, end, batch = since, since, list[Arrival]()
        for piece in pieces(data):
            if piece.end <= since:
                continue
            if piece.arrival is None:
                self._keep_aside(path, data[piece.start : piece.end], piece.start)
            else:
                batch.append(piece.arrival)
            end = piece.end
            if len(batch) >= BATCH_RECORDS or end - start >= BATCH_BYTES:
                yield end, batch
                start, batch = end, []
        if end > start:
            yield end, batch

    def _store(self, store: Store, arrivals: list[Arrival], path: Path) -> None:
        """Store a batch; if the database refuses what is in it, the rest one by one."""
        if not arrivals:
            return
        try:
            store(arrivals)
        except (IntegrityError, DataError) as error:
            if len(arrivals) > 1:
                for arrival in arrivals:
                    self._store(store, [arrival], path)
                return
            receipt = arrivals[0].receipt
            logger.error("The database refuses spooled event %s: %s", receipt, type(error).__name__)
            self._keep_aside(path, record_of(arrivals[0]), str(receipt))

    def _keep_aside(self, path: Path, data: bytes, place: object) -> None:
        kept = self.folder / DAMAGED / f"{path.stem}-{place}.record"
        kept.parent.mkdir(exist_ok=True, mode=0o700)
        kept.write_bytes(data)
        logger.error("A spooled event cannot be read and is kept in %s", kept)


def _owner_of(path: Path) -> str:
    """The process that a segment or a lock belongs to."""
    return path.stem if path.suffix == ".owner" else path.stem.rpartition("-")[0]


def _take_over(path: Path) -> int | None:
    """The lock of a process that ended, or None while it lives, or if another was faster."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    # Whoever had it before may have finished and removed the file that we waited on.
    if os.fstat(file).st_nlink == 0:
        os.close(file)
        return None
    return file


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _sync_folder(folder: Path) -> None:
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


# --- Looking in from outside ---------------------------------------------------------------------


def waiting(folder: Path) -> int:
    """How many events wait in the folder, of all processes; reads their headers only.

    What is being stored at this moment is still counted, up to one segment.
    """
    return sum(_count(path) for path in folder.glob("*.spool"))


def damaged(folder: Path) -> int:
    """How many records were kept for a person to look at."""
    return sum(1 for _ in (folder / DAMAGED).glob("*.record"))


def _count(path: Path) -> int:
    number = 0
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            while len(header := file.read(_HEADER.size)) == _HEADER.size:
                magic, length, _ = _HEADER.unpack(header)
                if magic != _MAGIC or file.seek(length, os.SEEK_CUR) > size:
                    break
                number += 1
    except FileNotFoundError:
        pass  # stored meanwhile
    return number
