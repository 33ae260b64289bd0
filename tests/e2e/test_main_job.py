"""The main job from a real Prometheus to the calendar invitations, in one piece."""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.e2e import seed
from tests.e2e.mailbox import Server, answer_link, calendar_of, text_of
from tests.e2e.monitoring import Monitoring
from tests.e2e.stack import Answer, Stack, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.alertmanager, pytest.mark.smtp]


@pytest.fixture(autouse=True)
def running(stack: Stack) -> None:
    """Every process runs."""
    stack.start()


@pytest.fixture
def monitoring(stack: Stack, seeded: seed.Seeded, tmp_path: Path) -> Iterator[Monitoring]:
    """Prometheus and Alertmanager, quiet so far."""
    made = Monitoring(tmp_path / "monitoring", f"{stack.url}/ingest/{seeded.key}/")
    try:
        made.start()
        yield made
    finally:
        made.stop()


def follow(stack: Stack, link: str, **form: str) -> Answer:
    """Open a signed link as a phone would, and tap its button."""
    page = stack.get(link)
    assert page.status == 200, page.text
    return stack.request("POST", link, form=urlencode(form).encode())


def test_alert_travels_from_prometheus_to_postmortem_invitations(
    stack: Stack, seeded: seed.Seeded, monitoring: Monitoring, mail: Server
) -> None:
    box = mail.mailbox

    def do(path: str, **body: object) -> Answer:
        answer = stack.post(f"/api/v1/incidents/INC-1/{path}", body, token=seeded.token)
        assert answer.status in {200, 201}, answer.text
        return answer

    def phase() -> str:
        return str(stack.get("/api/v1/incidents/INC-1", token=seeded.token).json["phase"])

    monitoring.fire()
    page = wait_until("the page", lambda: box.to(seed.FIRST, "Checkout is failing"))[0]
    acknowledge = answer_link(page)
    assert follow(stack, acknowledge).status == 200
    taken = stack.get("/api/v1/incidents/INC-1", token=seeded.token).json
    assert taken["acknowledged_at"] is not None
    assert taken["phase"] == "detected"

    do("declare", extent="some", degree="unusable", severity="sev2", reason="Card payments fail.")
    wait_until("the first update", lambda: box.to(seed.STAKEHOLDERS, "INC-1"))
    assert stack.get("/api/v1/incidents/INC-1", token=seeded.token).json["manager"] == "mia"

    for person in ("dev", "lou"):
        do("request-responder", person=person, purpose="investigate", message="Payments fail.")
    for address in (seed.EXPERT, seed.LAWYER):
        request = wait_until("the request", partial(box.to, address, "INC-1"))[0]
        assert follow(stack, answer_link(request)).status == 200
    do("release", person="lou", reason="Nothing legal in it.")

    do("advance", phase="diagnosing", note="Looking at the last release.")
    do("advance", phase="restoring", note="Rolling back.")
    monitoring.resolve()
    wait_until(
        "the alert to be resolved",
        lambda: stack.get("/api/v1/alerts?state=resolved", token=seeded.token).json["results"],
    )
    assert phase() == "restoring"
    do("restore", summary="Rolled back the release of 14:00.")

    for address in (seed.FIRST, seed.EXPERT, seed.LAWYER, seed.MANAGER):
        invitation = wait_until(
            f"the invitation of {address}",
            partial(box.invitations_to, address),
        )[0]
        calendar = calendar_of(invitation).replace("\r\n ", "")
        assert "METHOD:REQUEST" in calendar
        assert f"mailto:{address}" in calendar.lower()
    assert stack.get("/api/v1/postmortems/PM-1", token=seeded.token).json["state"] == "draft"

    kinds = [
        entry["kind"]
        for entry in stack.get(
            "/api/v1/incidents/INC-1/timeline?page_size=200", token=seeded.token
        ).json["results"]
    ][::-1]
    in_order = [
        "incident_detected", "escalation_started", "responder_paged", "page_acknowledged",
        "incident_declared", "update_sent", "responder_requested",
        "responder_acknowledged", "responder_released", "phase_changed", "alert_resolved",
        "incident_restored", "postmortem_opened", "invitations_sent",
    ]  # fmt: skip
    assert [kind for kind in dict.fromkeys(kinds) if kind in in_order] == in_order


def test_page_message_says_what_a_tired_person_needs(
    stack: Stack, seeded: seed.Seeded, mail: Server
) -> None:
    body = (Path(__file__).parents[1] / "fixtures" / "alertmanager" / "firing.json").read_bytes()

    accepted = stack.request("POST", f"/ingest/{seeded.key}/", form=body)

    assert accepted.status == 202, accepted.text
    page = wait_until("the page", lambda: mail.mailbox.to(seed.FIRST))[0]
    assert page["Subject"].startswith("INC-1")
    text = text_of(page)
    assert re.search(r"Checkout", text)
    assert "https://runbooks.example.com/checkout" in text
    assert f"{stack.url}/a/" in text
