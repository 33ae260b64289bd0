"""A worker killed at each stage between an accepted alert and a handed-over page.

Nothing accepted is lost, every page is handed over in the end, and no message goes out again once
its success was recorded. The killed process gets SIGKILL, so it cleans up nothing.
"""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e import seed
from tests.e2e.mailbox import Server
from tests.e2e.stack import ROOT, Stack

pytestmark = [pytest.mark.slow, pytest.mark.smtp]

PAYLOAD = Path(__file__).parents[1] / "fixtures" / "alertmanager" / "firing.json"
# Past every lease; far from the next escalation step, which would page somebody else.
LEASES_EXPIRED = 4 * 60


def work(stack: Stack, *options: str) -> int:
    """Run the draining worker and return how it ended: 0, or minus the signal that killed it."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.drain", *options],
        cwd=ROOT, env=stack.env, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode in {0, -signal.SIGKILL}, done.stdout + done.stderr
    return done.returncode


@pytest.fixture
def accepted(stack: Stack, seeded: seed.Seeded) -> Stack:
    """An alert was accepted, and nothing has looked at it yet."""
    status = stack.run("-m", "tests.faults.accept", seeded.key, str(PAYLOAD))
    assert status.split()[-1] == "202"
    return stack


STAGES = {
    "processing, event claimed": ("incidents.processing._apply",),
    "processing, before the commit": ("incidents.processing._apply", "--after"),
    "escalation, claimed": ("incidents.escalation.running._run_together",),
    "escalation, page made and not committed": ("incidents.escalation.running.data_of",),
    "announcing, claimed": ("incidents.announcements._announce",),
    "sending, claimed": ("comms.channels.email.EmailSender.send",),
}


@pytest.mark.parametrize("mine", STAGES.values(), ids=STAGES.keys())
def test_worker_killed_during_stage_pages_once_after_it(
    accepted: Stack, mail: Server, mine: tuple[str, ...]
) -> None:
    assert work(accepted, "--die-at", *mine) == -signal.SIGKILL
    assert mail.mailbox.to(seed.FIRST) == []

    assert work(accepted, "--later", str(LEASES_EXPIRED)) == 0

    pages = mail.mailbox.to(seed.FIRST, "Checkout is failing")
    assert [message["Subject"][:5] for message in pages] == ["INC-1"]


def test_worker_killed_after_handing_over_repeats_the_same_message(
    accepted: Stack, mail: Server
) -> None:
    taken_by_server = ("comms.channels.email.EmailSender.send", "--after")
    assert work(accepted, "--die-at", *taken_by_server) == -signal.SIGKILL

    assert work(accepted, "--later", str(LEASES_EXPIRED)) == 0

    first, again = mail.mailbox.to(seed.FIRST, "Checkout is failing")
    assert first["Message-ID"] == again["Message-ID"]
    twice = accepted.run(
        "manage.py", "shell", "-v", "0", "-c",
        "from comms.models import Message; print(Message.objects.get().possibly_sent_twice)",
    )  # fmt: skip
    assert twice.split()[-1] == "True"


def test_message_whose_success_was_recorded_is_not_sent_again(
    accepted: Stack, mail: Server
) -> None:
    assert work(accepted, "--die-at", "comms.outbox.sending._finish", "--after") == -signal.SIGKILL
    assert len(mail.mailbox.to(seed.FIRST)) == 1

    assert work(accepted, "--later", str(LEASES_EXPIRED)) == 0

    assert len(mail.mailbox.to(seed.FIRST)) == 1


def test_two_workers_at_once_page_once(accepted: Stack, mail: Server) -> None:
    command = [sys.executable, "-m", "tests.faults.drain"]
    both = [subprocess.Popen(command, cwd=ROOT, env=accepted.env) for _ in range(2)]

    assert [worker.wait(timeout=120) for worker in both] == [0, 0]

    assert len(mail.mailbox.to(seed.FIRST, "Checkout is failing")) == 1
