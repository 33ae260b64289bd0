"""Sending to the addresses of intake through the whole application, as a monitor would."""

import json
from pathlib import Path
from typing import Any

from django.http import HttpResponse
from django.test import Client

from incidents import intake_keys, intake_limits
from incidents.models import Integration
from tests.factories.incidents import make_integration

FIXTURES = Path(__file__).parent.parent / "fixtures"


def fixture(kind: str, name: str, key: str = "") -> bytes:
    """What a sender of this kind sends, with its integration key filled in."""
    return (FIXTURES / kind / name).read_bytes().replace(b"{key}", key.encode())


class Monitor:
    """Whoever has the key of one integration of this kind."""

    def __init__(self, kind: str, **fields: Any) -> None:  # Any: columns of the integration
        intake_keys.forget_all()
        intake_limits._windows.clear()
        self.client = Client()
        self.integration: Integration
        self.integration, self.key = make_integration(kind=kind, **fields)

    def send(
        self, path: str, body: bytes | dict[str, Any] = b"", method: str = "POST", **headers: str
    ) -> Any:  # the test client's own response
        data = json.dumps(body) if isinstance(body, dict) else body
        kind = "application/json"
        return self.client.generic(method, path, data, content_type=kind, headers=headers)


def said(response: HttpResponse) -> tuple[int, Any]:  # Any: JSON
    """Status and document of an answer."""
    return response.status_code, json.loads(response.content)
