"""Muster as it runs for people: real processes, and Chromium with one window for each person."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.e2e import seed
from tests.e2e.mailbox import Mailbox, Server
from tests.e2e.stack import Stack, free_port

if TYPE_CHECKING:
    # The embedded run comes without the group `e2e`; its tests then say so and are skipped.
    from playwright.sync_api import (
        Browser,
        BrowserContext,
        ConsoleMessage,
        Page,
        Request,
        Response,
    )

VIEWER_LOGIN = "vera"
PHONE = 390
DESK = 1440
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
# The manager keeps one group, so that the walk shows that it suffices.
LOGINS = f"""
from django.contrib.auth.models import Group, User

viewer = User.objects.create_user("{VIEWER_LOGIN}", password="{seed.PASSWORD}", is_staff=True)
viewer.groups.set([Group.objects.get(name="Viewer")])
manager = User.objects.get(username="{seed.MANAGER_LOGIN}")
manager.groups.set([Group.objects.get(name="Incident manager")])
"""


@dataclass
class Muster:
    """The running application, its mailbox, and the ways in that are not the browser's."""

    stack: Stack
    seeded: seed.Seeded
    mailbox: Mailbox

    def call(self, path: str, **body: object) -> dict[str, object]:
        """POST to the API as the manager and return the answer."""
        answer = self.stack.post(f"/api/v1/{path}", body, token=self.seeded.token)
        assert answer.status in {200, 201}, answer.text
        return dict(answer.json)

    def open_incident(self, title: str) -> str:
        """Enter an incident of its own, declared, and return its reference."""
        made = self.call("incidents", title=title, services=["checkout"], severity="sev4")
        reference = str(made["reference"])
        self.call(f"incidents/{reference}/declare", extent="some", degree="degraded")
        return reference

    def page_path(self, reference: str) -> str:
        """Return where the incident's page is."""
        return f"/admin/incidents/incident/{reference.removeprefix('INC-')}/change/"

    def action_path(self, reference: str, slug: str) -> str:
        """Return where a form of the incident's page is posted to."""
        return self.page_path(reference).replace("change/", f"do/{slug}/")

    def entries(self, reference: str, kind: str) -> list[dict[str, object]]:
        """Return the incident's timeline entries of one kind, newest first."""
        address = f"/api/v1/incidents/{reference}/timeline?page_size=200"
        answer = self.stack.get(address, token=self.seeded.token)
        return [entry for entry in answer.json["results"] if entry["kind"] == kind]


@pytest.fixture(scope="module")
def muster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Muster]:
    """Every process runs, on the embedded default."""
    with Server(port=free_port()) as mail:
        data_dir = tmp_path_factory.mktemp("browser") / "data"
        stack = Stack(data_dir=data_dir, smtp_port=mail.port)
        try:
            stack.prepare()
            seeded = seed.seed(stack)
            stack.manage("shell", "--no-imports", "--command", LOGINS)
            stack.start()
            yield Muster(stack, seeded, mail.mailbox)
        finally:
            stack.stop()


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, object]:
    """Debian's Chromium, kept from talking to anybody by itself."""
    return {"executable_path": "/usr/bin/chromium", "args": FLAGS}


@dataclass
class Complaints:
    """Everything that went wrong in any window, in words; it must stay empty."""

    base_url: str
    found: list[str] = field(default_factory=list)

    def watch(self, context: BrowserContext) -> None:
        """Listen to all that happens in `context`."""
        context.on("console", self._said)
        context.on("weberror", lambda error: self.found.append(f"script: {error.error}"))
        context.on("request", self._asked)
        context.on("response", self._answered)

    def _said(self, message: ConsoleMessage) -> None:
        # A breach of the content security policy is an error on the console, too.
        if message.type in {"error", "warning"}:
            self.found.append(f"console: {message.text} ({message.page and message.page.url})")

    def _asked(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in {"data", "blob"} and not request.url.startswith(self.base_url):
            self.found.append(f"left the machine: {request.url}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self.found.append(f"answered {response.status}: {response.url}")


type Enter = Callable[..., Page]


@pytest.fixture
def enter(muster: Muster, browser: Browser) -> Iterator[Enter]:
    """Give a person a browser of their own: `enter("mia")`, or `enter()` for one without a login.

    At the end no window may have complained, and none may have asked another machine for anything.
    """
    complaints = Complaints(muster.stack.url)
    contexts: list[BrowserContext] = []

    def make(login: str = "", width: int = DESK) -> Page:
        context = browser.new_context(
            base_url=muster.stack.url,
            viewport={"width": width, "height": 844 if width == PHONE else 900},
            has_touch=width == PHONE,
            locale="en-GB",
            timezone_id="Europe/Berlin",
        )
        contexts.append(context)
        complaints.watch(context)
        page = context.new_page()
        if login:
            page.goto("/admin/login/")
            page.get_by_label("Username").fill(login)
            page.get_by_label("Password").fill(seed.PASSWORD)
            page.get_by_role("button", name="Log in").click()
            page.wait_for_url("**/admin/")
        return page

    yield make
    for context in contexts:
        context.close()
    assert complaints.found == []


@pytest.fixture
def shoot(tmp_path: Path) -> Callable[[Page, str], None]:
    """Keep a picture of a page to be looked at, in MUSTER_SCREENSHOTS or the test's folder."""
    folder = Path(os.environ.get("MUSTER_SCREENSHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)

    def take(page: Page, name: str) -> None:
        width = page.viewport_size["width"] if page.viewport_size else 0
        page.screenshot(path=folder / f"{name}-{width}.png", full_page=True)

    return take
