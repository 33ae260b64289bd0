"""The embedded broker: a folder with at most one file per task.

Messages are a doorbell, and a bell that was rung but not yet heard need not be rung again: the
file of a task is named for it, so a new one takes the place of the old, and a worker that was away
comes back to a handful of rings. Kombu's own `filesystem` transport shows a file before it is
written, and a worker that reads it then ends (https://github.com/celery/kombu/issues/1551); here
files appear by being renamed.
"""

from pathlib import Path
from queue import Empty
from typing import Any
from uuid import uuid4

from kombu.transport import TRANSPORT_ALIASES, virtual
from kombu.utils.json import dumps, loads


class Channel(virtual.Channel):
    """Puts messages into files and takes them out, the longest unheard first.

    A message taken is gone: whatever dies before acting on it leaves its row to the sweep.
    """

    # `Any`: a message is whatever kombu makes it.
    def _put(self, queue: str, message: dict[str, Any], **kwargs: Any) -> None:
        name = message.get("headers", {}).get("task") or uuid4().hex
        draft = self._folder() / f"{uuid4().hex}.draft"
        draft.write_text(dumps(message))
        draft.rename(self._folder() / f"{queue}.{name}.message")

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        for path in sorted(self._waiting(queue), key=_rung_at):
            taken = path.with_name(f"{uuid4().hex}.taken")
            try:
                path.rename(taken)
            except FileNotFoundError:
                continue  # another worker was faster
            message = loads(taken.read_text())
            taken.unlink()
            return message
        raise Empty

    def _size(self, queue: str) -> int:
        return len(self._waiting(queue))

    def _purge(self, queue: str) -> int:
        waiting = self._waiting(queue)
        for path in waiting:
            path.unlink(missing_ok=True)
        return len(waiting)

    def _waiting(self, queue: str) -> list[Path]:
        return list(self._folder().glob(f"{queue}.*.message"))

    def _folder(self) -> Path:
        # The stubs allow for a channel without connection, which there is none of.
        folder = Path(self.connection.client.transport_options["folder"])  # type: ignore[union-attr, index]
        folder.mkdir(parents=True, exist_ok=True)
        return folder


class Transport(virtual.Transport):
    """Broker addresses `folder://`; the folder is named in the transport options."""

    Channel = Channel
    implements = virtual.Transport.implements.extend(exchange_type=frozenset(["direct"]))
    default_port = 0
    polling_interval = 0.1  # seconds
    driver_type = driver_name = "folder"

    def driver_version(self) -> str:
        return "1"


TRANSPORT_ALIASES["folder"] = "config.folder_broker:Transport"


def _rung_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
