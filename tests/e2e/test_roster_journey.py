"""A shift changes hands by mail, and the next page goes to whoever took it."""

from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.e2e import seed
from tests.e2e.mailbox import Server, answer_link
from tests.e2e.stack import Answer, Stack, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.smtp]

ALERT = Path(__file__).parents[1] / "fixtures" / "alertmanager" / "firing.json"


@pytest.fixture(autouse=True)
def running(stack: Stack) -> None:
    """Every process runs."""
    stack.start()


def tap(stack: Stack, link: str) -> Answer:
    """Open a signed link as a phone would, and tap its button."""
    page = stack.get(link)
    assert page.status == 200, page.text
    return stack.request("POST", link, form=urlencode({}).encode())


def on_call(stack: Stack, seeded: seed.Seeded) -> list[str]:
    answer = stack.get("/api/v1/oncall?schedule=primary", token=seeded.token)
    return [each["person"] for each in answer.json]


def test_swap_that_both_agree_to_by_mail_is_who_is_paged(
    stack: Stack, seeded: seed.Seeded, mail: Server
) -> None:
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    span = {"starts_at": now.isoformat(), "ends_at": (now + timedelta(hours=6)).isoformat()}
    wish = {"schedule": "primary", "giver": "ana", "to": "dev", "note": "Fever", **span}

    offered = stack.post("/api/v1/swaps", wish, token=seeded.token)

    assert offered.status == 201, offered.text
    for address in (seed.EXPERT, seed.FIRST):
        assert on_call(stack, seeded) == ["ana"]
        asked = wait_until("the question", partial(mail.mailbox.to, address, "SWAP-1"))
        assert tap(stack, answer_link(asked[0])).status == 200
    # What is left of a running shift changes hands on the next whole minute.
    wait_until("the change", lambda: on_call(stack, seeded) == ["dev"], seconds=75)
    accepted = stack.request("POST", f"/ingest/{seeded.key}/", form=ALERT.read_bytes())
    assert accepted.status == 202
    wait_until("the page", lambda: mail.mailbox.to(seed.EXPERT, "INC-1"))
    assert mail.mailbox.to(seed.FIRST, "INC-1") == []


def test_unannounced_page_test_is_answered_without_an_incident(
    stack: Stack, seeded: seed.Seeded, mail: Server
) -> None:
    wish = {
        "name": "Autumn test",
        "schedules": ["primary"],
        "starts_at": datetime.now(UTC).isoformat(),
    }

    planned = stack.post("/api/v1/page-tests", wish, token=seeded.token)

    assert planned.status == 201, planned.text
    [page] = wait_until("the page", lambda: mail.mailbox.to(seed.FIRST, "Autumn test"))
    assert tap(stack, answer_link(page)).status == 200
    address = f"/api/v1/page-tests/{planned.json['reference']}"
    answers = stack.get(address, token=seeded.token).json["answers"]
    assert [(each["person"], each["acknowledged_at"] is None) for each in answers] == [
        ("ana", False)
    ]
    assert stack.get("/api/v1/incidents", token=seeded.token).json["results"] == []
