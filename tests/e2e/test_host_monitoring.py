"""From a plugin's exit code, through a real Nagios or Icinga 2, to an incident and its end."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import seed
from tests.e2e.host_monitoring import HostMonitoring
from tests.e2e.stack import Stack, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("stack", ["embedded"], indirect=True)]

ISSUE = """
from django.utils import timezone
from incidents.models import Integration, Service
from roster.actors import Actor
made = Integration.issue(slug="hosts", name="Hosts", kind="nagios", service=Service.objects.get(),
                         by=Actor.system("seed"), at=timezone.now())
print(made[1])
"""
HOSTILE = """CRIT ' "quoted" $(touch {0}) ; touch {0} ; `touch {0}` \\ back"""


@pytest.fixture(
    params=[
        pytest.param("nagios", marks=pytest.mark.nagios),
        pytest.param("icinga", marks=pytest.mark.icinga),
    ]
)
def monitoring(
    request: pytest.FixtureRequest, stack: Stack, tmp_path: Path
) -> Iterator[HostMonitoring]:
    """The daemon, with all well so far."""
    key = stack.manage("shell", "--verbosity", "0", "-c", ISSUE).split()[-1]
    made = HostMonitoring(request.param, tmp_path / "hosts", f"{stack.url}/ingest/{key}/")
    try:
        made.start()
        yield made
    finally:
        made.stop()


def test_problem_is_paged_acknowledged_and_resolved(
    stack: Stack, seeded: seed.Seeded, monitoring: HostMonitoring, tmp_path: Path
) -> None:
    def get(path: str) -> Any:
        return stack.get(f"/api/v1/{path}", token=seeded.token).json

    hacked = tmp_path / "hacked"
    monitoring.say(2, HOSTILE.format(hacked))
    wait_until("the problem in the script's folder", lambda: monitoring.waiting() == 1)

    stack.start()

    (alert,) = wait_until("the alert", lambda: get("alerts")["results"], seconds=120)
    assert alert["title"] == "HTTP on Web 1 is CRITICAL"
    assert alert["dedup_key"] == "web-1!HTTP"
    assert "quoted" in alert["description"]
    assert not hacked.exists()
    wait_until("the incident", lambda: get("incidents/INC-1")["phase"] == "detected")

    monitoring.acknowledge("Ada Lovelace", "Restarting the proxy.")
    wait_until("the acknowledgement", lambda: get("incidents/INC-1")["acknowledged_at"])

    monitoring.say(0, "HTTP OK")
    wait_until("the end", lambda: get("alerts?state=resolved")["results"])
    wait_until("an empty folder", lambda: monitoring.waiting() == 0)
    assert [each["dedup_key"] for each in get("alerts")["results"]] == ["web-1!HTTP"]
