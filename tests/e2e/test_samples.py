"""Every curl line that a page of an integration shows, run as it stands there."""

import json
import subprocess

import pytest

from tests.e2e import seed
from tests.e2e.stack import Stack, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("stack", ["embedded"], indirect=True)]

KINDS = (
    "azure", "datadog", "generic", "google_cloud", "nagios", "pingdom", "uptime_kuma",
    "uptimerobot", "zabbix",
)  # fmt: skip
LINES = """
import json
from django.utils import timezone
from incidents.connecting import connection_of
from incidents.intake import ADAPTERS
from incidents.models import Integration, Service
from roster.actors import Actor
at, lines = timezone.now(), {}
for kind in KINDS:
    made, key = Integration.issue(slug=kind, name=kind, kind=kind, service=Service.objects.get(),
                                  by=Actor.system("seed"), at=at)
    lines[kind] = connection_of(ADAPTERS[kind], key=key, at=at).curl
print(json.dumps(lines))
"""


def test_curl_line_of_each_kind_makes_an_incident(stack: Stack, seeded: seed.Seeded) -> None:
    code = f"KINDS = {KINDS!r}{LINES}"
    lines = json.loads(stack.manage("shell", "--verbosity", "0", "-c", code).splitlines()[-1])
    stack.start()

    for kind, line in lines.items():
        done = subprocess.run(
            ["sh", "-c", f"{line} --fail --write-out ' %{{http_code}}'"],
            capture_output=True, text=True, check=False, timeout=30,
        )  # fmt: skip
        assert done.stdout.endswith(" 202"), (kind, line, done.stdout, done.stderr)

    def alerts() -> dict[str, str]:
        found = stack.get("/api/v1/alerts?page_size=100", token=seeded.token).json["results"]
        return {each["integration"]: each["incident"] for each in found}

    wait_until("an alert of each kind", lambda: alerts().keys() == set(KINDS), seconds=120)
    assert all(incident for incident in alerts().values())
