"""The embedded broker rings each bell once, and shows no message before it is written."""

import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Empty

import pytest
from kombu import Connection

from config.folder_broker import Channel


@pytest.fixture
def channel(tmp_path: Path) -> Iterator[Channel]:
    with Connection("folder://", transport_options={"folder": str(tmp_path)}) as connection:
        yield connection.channel()  # type: ignore[misc]  # the stubs know one kind of channel


def ring(channel: Channel, task: str, body: str = "") -> None:
    channel._put("muster", {"body": body, "headers": {"task": task}})


def test_message_is_delivered_and_gone(channel, tmp_path):
    ring(channel, "comms.send_email")

    assert channel._get("muster") == {"body": "", "headers": {"task": "comms.send_email"}}
    with pytest.raises(Empty):
        channel._get("muster")
    assert list(tmp_path.iterdir()) == []


def test_bell_rung_twice_is_heard_once(channel):
    ring(channel, "comms.send_email", body="first")
    ring(channel, "comms.send_email", body="second")

    assert channel._size("muster") == 1
    assert channel._get("muster")["body"] == "second"


def test_longest_unheard_comes_first(channel):
    ring(channel, "b.first")
    ring(channel, "a.second")

    heard = [channel._get("muster")["headers"]["task"] for _ in range(2)]

    assert heard == ["b.first", "a.second"]


def test_other_queues_are_left_alone(channel):
    ring(channel, "comms.send_email")

    with pytest.raises(Empty):
        channel._get("must")


def test_purge_counts_what_it_removes(channel):
    ring(channel, "one")
    ring(channel, "two")

    assert channel._purge("muster") == 2
    assert channel._size("muster") == 0


def test_kombu_delivers_through_it(tmp_path):
    heard = []
    options = {"folder": str(tmp_path)}
    with Connection("folder://", transport_options=options) as sender:
        sender.SimpleQueue("muster").put({"ring": 1})
    with Connection("folder://", transport_options=options) as receiver:
        message = receiver.SimpleQueue("muster").get(timeout=5)
        heard.append(message.payload)
        message.ack()

    assert heard == [{"ring": 1}]


@pytest.mark.slow
def test_reader_never_meets_half_a_message(channel):
    def write() -> None:
        for number in range(500):
            ring(channel, f"task-{number % 5}", body="x" * 2000)

    writer = threading.Thread(target=write)
    writer.start()
    bodies = set()
    while writer.is_alive() or channel._size("muster"):
        try:
            bodies.add(channel._get("muster")["body"])
        except Empty:
            continue
    writer.join()

    assert bodies == {"x" * 2000}
