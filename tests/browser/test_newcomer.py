"""A newcomer connects Alertmanager by what the integration's page says, and nothing else."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import DESK, PHONE, Enter, Muster
from tests.e2e import seed
from tests.e2e.stack import free_port, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

expect = pytest.importorskip(
    "playwright.sync_api", reason="needs Playwright (`uv run --group e2e`)"
).expect

pytestmark = [pytest.mark.browser, pytest.mark.alertmanager, pytest.mark.slow, pytest.mark.smtp]

ADMINISTRATOR = """
from django.contrib.auth.models import User
User.objects.create_superuser("root", "root@example.com", "{password}")
"""
ALERT = [
    {
        "labels": {"alertname": "DiskFull", "severity": "critical", "instance": "db-1"},
        "annotations": {"summary": "The disk of db-1 is full"},
    }
]
type Connect = Callable[[str], int]


@pytest.fixture
def alertmanager(tmp_path: Path) -> Iterator[Connect]:
    """Start Debian's Alertmanager with a configuration, and answer the port it listens on."""
    started: list[subprocess.Popen[bytes]] = []

    def start(configuration: str) -> int:
        # Half a minute of waiting for more alerts of the group is Alertmanager's own default.
        patient = configuration.replace(
            "receiver: muster\n", "receiver: muster\n  group_wait: 1s\n", 1
        )
        (tmp_path / "alertmanager.yml").write_text(patient)
        port = free_port()
        command = [
            "prometheus-alertmanager", f"--config.file={tmp_path / 'alertmanager.yml'}",
            f"--storage.path={tmp_path / 'am'}", "--cluster.listen-address=",
            f"--web.listen-address=127.0.0.1:{port}",
        ]  # fmt: skip
        with (tmp_path / "alertmanager.log").open("wb") as log:
            started.append(subprocess.Popen(command, stdout=log, stderr=log))
        wait_until("Alertmanager", lambda: _ask(port, "/-/ready"))
        return port

    yield start
    for process in started:
        process.kill()
        process.wait()


def _ask(port: int, path: str, body: object = None) -> bool:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=5) as response:
        return bool(response.status == 200)


def test_alertmanager_is_connected_by_what_the_page_says(
    muster: Muster, enter: Enter, alertmanager: Connect, shoot: Callable[[Page, str], None]
) -> None:
    words = ADMINISTRATOR.format(password=seed.PASSWORD)
    muster.stack.manage("shell", "--no-imports", "--command", words)
    root = enter("root")
    root.goto("/admin/incidents/integration/add/")
    root.get_by_label("Name", exact=False).first.fill("Alertmanager of the shop")
    root.locator("#id_service").evaluate(
        "(field, name) => { const row = new Option(name, '1', true, true); field.append(row); }",
        "Checkout",
    )
    root.get_by_role("button", name="Save", exact=True).click()

    configuration = root.locator("#snippet-1").inner_text()
    shoot(root, "integration-key")
    port = alertmanager(configuration + "\n")
    _ask(port, "/api/v2/alerts", ALERT)

    wait_until("the page", lambda: muster.mailbox.to(seed.FIRST, "The disk of db-1 is full"))
    root.get_by_role("link", name="Done: I have kept the key").click()
    expect(root.get_by_text("Active", exact=True).first).to_be_visible()
    expect(root.get_by_text("1 alert fired").first).to_be_visible()
    shoot(root, "integration")


def test_newcomer_sees_a_test_alert_arrive(muster: Muster, enter: Enter) -> None:
    root = enter("root")
    root.goto("/admin/incidents/integration/")
    root.get_by_role("link", name="Alertmanager of the shop").click()

    root.get_by_role("link", name="Send a test alert").click()
    expect(root.get_by_text("this pages Ana Silva now")).to_be_visible()
    root.get_by_role("button", name="Send the test alert").click()

    wait_until("the page", lambda: muster.mailbox.to(seed.FIRST, "A trial alert"))


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_colleague_reports_from_a_phone_and_triage_shows_it(
    muster: Muster, enter: Enter, shoot: Callable[[Page, str], None], width: int
) -> None:
    mia = enter(seed.MANAGER_LOGIN, width)
    mia.goto("/report/")
    mia.get_by_label("What is broken?").fill(f"The shop is slow at {width}")
    shoot(mia, "report")
    mia.get_by_role("button", name="Report it").click()
    if mia.get_by_text("No, it is something else").is_visible():
        mia.get_by_label("No, it is something else").check()
        mia.get_by_role("button", name="Report it").click()

    expect(mia.get_by_role("status")).to_contain_text("is with INC-")
    mia.goto("/admin/incidents/report/triage/")
    expect(mia.get_by_role("link", name=f"The shop is slow at {width}")).to_be_visible()
    shoot(mia, "triage")
