"""How a monitor is connected to its integration: addresses, things to paste, and a try."""

import shlex
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction

from incidents.intake import Adapter, Importance, Snippet
from incidents.models import AlertEvent, Integration
from roster.actors import Actor
from roster.doorbell import ring
from roster.errors import DomainError

# Stands where the key belongs while it is not known: it is shown only once, when it is made.
KEY_UNKNOWN = "YOUR-KEY"


@dataclass(frozen=True)
class Connection:
    """The adapter's guide with this installation's address and the key filled in."""

    address: str
    steps: list[str]
    snippets: list[Snippet]
    curl: str


def connection_of(adapter: Adapter, *, key: str = KEY_UNKNOWN, at: datetime) -> Connection:
    guide = adapter.guide
    base = settings.PUBLIC_URL
    address = guide.address.replace("{base}", base).replace("{key}", key)

    public = urlsplit(base)
    said = {
        "url": address,
        "base": base,
        "key": key,
        "scheme": public.scheme,
        "host": public.netloc,
    }

    def fill(text: str) -> str:
        for name, value in said.items():
            text = text.replace(f"{{{name}}}", value)
        return text

    return Connection(
        address=address,
        steps=[fill(step) for step in guide.steps],
        snippets=[Snippet(each.title, fill(each.text), fill(each.note)) for each in guide.snippets],
        curl=fill(_curl(adapter, at)),
    )


def _curl(adapter: Adapter, at: datetime) -> str:
    """The line that sends the adapter's sample; empty where the format is not sent by HTTP."""
    sample = adapter.sample(at)
    if sample.content_type.startswith("message/"):
        return ""
    words = ["curl", "-sS"]
    if sample.method != "POST":
        words += ["-X", sample.method]
    if sample.content_type:
        words += ["-H", f"Content-Type: {sample.content_type}"]
    for name, value in sample.headers.items():
        words += ["-H", f"{name}: {value}"]
    # A sample may be of a call below the address, or of another product's.
    is_elsewhere = any(sample.call.startswith(door.path) for door in adapter.doors)
    base = "{base}/" if is_elsewhere else "{base}/ingest/{key}/"
    words.append(f"{base}{sample.call}")
    if sample.body:
        words += ["--data-binary", sample.body.decode()]
    return shlex.join(words)


def send_test_alert(integration: Integration, *, by: Actor, at: datetime) -> AlertEvent:
    """Store the adapter's sample as if the monitor had sent it just now.

    It goes the whole way, rules and paging included. Raises DomainError if nothing comes in by this
    integration any more.
    """
    if integration.revoked_at:
        raise DomainError("revoked", f"{integration} is revoked: nothing comes in by it.")
    sample = integration.adapter.sample(at)
    with transaction.atomic():
        event = AlertEvent.objects.create(
            integration=integration,
            received_at=at,
            due_at=at,
            origin=AlertEvent.Origin.TEST,
            call=sample.call,
            importance=Importance.FIRING,
            content_type=sample.content_type,
            headers=dict(sample.headers) | {"sent-by": by.name},
            body=sample.body,
        )
        ring("incidents.process_events")
    return event
